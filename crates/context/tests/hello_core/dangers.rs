//! Commands that the server would not survive when a module runs them, or runs them now.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Options, Server, Value, cmd, servers};

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
        for inner in [
            "'EVAL', 'return 1', 0",
            "'SCRIPT', 'FLUSH'",
            "'SCRIPT', 'LOAD', 'return 1'",
            "'FUNCTION', 'FLUSH'",
            "'DEBUG', 'RELOAD'",
        ] {
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

/// What a client's command may do while another client's script keeps the server busy.
#[test]
fn a_command_in_the_middle_of_a_busy_script_leaves_the_script_its_ground() {
    on_each("", |server, _| {
        let mut client = server.client();
        client.run("SET k v");
        client.run("CONFIG SET busy-reply-threshold 10");
        let mut script = server.client();
        let endless = "while true do redis.call('GET', 'k') end";
        script.send(&Command::new("EVAL").arg(endless).arg(0)).expect("it is sent");
        wait_until("the server is busy", || client.call("PING").is_err());
        for line in ["EVAL return(1) 0", "EVAL_RO return(1) 0", "FCALL f 0", "SCRIPT FLUSH", "FUNCTION FLUSH"]
        {
            let reply = ask(&mut client, &format!("HELLO.ANYTIME - {line}"));
            assert_eq!(reply, error("CALL NotForModules"), "{line}");
        }
        for line in ["SCRIPT LOAD return(1)", "DEBUG RELOAD", "CLIENT KILL TYPE normal", "SYNC"] {
            let reply = ask(&mut client, &format!("HELLO.ANYTIME - {line}"));
            assert_eq!(reply, error("CALL NotForModules"), "{line}");
        }
        for line in ["BLPOP none 0", "SWAPDB 0 1", "FLUSHALL", "SAVE", "CONFIG RESETSTAT"] {
            let reply = ask(&mut client, &format!("HELLO.ANYTIME - {line}"));
            assert!(reply.error().is_none(), "{line}: {reply:?}");
        }
        assert_eq!(ask(&mut client, "HELLO.PUT k written"), bytes("OK"));
        client.run("SCRIPT KILL");
        let end = script.receive().expect("the script ends");
        assert!(end.error().is_some_and(|text| text.contains("killed by user")), "{end:?}");
        assert_eq!(client.text("GET k"), "written");
    });
}

/// The load ends the server when it comes to a key that is there.
#[test]
fn a_command_in_the_middle_of_a_load_writes_nothing() {
    for installed in servers() {
        println!("on {installed}");
        let options = Options::new().module(&example::module("hello-core"), "");
        let slowly = options.set("key-load-delay", 200).set("loading-process-events-interval-bytes", 1024);
        let mut server = Server::start(installed, slowly);
        let mut client = server.client();
        for at in 0..2000 {
            client.run(cmd!("SET", format!("key{at}"), "x".repeat(100)));
        }
        let mut reload = server.client();
        reload.send(&cmd!("DEBUG", "RELOAD")).expect("it is sent");
        wait_until("the server loads", || client.call("PING").is_err());
        for at in [0, 999, 1999] {
            let key = format!("key{at}");
            for line in ["SET", "APPEND", "HELLO.ANYTIME - SET", "HELLO.PUT"] {
                let reply = ask(&mut client, &format!("HELLO.ANYTIME - {line} {key} new"));
                assert!(reply.error().is_some_and(is_loading), "{line}: {reply:?}");
            }
            let reply = ask(&mut client, &format!("HELLO.PUT {key} new"));
            assert!(reply.error().is_some_and(is_loading), "{reply:?}");
        }
        for line in
            ["EVAL return(1) 0", "FCALL f 0", "FLUSHALL", "SWAPDB 0 1", "FUNCTION FLUSH", "DEBUG RELOAD"]
        {
            let reply = ask(&mut client, &format!("HELLO.ANYTIME - {line}"));
            assert!(reply.error().is_some_and(is_loading), "{line}: {reply:?}");
        }
        assert!(ask(&mut client, "HELLO.ANYTIME - DBSIZE").as_int().is_some_and(|keys| keys < 2000));
        assert!(client.call("PING").is_err(), "the load was over too soon to tell");
        assert_eq!(reload.receive().expect("the load ends"), bytes("OK"));
        assert!(server.is_running());
        assert_eq!(client.int("DBSIZE"), 2000);
        assert_eq!(client.text("GET key1999"), "x".repeat(100));
        assert_eq!(ask(&mut client, "HELLO.ANYTIME - SET key1999 new"), bytes("OK"));
    }
}

fn is_loading(text: &str) -> bool {
    text.contains("CALL Loading") || text.contains("loading its data")
}

/// What the AOF holds is the load itself.
#[test]
fn commands_of_the_aof_write() {
    for installed in servers() {
        println!("on {installed}");
        let options = Options::new().module(&example::module("hello-core"), "").durable();
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        client.run("HELLO.VERBATIM count");
        client.run("MULTI");
        client.run("HELLO.VERBATIM count");
        client.run("HELLO.PUT key value");
        client.run("EXEC");
        server.kill_and_resume();
        let mut client = server.client();
        assert_eq!((client.text("GET count"), client.text("GET key")), ("2".to_owned(), "value".to_owned()));
    }
}
