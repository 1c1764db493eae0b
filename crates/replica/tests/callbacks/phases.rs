//! The order of a source's history, and what stops it.

use redis_mirror_test_support::{Options as ServerOptions, Proxy, Server, any_server};
use redis_replica::transport::{DriverError, Replica};

use super::recorder::{Log, Recorder, options, run, start, with_each_server};

#[test]
fn v04_v05_a_full_sync_is_begun_and_ended_once_and_a_continuation_is_neither() {
    with_each_server(|installed| {
        let server = Server::start(installed, ServerOptions::new());
        let mut client = server.client();
        run(&mut client, "SET early 1");
        run(&mut client, "SELECT 3");
        let proxy = Proxy::new(server.address());
        let log = Log::default();
        let replica = start(options(proxy.address()), &log);
        log.wait("streaming");
        run(&mut client, "SET before 1");
        log.wait("live [3] set before 1");
        proxy.cut();
        run(&mut client, "SET between 2");
        log.wait("live [3] set between 2");
        replica.stop().unwrap().1.unwrap();
        assert_eq!(
            log.all(),
            [
                "init",
                "start",
                "snapshot [0] set early 1",
                "streaming",
                "live [3] set before 1",
                "closed",
                "resumed [3]",
                "live [3] set between 2",
                "destroy",
            ]
        );
    });
}

#[test]
fn v06_snapshot_values_come_as_commands_with_their_expiry_behind() {
    with_each_server(|installed| {
        let server = Server::start(installed, ServerOptions::new());
        let mut client = server.client();
        for words in [
            "SET s text",
            "RPUSH l a b c",
            "SADD t only",
            "ZADD z 1.5 m",
            "SELECT 7",
            "HSET h f v",
            "XADD x 5-1 f v",
            "SET e v PXAT 4102444800000",
        ] {
            run(&mut client, words);
        }
        let log = Log::default();
        let replica = start(options(server.address()), &log);
        log.wait("streaming");
        replica.stop().unwrap().1.unwrap();
        let batches = log.batches("snapshot ");
        let [batch] = batches.as_slice() else { panic!("{batches:?}") };
        for command in [
            "[0] set s text",
            "[0] rpush l a b c",
            "[0] sadd t only",
            "[0] zadd z 1.5 m",
            "[7] hset h f v",
            "[7] xadd x 5-1 f v",
            "[7] set e v | [7] pexpireat e 4102444800000",
        ] {
            assert!(batch.contains(command), "{installed}: {command} in {batch}");
        }
    });
}

#[test]
fn v06_a_large_snapshot_comes_in_bounded_batches() {
    let server = Server::start(any_server(), ServerOptions::new());
    run(&mut server.client(), "DEBUG POPULATE 5000 key 100");
    let mut options = options(server.address());
    (options.batch.commands, options.batch.bytes) = (1000, 20_000);
    let log = Log::default();
    let replica = start(options, &log);
    log.wait("streaming");
    replica.stop().unwrap().1.unwrap();
    let batches = log.batches("snapshot ");
    let commands: usize = batches.iter().map(|batch| batch.split(" | ").count()).sum();
    assert_eq!(commands, 5000);
    // Filled with zeros, which take four letters each here.
    assert!(batches.iter().all(|batch| batch.len() < 100_000), "bounded by bytes");
}

#[test]
fn v09_an_error_of_any_callback_stops_the_replica_with_that_error() {
    let server = Server::start(any_server(), ServerOptions::new());
    run(&mut server.client(), "SET k v");
    for line in ["start", "snapshot [0] set k v", "streaming", "live [0] set a 1", "message stop"] {
        let log = Log::default();
        let replica = Replica::start(options(server.address()), Recorder::failing_at(&log, line)).unwrap();
        if line.starts_with("live") || line.starts_with("message") {
            log.wait("streaming");
            run(&mut server.client(), "SET a 1");
            run(&mut server.client(), "DEL a");
            replica.send(Box::new("stop")).unwrap();
        }
        let (_, result) = replica.wait().unwrap();
        assert!(
            matches!(&result, Err(DriverError::Observer(error)) if error.to_string() == "asked to fail"),
            "{line}: {result:?}"
        );
        assert_eq!(log.all()[log.all().len() - 2..], [line, "destroy"]);
    }
}

#[test]
fn n24_a_panic_of_a_callback_is_caught() {
    let server = Server::start(any_server(), ServerOptions::new());
    for line in ["start", "streaming"] {
        let log = Log::default();
        let handler = Recorder { panic_at: Some(line), ..Recorder::new(&log) };
        let (_, result) = Replica::start(options(server.address()), handler).unwrap().wait().unwrap();
        assert!(matches!(result, Err(DriverError::ObserverPanicked)), "{result:?}");
        assert_eq!(log.all().last().map(String::as_str), Some("destroy"));
    }
}
