//! Files as a source: those of every server version, told to an observer and through it to another server.

use std::path::{Path, PathBuf};

use redis_mirror_test_support::digest::assert_same;
use redis_mirror_test_support::workload::Dataset;
use redis_mirror_test_support::{Client, Command as TestCommand, Folder, Installed, Options, Server};
use redis_replica::transport::{
    FileConfig, FileError, Observer, ObserverError, Replayed, TruncatedTail, replay, replay_reader,
};
use redis_replica::{Command, Error, Position, rdb};

use crate::common::{commands, snapshot};
use crate::{run, with_each_server};

/// Gives all that it is told to a server.
struct Into {
    client: Client,
    target: rdb::Target,
    db: Option<u32>,
    told: Vec<String>,
    position: Option<Position>,
}

impl Into {
    fn new(server: &Server) -> Self {
        let version = server.installed().version;
        let number = |n: u32| u8::try_from(n).unwrap();
        let family = match version.family {
            redis_mirror_test_support::Family::Redis => rdb::Family::Redis,
            redis_mirror_test_support::Family::Valkey => rdb::Family::Valkey,
        };
        let version = (number(version.major), number(version.minor), number(version.patch));
        let target = rdb::Target { family, version };
        Into { client: server.client(), target, db: None, told: Vec::new(), position: None }
    }

    fn select(&mut self, db: u32) {
        if self.db != Some(db) {
            run(&mut self.client, &format!("SELECT {db}"));
            self.db = Some(db);
        }
    }

    fn send(&mut self, args: &[&[u8]]) {
        self.client.run(args.iter().fold(TestCommand::new(""), |command, arg| command.arg(*arg)));
    }
}

impl Observer for Into {
    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        match item {
            rdb::Item::Entry(entry) => {
                self.select(entry.db);
                let mut payload = Vec::new();
                entry.object.payload_for(self.target, &mut payload)?;
                let ttl = entry.expire_at_ms.unwrap_or(0).to_string();
                self.send(&[b"RESTORE", &entry.key, ttl.as_bytes(), &payload, b"ABSTTL"]);
            }
            rdb::Item::Function(code) => self.send(&[b"FUNCTION", b"LOAD", &code]),
            rdb::Item::Rejected(rejected) => panic!("{rejected:?}"),
            _ => {}
        }
        Ok(())
    }

    fn streaming_start(&mut self, position: Option<Position>) -> Result<(), ObserverError> {
        self.position = position;
        self.told.push("live".into());
        Ok(())
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        self.select(command.db);
        self.told.push(String::from_utf8_lossy(command.view.name()).to_uppercase());
        let args: Vec<&[u8]> = command.view.args().collect();
        self.send(&args);
        Ok(())
    }

    fn transaction_begin(&mut self, _: redis_replica::callback::Whereabouts) -> Result<(), ObserverError> {
        self.told.push("begin".into());
        Ok(())
    }
}

/// Data of every kind, with a function, in a server that then rests.
fn filled(installed: &Installed, options: Options) -> Server {
    let server = Server::start(installed, options);
    let mut client = server.client();
    Dataset::new(11, 300).load(&mut client).unwrap();
    server
}

fn copy_into_fresh(source: &Server, path: &Path) -> (Into, Replayed) {
    let fresh = Server::start(source.installed(), Options::new());
    let mut into = Into::new(&fresh);
    let replayed = replay(path, &FileConfig::default(), &mut into).unwrap();
    assert_same(source, &fresh);
    (into, replayed)
}

#[test]
fn an_rdb_file_of_each_server_makes_an_equal_server() {
    with_each_server(|installed| {
        let server = filled(installed, Options::new());
        run(&mut server.client(), "SAVE");
        let path = server.dir().join("dump.rdb");
        let (into, replayed) = copy_into_fresh(&server, &path);
        assert_eq!((into.told, replayed), (vec![String::from("live")], Replayed::default()), "{installed}");
    });
}

/// What a replica saved says where a link can go on.
#[test]
fn an_rdb_file_tells_its_position() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        let replica = Server::start(installed, Options::new());
        replica.replicate(server.address());
        run(&mut server.client(), "SET k v");
        assert_eq!(server.client().int(TestCommand::new("WAIT 1 30000")), 1);
        server.wait_saved();
        run(&mut server.client(), "SAVE");
        let fresh = Server::start(installed, Options::new());
        let mut into = Into::new(&fresh);
        replay(&server.dir().join("dump.rdb"), &FileConfig::default(), &mut into).unwrap();
        let info = server.info("replication");
        let position = into.position.unwrap();
        assert_eq!(Some(position.replid.as_str()), info.get("master_replid"), "{installed}");
        assert!(position.offset as i64 <= info.number("master_repl_offset").unwrap(), "{installed}");
    });
}

fn aof_dir(server: &Server) -> PathBuf {
    server.dir().join("appendonlydir")
}

/// A base and increments, with transactions and timestamps; the base once as a snapshot and once as commands.
#[test]
fn an_aof_directory_of_each_server_makes_an_equal_server() {
    with_each_server(|installed| {
        for preamble in ["yes", "no"] {
            let options =
                Options::new().set("aof-use-rdb-preamble", preamble).set("aof-timestamp-enabled", "yes");
            let mut server = Server::start(installed, options.durable());
            let mut client = server.client();
            Dataset::new(5, 60).load(&mut client).unwrap();
            run(&mut client, "BGREWRITEAOF");
            server.wait_saved();
            Dataset::new(6, 60).prefix("more:").load(&mut client).unwrap();
            for words in ["SELECT 2", "MULTI", "INCR n", "RPUSH l a b", "EXEC"] {
                run(&mut client, words);
            }
            // What the server itself makes of its files: a rewrite into commands drops some pending entries.
            server.kill_and_resume();
            let (into, replayed) = copy_into_fresh(&server, &aof_dir(&server));
            assert_eq!(into.told.iter().filter(|told| *told == "live").count(), 1);
            assert!(into.told.contains(&String::from("begin")), "{installed}");
            assert!(
                replayed.command_bytes > 1000 && replayed.left_out_bytes == 0,
                "{installed} {replayed:?}"
            );
        }
    });
}

/// A server killed while it wrote: the rest is left out, an unfinished transaction too, and said.
#[test]
fn a_truncated_tail_is_left_out_and_told() {
    let folder = Folder::new("truncated");
    let whole = commands(&["SELECT 3", "SET a 1", "MULTI", "SET b 2", "SET c 3", "EXEC", "SET d 4"]);
    let unit = |lines: &[&str]| commands(lines).len();
    let (first, group) = (unit(&["SELECT 3", "SET a 1"]), unit(&["MULTI", "SET b 2", "SET c 3", "EXEC"]));
    for len in 0..=whole.len() {
        let mut counted = Counted::default();
        let replayed = replay_reader(&whole[..len], &FileConfig::default(), &mut counted).unwrap();
        let complete = match len {
            _ if len >= whole.len() => 4,
            _ if len >= first + group => 3,
            _ => usize::from(len >= first),
        };
        assert_eq!(counted.commands, complete, "{len}");
        let ends = [0, unit(&["SELECT 3"]), first, first + group, whole.len()];
        let settled = ends.into_iter().rfind(|end| *end <= len).unwrap();
        assert_eq!(replayed.left_out_bytes, (len - settled) as u64, "{len}");
        let strict = FileConfig { truncated: TruncatedTail::Refuse, ..FileConfig::default() };
        let refused = replay_reader(&whole[..len], &strict, &mut Counted::default());
        assert_eq!(refused.is_err(), len != settled, "{len}: {refused:?}");
    }
    // Only the last file may be so.
    std::fs::write(folder.path().join("a"), &whole[..first + 3]).unwrap();
    std::fs::write(folder.path().join("b"), &whole).unwrap();
    folder.write("x.manifest", "file a seq 1 type i\nfile b seq 2 type i\n");
    let refused = replay(folder.path(), &FileConfig::default(), &mut Counted::default());
    assert!(matches!(refused, Err(FileError::Truncated { bytes: 3, .. })), "{refused:?}");
}

#[derive(Default)]
struct Counted {
    keys: usize,
    commands: usize,
}

impl Observer for Counted {
    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        self.keys += usize::from(matches!(item, rdb::Item::Entry(_)));
        Ok(())
    }

    fn command(&mut self, _: Command<'_>) -> Result<(), ObserverError> {
        self.commands += 1;
        Ok(())
    }
}

/// As servers before 7.0 wrote it: a snapshot and commands behind it, in one file.
#[test]
fn an_old_aof_with_a_preamble_is_read() {
    let bytes =
        [snapshot(&[("k", "v")], &[("aof-preamble", "1")]), commands(&["SET a 1", "SET b 2"])].concat();
    let mut counted = Counted::default();
    replay_reader(bytes.as_slice(), &FileConfig::default(), &mut counted).unwrap();
    assert_eq!((counted.keys, counted.commands), (1, 2));
}

#[test]
fn what_is_no_save_has_a_name() {
    let cut = &snapshot(&[("k", "v")], &[])[..15];
    let refused = |bytes: &[u8]| replay_reader(bytes, &FileConfig::default(), &mut Counted::default());
    assert!(matches!(refused(cut), Err(FileError::SnapshotTruncated { .. })));
    for bytes in [&b"hello world\r\n"[..], b"\x1f\x8b\x08 packed", b"\0"] {
        assert!(matches!(refused(bytes), Err(FileError::Unrecognized { .. })), "{}", bytes.escape_ascii());
    }
    assert!(matches!(
        refused(b"*1\r\n$4\r\nPING\r\nhello\r\n"),
        Err(FileError::Content { source: Error::OutOfStep, .. })
    ));
    assert!(matches!(
        refused(b"*2147483647\r\n"),
        Err(FileError::Content { source: Error::Protocol(_), .. })
    ));
    let folder = Folder::new("nothing");
    let refused = replay(folder.path(), &FileConfig::default(), &mut Counted::default());
    assert!(matches!(refused, Err(FileError::NoManifest { .. })), "{refused:?}");
    let small = FileConfig { transaction_bytes: 10, ..FileConfig::default() };
    let transaction = commands(&["MULTI", "SET a 1", "EXEC"]);
    let refused = replay_reader(transaction.as_slice(), &small, &mut Counted::default());
    assert!(matches!(refused, Err(FileError::TransactionTooLarge { limit: 10, .. })), "{refused:?}");
}
