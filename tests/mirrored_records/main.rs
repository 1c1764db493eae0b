//! Mirrors of servers that hold record stores: equal stores, over snapshots, the stream, cuts, crashes, local writes and
//! DROP; readers that go from one server to the other.

mod hostile;
mod life;
mod readers;
mod writer;

use std::collections::BTreeMap;

use redis_mirror_test_support::{
    Client, Installed, Options, Server, Status, Topology, cmd, server, wait, wait_applied,
};
use writer::Writer;

/// Each family and age on both sides.
fn pairs() -> Vec<(&'static Installed, &'static Installed)> {
    let names = [("redis70", "redis86"), ("redis86", "valkey9"), ("valkey9", "redis70")];
    names.into_iter().filter_map(|(source, local)| Some((installed(source)?, installed(local)?))).collect()
}

fn installed(name: &str) -> Option<&'static Installed> {
    server(name).or_else(|| {
        println!("skipped: {name} is not installed");
        None
    })
}

fn with_module() -> Options {
    Options::new().set("repl-backlog-size", "64mb").set("mirror.reconnect-min-ms", 50).mirror("")
}

fn start(source: &Installed, local: &Installed, local_options: Options) -> Topology {
    Topology::start_with(source, with_module(), local, local_options).expect("both start")
}

/// What every key that begins with a prefix holds, by name without the prefix.
fn stores(client: &mut Client, prefix: &str) -> BTreeMap<String, String> {
    let keys = client.texts(cmd!("KEYS", format!("{prefix}*")));
    let digest = |key: String| {
        let digest = client.texts(cmd!("DEBUG", "DIGEST-VALUE", key.as_str())).concat();
        (key[prefix.len()..].to_owned(), digest)
    };
    keys.into_iter().map(digest).collect()
}

/// Waits until both hold the same stores; those of the source whose records end have to come first.
fn wait_equal(source: &Server, local: &Server, mirror: &str, prefixes: (&str, &str)) {
    wait::wait_for("both hold the same stores", || {
        wait_applied(&mut local.client(), mirror, wait::PATIENCE).map_err(|error| error.to_string())?;
        let theirs = stores(&mut source.client(), prefixes.0);
        let ours = stores(&mut local.client(), prefixes.1);
        if theirs == ours && !theirs.is_empty() { Ok(()) } else { Err(format!("{theirs:?}\n{ours:?}")) }
    });
}

fn status(local: &Server) -> Status {
    Status::read(&mut local.client(), "m").expect("a status")
}

/// Nothing was left out, and no snapshot was needed but the first.
fn assert_clean(local: &Server) {
    let status = status(local);
    assert_eq!(status.number("quarantined"), 0, "{status:?}");
    assert_eq!(status.number("refused"), 0, "{status:?}");
    assert_eq!(status.number("full_resyncs"), 1, "{}", local.log_tail());
    assert_eq!(status.text("consistent"), "yes", "{status:?}");
}

#[test]
fn stores_are_equal_over_a_snapshot_the_stream_and_cuts() {
    for (source, local) in pairs() {
        let at = start(source, local, with_module());
        let mut writer = Writer::new(&at.source, "r:", 1).lasting();
        writer.write(400);
        at.create("m", "MATCH r:* PREFIX copy:").expect("the mirror is created");
        at.wait_streaming("m").expect("the snapshot is applied");
        wait_equal(&at.source, &at.local, "m", ("r:", "copy:r:"));
        for _ in 0..5 {
            writer.write(200);
            at.link.cut();
            writer.write(200);
        }
        wait_equal(&at.source, &at.local, "m", ("r:", "copy:r:"));
        assert_clean(&at.local);
        assert_eq!(status(&at.local).number("repaired"), 0, "{local}: each change follows the one before");
        assert!(status(&at.local).number("partial_resyncs") > 0, "the link was cut");
    }
}

#[test]
fn stores_are_equal_after_kill_9_of_the_mirror() {
    for (source, local) in pairs() {
        let Topology { source, mut local, link, .. } = start(source, local, with_module().durable());
        let mut writer = Writer::new(&source, "r:", 2);
        writer.write(200);
        local.client().run(cmd!("MIRROR.CREATE", "m", link.url()));
        wait_equal(&source, &local, "m", ("r:", "r:"));
        for _ in 0..3 {
            writer.write(200);
            local.kill_and_resume();
            writer.write(200);
            wait_equal(&source, &local, "m", ("r:", "r:"));
        }
        assert_clean(&local);
    }
}

#[test]
fn a_replica_of_the_mirror_and_its_aof_get_each_change_once() {
    let Some((source, local)) = pairs().pop() else { return };
    let mut at = start(source, local, with_module().durable());
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    at.add_replica().expect("a replica");
    for number in 0..50 {
        at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", number % 7, "data"));
    }
    wait_equal(&at.source, &at.local, "m", ("r:", "r:"));
    let replica = &at.replicas[0];
    wait::wait_until("the replica has it too", || {
        stores(&mut replica.client(), "r:") == stores(&mut at.source.client(), "r:")
    });
    let line = replica.info("commandstats").get("cmdstat_record.apply").unwrap_or_default().to_owned();
    assert!(line.starts_with("calls=50,") && line.contains("failed_calls=0"), "{line}");
    assert_eq!(in_aof(&at.local, b"RECORD.APPLY"), 50);
    at.local.kill_and_resume();
    assert_eq!(stores(&mut at.local.client(), "r:"), stores(&mut at.source.client(), "r:"));
}

/// How often a word stands in what was appended to the AOF.
fn in_aof(server: &Server, word: &[u8]) -> usize {
    let folder = server.dir().join("appendonlydir");
    let files = std::fs::read_dir(folder).expect("the folder of the AOF").flatten();
    let appended = files.filter(|file| file.file_name().to_string_lossy().ends_with(".incr.aof"));
    let count = |bytes: Vec<u8>| bytes.windows(word.len()).filter(|window| *window == word).count();
    appended.map(|file| count(std::fs::read(file.path()).expect("readable"))).sum()
}
