//! Keyspace events and server events.

use redis_mirror_test_support::Command;
use redis_mirror_test_support::wait::wait_until;

use crate::{is_since_7_2, journal, journal_with, on_each_server, position};

#[test]
fn keyspace_events_tell_name_key_and_database() {
    on_each_server(|_, client| {
        client.run("SELECT 3");
        client.run("SET k v");
        client.run("HSET h f v");
        client.run("LPUSH l 1");
        client.run("HE.KEY.SET own v");
        let lines = journal(client);
        for line in ["key set k db 3", "key hset h db 3", "key he.set own db 3"] {
            assert!(lines.contains(&line.to_owned()), "{line} is not in {lines:?}");
        }
        assert!(!lines.iter().any(|line| line.contains("lpush")), "lists were not subscribed to: {lines:?}");
    });
}

#[test]
fn a_job_after_a_keyspace_event_may_write() {
    on_each_server(|server, client| {
        client.run("SELECT 2");
        client.run("SET copy:1 v");
        journal_with(client, "after copied:copy:1 true");
        // Redis 7.0 has no such jobs: there it is a job of the next turn, in database 0.
        client.run(if is_since_7_2(server.installed()) { "SELECT 2" } else { "SELECT 0" });
        assert_eq!(client.int("EXISTS copied:copy:1"), 1);
    });
}

#[test]
fn a_panic_in_a_listener_leaves_the_server_and_the_other_listeners_running() {
    on_each_server(|server, client| {
        client.run("SET panic:keyspace v");
        client.run("SET panic:after v");
        client.run("SELECT 7");
        client.run("FLUSHDB");
        let lines = journal(client);
        assert!(lines.contains(&"key set panic:keyspace db 0".to_owned()), "{lines:?}");
        assert!(lines.contains(&"the second listener of a flush".to_owned()), "{lines:?}");
        for text in ["in a keyspace event", "in a server event", "in a job after a keyspace event"] {
            wait_until(text, || server.log().contains(text));
        }
    });
}

#[test]
fn flushes_swaps_and_settings_are_told_with_their_numbers() {
    on_each_server(|_, client| {
        client.run("SELECT 5");
        client.run("FLUSHDB");
        client.run("FLUSHALL");
        client.run("SWAPDB 2 9");
        client.run("CONFIG SET maxmemory-samples 7 hz 12");
        let lines = journal(client);
        for line in [
            "flush Started { db: Some(5) } writes Some(ThisEvent)",
            "flush Ended { db: Some(5) } writes Some(ThisEvent)",
            "flush Started { db: None } writes Some(ThisEvent)",
            "swap Some((2, 9))",
        ] {
            position(&lines, line);
        }
        let config = lines.iter().find(|line| line.starts_with("config")).expect("a config event");
        assert!(config.contains("maxmemory-samples") && config.contains("hz"), "{config}");
    });
}

#[test]
fn a_key_shows_what_it_is_about_to_lose() {
    on_each_server(|server, client| {
        client.run("SET gone:1 farewell");
        client.run("DEL gone:1");
        client.run("SET gone:2 farewell PX 1");
        wait_until("the key expires", || client.int("EXISTS gone:2") == 0);
        client.run("SET gone:3 farewell");
        client.run("HSET gone:4 f v");
        client.run("SET gone:4 v");
        if is_since_7_2(server.installed()) {
            let lines = journal_with(client, "lost gone:2 Expired String Some(\"farewell\")");
            position(&lines, "lost gone:1 Deleted String Some(\"farewell\")");
            position(&lines, "lost gone:4 Overwritten Hash None");
        } else {
            assert!(!journal(client).iter().any(|line| line.starts_with("lost")));
        }
    });
}

#[test]
fn clients_and_saves_are_told() {
    on_each_server(|server, client| {
        server.client().run("PING");
        let lines = client.texts("HE.JOURNAL CLEAR");
        assert!(lines.contains(&"client 127.0.0.1 db 0".to_owned()), "{lines:?}");
        client.run("BGSAVE");
        let lines = journal_with(client, "fork Died");
        assert!(position(&lines, "fork Born") < position(&lines, "fork Died"));
        client.run("SAVE");
        position(&journal(client), "persistence SyncRdbStarted");
    });
}

/// The key of this event lies on the server's stack.
#[test]
fn a_key_that_is_loaded_may_be_opened() {
    on_each_server(|_, client| {
        client.run("SET loaded:1 abc");
        client.run("DEBUG RELOAD");
        journal_with(client, "loaded:1 of Ok(3)");
    });
}

/// The server goes through the modules that listen to the turn of the event loop, in which posted jobs run.
#[test]
fn a_posted_job_unloads_no_module() {
    on_each_server(|_, client| {
        client.run("HE.POST unload:hello_events");
        journal_with(client, "posted unload Ok(Err(NotForModules))");
    });
}

/// The command holds a value that reading would replace by another.
#[test]
fn a_short_string_is_not_read_in_the_middle_of_its_command() {
    on_each_server(|_, client| {
        client.run("SET read:f 1");
        client.run("INCRBYFLOAT read:f 1.5");
        let lines = journal_with(
            client,
            "incrbyfloat read:f read Err(Refused { function: \"RedisModule_StringDMA\", \
            reason: \"the command that caused this event may hold the value: read it in a job afterwards\" })",
        );
        assert!(lines.iter().any(|line| line.starts_with("set read:f read Err(Refused")), "{lines:?}");
        assert_eq!(client.text("GET read:f"), "2.5");
        client.run(Command::new("SET read:long").arg("x".repeat(513)));
        journal_with(client, "set read:long read Ok(Some(513))");
    });
}
