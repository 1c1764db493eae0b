//! Emptying the data set.

use redis_mirror_test_support::wait::{wait_for, wait_until};
use redis_mirror_test_support::{Client, Command, Family, Server, servers};

use super::{line, on_each_server, on_each_server_with};
use crate::example;

fn fill(client: &mut Client) {
    client.run("SELECT 5");
    client.run("SET elsewhere v");
    client.run("SELECT 0");
    for at in 0..200 {
        client.run(Command::new("SET").arg(format!("k{at}")).arg("v"));
        client.run(Command::new("RPUSH l").arg(at));
    }
}

#[test]
fn all_keys_of_all_databases_go_and_the_event_tells() {
    on_each_server(|server, client| {
        for how in ["", "LATER", "ANEW", "LATER ANEW"] {
            fill(client);
            line(client, "HK.FLUSHES");
            assert_eq!(client.text(format!("HK.RESET {how}").as_str()), "OK");
            assert_eq!(client.int("DBSIZE"), 0);
            assert_eq!(server.info("keyspace").get("db5"), None);
            assert!(line(client, "HK.FLUSHES").starts_with("1 "), "{how:?}");
        }
        fill(client);
        client.run("MULTI");
        client.run("HK.RESET");
        client.run("SET k v");
        client.run("EXEC");
        assert_eq!(client.int("DBSIZE"), 1);
        client.run(Command::new("EVAL").arg("redis.call('HK.RESET', 'LATER') return 1").arg(0));
        assert_eq!(client.int("DBSIZE"), 0);
    });
}

#[test]
fn it_is_refused_where_something_points_into_the_data_set() {
    on_each_server(|server, client| {
        fill(client);
        assert!(client.refusal("HK.RESET OPEN k1").contains("a key is open"));
        assert!(client.refusal("HK.RESET LATER WALK").contains("a key is open"));
        assert_eq!(client.int("DBSIZE"), 201);
        client.run("SET reset:set 1");
        let told = wait_for_job(client);
        let version = server.installed().version;
        if version.family == Family::Redis && (version.major, version.minor) < (7, 2) {
            assert!(told.contains("Ok(Ok(()))"), "its jobs run in a later turn, where nothing walks: {told}");
        } else {
            assert!(told.contains("a job after a keyspace event is running"), "{told}");
            assert_eq!(client.int("DBSIZE"), 202);
        }
    });
}

/// The server expires keys while it walks over them, and would run a job there: what the job then deletes may be what
/// the walk comes to next.
#[test]
fn a_job_after_an_expiry_runs_when_the_walk_is_over() {
    on_each_server(|_, client| {
        fill(client);
        client.run("SET reset:expired v PX 1");
        let told = wait_for_job(client);
        assert!(told.contains("Ok(Ok(()))"), "{told}");
        assert_eq!(client.int("DBSIZE"), 0);
    });
}

/// What a job was told when it emptied the data set.
fn wait_for_job(client: &mut Client) -> String {
    wait_for("a job was told", || {
        Some(line(client, "HK.FLUSHES")).filter(|told| told.contains("Ok(")).ok_or("nothing")
    })
}

#[test]
fn an_append_only_file_begins_anew() {
    for installed in servers() {
        let options =
            redis_mirror_test_support::Options::new().module(&example::module("hello_keys"), "").durable();
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        fill(&mut client);
        assert_eq!(client.text("HK.RESET ANEW"), "OK");
        client.run("SET after v");
        wait_until("the new file is written", || {
            let info = server.info("persistence");
            info.number("aof_rewrite_in_progress") == Some(0)
                && info.number("aof_rewrite_scheduled") == Some(0)
        });
        server.kill_and_resume();
        let mut client = server.client();
        assert_eq!(client.int("DBSIZE"), 1, "{installed}");
        assert_eq!(client.text("GET after"), "v");
    }
}

#[test]
fn it_is_refused_while_the_server_loads() {
    let slowly = |options: redis_mirror_test_support::Options| {
        options.set("key-load-delay", 1000).set("loading-process-events-interval-bytes", 1024)
    };
    on_each_server_with(slowly, |server, client| {
        for at in 0..3000 {
            client.run(Command::new("SET").arg(format!("k{at}")).arg("v"));
        }
        let mut other = server.client();
        client.send(&Command::new("DEBUG RELOAD")).expect("it is sent");
        let mut refusals = Vec::new();
        wait_until("the server loads", || {
            refusals.push(match other.call("HK.RESET OPEN none") {
                Ok(reply) => reply.to_string(),
                Err(error) => error.to_string(),
            });
            refusals.last().is_some_and(|told| told.contains("the server is loading its data"))
        });
        client.receive().expect("it has reloaded");
    });
}
