//! Commands that the server would not survive when a module runs them, or runs them now.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Options, Server, Value, cmd};

use crate::{ask, bytes, error, example, on_each, tell};

/// Some tenths of a second, far above a `busy-reply-threshold` of 5 milliseconds.
const SLOW: &str = "local x = 0 for i = 1, 20000000 do x = x + i end return x";

fn slow() -> Command {
    Command::new("HELLO.CALL - EVAL").arg(SLOW).arg(0)
}

/// The server would read from that client, or free it, in the middle of its command.
#[test]
fn a_slow_script_is_not_interrupted_for_its_client() {
    on_each("", |server, _| {
        let mut client = server.client();
        client.run("CONFIG SET busy-reply-threshold 5");
        client.send(&slow()).expect("it is sent");
        client.send(&cmd!("PING")).expect("it is sent");
        let mut leaving = server.client();
        leaving.send(&slow()).expect("it is sent");
        drop(leaving);
        assert!(client.receive().expect("a sum").as_int().is_some());
        assert_eq!(client.receive().expect("a reply"), bytes("PONG"));
        assert_eq!(client.texts("CONFIG GET busy-reply-threshold")[1], "5");
    });
}

#[test]
fn nothing_is_pulled_from_under_a_running_script() {
    on_each("", |server, _| {
        let mut client = server.client();
        for inner in
            ["'EVAL', 'return 1', 0", "'SCRIPT', 'FLUSH'", "'FUNCTION', 'FLUSH'", "'DEBUG', 'RELOAD'"]
        {
            let script = format!("return redis.call('HELLO.CALL', '-', {inner})");
            let reply = tell(&mut client, Command::new("EVAL").arg(script).arg(0));
            let text = reply.error().unwrap_or_default().to_owned();
            assert!(text.contains("NotForModules"), "{inner}: {reply:?}");
        }
        assert_eq!(ask(&mut client, "HELLO.CALL - EVAL return(7) 0"), Value::Int(7));
        assert_eq!(ask(&mut client, "HELLO.CALL - SCRIPT FLUSH"), bytes("OK"));
    });
}

#[test]
fn what_ends_connections_is_refused() {
    on_each("", |server, _| {
        let mut client = server.client();
        for line in
            ["SCRIPT DEBUG YES", "CLIENT KILL ID 1", "CLIENT PAUSE 1", "FAILOVER", "SYNC", "PSYNC ? -1"]
        {
            assert_eq!(
                ask(&mut client, &format!("HELLO.CALL - {line}")),
                error("CALL NotForModules"),
                "{line}"
            );
        }
        for line in ["REPLICAOF NO ONE", "SUBSCRIBE c", "MONITOR", "SHUTDOWN"] {
            let reply = ask(&mut client, &format!("HELLO.REPLICATE {line}"));
            assert!(reply.error().is_some_and(|text| text.contains("does not survive")), "{line}: {reply:?}");
        }
    });
}

/// The connection to the primary ends with the role, and its command is running.
#[test]
fn a_command_of_the_primary_changes_no_role() {
    on_each("", |primary, installed| {
        let options = || Options::new().module(&example::module("hello-core"), "");
        let replica = Server::start(installed, options());
        replica.replicate(primary.address());
        let (mut client, mut follower) = (primary.client(), replica.client());
        follower.run("CONFIG SET replica-read-only no");
        client.run("HELLO.REPLICATE HELLO.CALL - REPLICAOF NO ONE");
        client.run("SET after 1");
        wait_until("the replica goes on", || follower.bytes("GET after").is_some());
        assert!(replica.info("replication").get("role").is_some_and(|role| role == "slave"));
        // A client may.
        follower.run("HELLO.CALL - REPLICAOF NO ONE");
        assert!(replica.info("replication").get("role").is_some_and(|role| role == "master"));
    });
}
