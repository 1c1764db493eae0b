//! The client against real servers that hold the module.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use example_record_client::{Cursor, Options, Put, Record, Records, TypeOptions, Update, Watcher};
use redis_mirror_test_support::{
    Authority, Installed, Options as ServerOptions, Proxy, Server, TlsPort, any_server, cmd, server,
};

const WAIT: Duration = Duration::from_secs(30);

fn some_servers() -> impl Iterator<Item = &'static Installed> {
    ["redis70", "redis86", "valkey9"].into_iter().filter_map(server)
}

fn start(installed: &Installed) -> Server {
    Server::start(installed, ServerOptions::new().mirror(""))
}

fn open(server: &Server) -> Records {
    Records::open(Options::new(server.url(), "store")).expect("the server has RECORD.*")
}

/// What a reader makes of the updates.
#[derive(Default)]
struct Copy {
    records: BTreeMap<(String, String), Vec<u8>>,
    states: usize,
    versions: Vec<u64>,
}

impl Copy {
    fn take(&mut self, update: Update) {
        let records = match update {
            Update::State(all) => {
                self.states += 1;
                self.records.clear();
                all
            }
            Update::Changes(some) => {
                self.versions.extend(some.iter().map(|record| record.version));
                some
            }
        };
        for Record { type_name, id, data, .. } in records {
            match data {
                Some(data) => self.records.insert((type_name, id), data),
                None => self.records.remove(&(type_name, id)),
            };
        }
    }

    /// Reads until the copy is what the store holds.
    fn follow(&mut self, watcher: &mut Watcher, store: &mut Records) {
        let (all, end) = store.sync_latest(&[]).expect("a list");
        while watcher.cursor() != Some(&end) {
            self.take(watcher.next(WAIT).expect("an update"));
        }
        let expected = all.into_iter().map(|r| ((r.type_name, r.id), r.data.expect("a record")));
        assert_eq!(self.records, expected.collect::<BTreeMap<_, _>>());
    }
}

fn put_numbers(records: &mut Records, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let (id, data) = ((number % 7).to_string(), number.to_string());
        records.put(&[Put::set("t", &id, data.as_bytes())]).expect("put");
    }
}

#[test]
fn each_method_does_what_it_says() {
    for installed in some_servers() {
        let server = start(installed);
        let mut records = open(&server);
        let at = records.put(&[Put::set("t", "a", b"1"), Put::set("t", "b", b"2")]).expect("put");
        assert_eq!(at.version, 2, "{installed}");
        let a = records.get("t", "a").expect("an answer").expect("a record");
        assert_eq!((a.version, a.data.as_deref()), (1, Some(&b"1"[..])));
        assert_eq!(records.get("t", "none").expect("an answer"), None);

        let late = records.put(&[Put::set("t", "c", b"3"), Put::set("t", "a", b"x").if_version(9)]);
        assert_eq!(late.expect_err("refused").code(), Some("RECVERSION"));
        assert_eq!(records.get("t", "c").expect("an answer"), None, "all or none");

        let kept = TypeOptions { capacity: Some(1), ttl: Some(Duration::from_secs(60)) };
        assert_eq!(records.options("t").expect("options"), TypeOptions::default());
        records.set_options("t", kept).expect("set");
        assert_eq!(records.options("t").expect("options"), kept);
        records.set_options("t", TypeOptions::default()).expect("set");

        let second = Duration::from_secs(100);
        assert!(records.lease("l", "one", second).expect("an answer"));
        assert!(!records.lease("l", "two", second).expect("an answer"));
        assert!(records.lease("l", "one", Duration::ZERO).expect("an answer"));
        assert!(records.lease("l", "two", second).expect("an answer"));

        let (all, cursor) = records.sync_latest(&["t"]).expect("a list");
        assert_eq!(all.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["b"], "the capacity");
        records.put(&[Put::delete("t", "b")]).expect("put");
        let page = records.sync(&cursor, &["t"], WAIT).expect("a page");
        let reasons: Vec<_> = page.records.iter().map(|record| record.reason.as_deref()).collect();
        assert_eq!((reasons, page.more), (vec![Some("user")], false));
        records.close();
    }
}

#[test]
fn a_watcher_gets_over_lost_changes_lost_stores_and_broken_links() {
    for installed in some_servers() {
        let server = start(installed);
        let link = Proxy::new(server.address());
        let mut records = open(&server);
        put_numbers(&mut records, 0..20);
        let away = Records::open(Options::new(link.url(), "store")).expect("the server has RECORD.*");
        let (mut watcher, mut copy) = (away.watch(&[]), Copy::default());
        copy.follow(&mut watcher, &mut records);
        put_numbers(&mut records, 20..40);
        copy.follow(&mut watcher, &mut records);
        assert_eq!((copy.states, &copy.versions), (1, &(21..=40).collect()), "{installed}: listed once");

        // Its link breaks again and again: nothing is missed or repeated.
        for round in 0..5 {
            put_numbers(&mut records, 40 + round * 10..50 + round * 10);
            link.cut();
            copy.follow(&mut watcher, &mut records);
        }
        assert_eq!((copy.states, &copy.versions), (1, &(21..=90).collect()), "{installed}");

        // What it has not read yet is trimmed.
        put_numbers(&mut records, 90..120);
        server.client().run(cmd!("RECORD.TRIM", "store", "KEEP", 3));
        copy.follow(&mut watcher, &mut records);
        assert_eq!(copy.states, 2, "{installed}: RECCOMPACTED");

        // Another store in its place, which has come to the same version.
        server.client().run(cmd!("DEL", "store"));
        put_numbers(&mut records, 1000..1120);
        copy.follow(&mut watcher, &mut records);
        assert_eq!(copy.states, 3, "{installed}: RECEPOCH");
        put_numbers(&mut records, 0..10);
        copy.follow(&mut watcher, &mut records);
        assert_eq!(copy.states, 3, "{installed}");
    }
}

#[test]
fn a_watcher_that_waits_is_told_at_once_and_can_be_resumed() {
    let server = start(any_server());
    let mut records = open(&server);
    put_numbers(&mut records, 0..3);
    let mut watcher = records.watch(&["t"]);
    watcher.next(WAIT).expect("the state");
    let cursor = watcher.cursor().expect("a cursor").clone();
    let waiting = std::thread::spawn(move || watcher.next(Duration::from_secs(600)));
    redis_mirror_test_support::wait::wait_until("it waits", || {
        server.info("clients").number("blocked_clients") == Some(1)
    });
    put_numbers(&mut records, 3..4);
    let Update::Changes(told) = waiting.join().expect("no panic").expect("an update") else {
        panic!("a state")
    };
    assert_eq!(told.len(), 1);
    let again = records.watch(&["t"]).resume(cursor).next(WAIT).expect("an update");
    assert_eq!(again, Update::Changes(told));
    let start = records.sync(&Cursor::start(), &[], Duration::ZERO).expect("all of it");
    assert_eq!(start.records.len(), 4);
}

#[test]
fn it_speaks_tls_and_takes_no_other_authority() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    for installed in some_servers() {
        let port = TlsPort::new(authority.server(&["127.0.0.1"]), &authority);
        let server = Server::start(installed, ServerOptions::new().mirror("").tls(port));
        let certificates = |authority: &Authority| redis::TlsCertificates {
            client_tls: None,
            root_cert: Some(authority.pem().as_bytes().to_vec()),
        };
        let options = Options::new(format!("rediss://{}", server.tls_address()), "store");
        let mut records =
            Records::open(options.clone().with_tls(certificates(&authority))).expect("it connects");
        put_numbers(&mut records, 0..10);
        let (mut watcher, mut copy) = (records.watch(&[]), Copy::default());
        copy.follow(&mut watcher, &mut records);
        put_numbers(&mut records, 10..20);
        copy.follow(&mut watcher, &mut records);
        assert_eq!(copy.versions, (11..=20).collect::<Vec<_>>(), "{installed}");
        assert!(Records::open(options.with_tls(certificates(&other))).is_err(), "{installed}");
    }
}

#[test]
fn the_expiry_is_for_how_long_changes_are_kept() {
    let server = start(any_server());
    let options = Options::new(server.url(), "store").with_expiry(Duration::from_secs(5));
    Records::open(options).expect("the server has RECORD.*");
    let kept = server.client().run(cmd!("RECORD.GETOPTIONS", "store", "*"));
    assert_eq!(kept.as_array().and_then(|fields| fields[1].as_int()), Some(5000), "{kept}");
}

#[test]
fn the_program_shows_it() {
    let program = || Command::new(env!("CARGO_BIN_EXE_example_record_client"));
    let help = program().arg("--help").output().expect("it runs");
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("usage:"));
    let wrong = program().args(["redis://127.0.0.1:1", "--nothing"]).output().expect("it runs");
    assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("--nothing"));
    for installed in some_servers() {
        let server = start(installed);
        let shown = program().arg(server.url()).output().expect("it runs");
        let text = String::from_utf8_lossy(&shown.stdout);
        assert!(shown.status.success(), "{text}{}", String::from_utf8_lossy(&shown.stderr));
        for words in
            ["RECVERSION", "lease for two: false", "user/alan is gone (capacity)", "user/grace = admiral"]
        {
            assert!(text.contains(words), "{words} in\n{text}");
        }
    }
}
