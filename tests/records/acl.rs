//! Users with less than all rights.

use redis_mirror_test_support::{Client, Server, cmd};

use crate::store::{acquire, put, sync, sync_command, token};
use crate::waiter::Waiter;
use crate::{digest, on_every};

fn user(server: &Server, rules: &str) -> Client {
    server.client().run(format!("ACL SETUSER u reset on >pw {rules}"));
    let mut client = server.client();
    client.run("AUTH u pw");
    client
}

#[test]
fn who_may_read_may_not_write() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x").at;
        acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
        let before = digest(&mut client);
        // Redis 7.0 gives modules' commands no categories.
        let is_old = server.installed().name == "redis70";
        let rules = ["+@all %R~*", "+@read -@write +@connection ~*"];
        for rules in rules.into_iter().take(if is_old { 1 } else { 2 }) {
            let mut reader = user(server, rules);
            for call in [
                "GET s t 1",
                "MGET s t 1",
                "GETOPTIONS s t",
                "GETLEASE s l",
                "SYNC s 0 0",
                "SYNCLATEST s",
                "QUERY s t",
                "TYPES s",
                "VERSIONS s",
                "GETCURSOR s c",
                "CURSORS s",
            ] {
                reader.run(format!("RECORD.{call}"));
            }
            assert!(sync(&mut reader, "s", &at, "BLOCK 1").records.is_empty());
            for call in [
                "PUT s SET t 1 y",
                "PUT new SET t 1 y",
                "SETOPTIONS s t TTL 5",
                "LEASE s l TRY me 5",
                "TRIM s KEEP 0",
                "CURSOR s c SET 0 0",
                "CLEAR s",
                "APPLY s COMMIT x",
            ] {
                let refusal = reader.refusal(format!("RECORD.{call}"));
                assert!(refusal.starts_with("NOPERM"), "{rules}: {call}: {refusal}");
            }
        }
        assert_eq!(digest(&mut client), before);
    });
}

/// Who may write a key and not read it may do what tells nothing of what is in it.
#[test]
fn who_may_write_may_not_read() {
    on_every(|server| {
        put(&mut server.client(), "s", "SET t 1 x SET t 2 x");
        let mut writer = user(server, "+@all %W~*");
        for call in [
            "SETOPTIONS s t CAPACITY 1",
            "SETOPTIONS s * MAXCHANGES 2",
            "TRIM s KEEP 1",
            "CURSOR s c SET 0 0",
            "CURSOR s c DEL",
            "CLEAR s",
        ] {
            writer.run(format!("RECORD.{call}"));
        }
        // Answers have evicted records, versions, holders.
        for call in ["PUT s SET t 1 y", "LEASE s l TRY me 5", "GET s t 1", "SYNC s 0 0", "CURSORS s"] {
            let refusal = writer.refusal(format!("RECORD.{call}"));
            assert!(refusal.starts_with("NOPERM"), "{call}: {refusal}");
        }
    });
}

#[test]
fn keys_out_of_the_pattern_are_refused() {
    on_every(|server| {
        put(&mut server.client(), "theirs", "SET t 1 x");
        let mut user = user(server, "+@all ~mine:*");
        put(&mut user, "mine:s", "SET t 1 x");
        for call in [
            "GET theirs t 1",
            "SYNC theirs 0 0 BLOCK 0",
            "PUT theirs SET t 1 y",
            "LEASE theirs l ACQUIRE me PX 5 BLOCK 0",
        ] {
            assert!(user.refusal(format!("RECORD.{call}")).starts_with("NOPERM"), "{call}");
        }
        let script = "return redis.call('RECORD.GET', KEYS[1], 't', '1')";
        assert!(user.call(cmd!("EVAL", script, 1, "theirs")).is_err());
    });
}

/// The server asks anew when a wait is over; so do we.
#[test]
fn rights_that_are_taken_end_a_wait_with_nothing() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x").at;
        acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
        let wait_as_user = |command: redis_mirror_test_support::Command| {
            let mut client = server.client();
            client.run("ACL SETUSER u reset on >pw +@all ~*");
            client.run("AUTH u pw");
            Waiter::start_by(server, client, command)
        };
        let mut readers =
            [sync_command("s", &at, "BLOCK 0"), sync_command("s", &at, "TYPE t BLOCK 0")].map(wait_as_user);
        client.run("ACL SETUSER u resetkeys ~other");
        put(&mut client, "s", "SET t 2 secret");
        for reader in &mut readers {
            assert!(reader.refusal().starts_with("NOPERM"));
        }
        let mut late = wait_as_user(sync_command("s", &at, "TYPE none BLOCK 300"));
        client.run("ACL SETUSER u -record.sync");
        assert!(late.refusal().starts_with("NOPERM"));
        // A lease goes to the next who may have it.
        let lease = "RECORD.LEASE s l ACQUIRE u PX 60000 BLOCK 0";
        let mut candidate = wait_as_user(lease.into());
        let mut next = Waiter::start(server, "RECORD.LEASE s l ACQUIRE next PX 60000 BLOCK 0");
        client.run("ACL SETUSER u resetkeys %R~s");
        client.run("RECORD.LEASE s l TRY me 0");
        assert!(candidate.refusal().starts_with("NOPERM"));
        assert!(token(&next.answer()).is_some());
    });
}

/// The channel is the store's, as its keyspace events are: who may write the one tells the other.
#[test]
fn a_put_tells_the_channel_whatever_channels_its_user_has() {
    on_every(|server| {
        let mut hears = server.client();
        hears.run("SUBSCRIBE record:s");
        let mut user = user(server, "+@all ~* resetchannels");
        assert!(user.refusal("PUBLISH record:s 1").starts_with("NOPERM"));
        assert!(user.refusal("SUBSCRIBE record:s").starts_with("NOPERM"));
        put(&mut user, "s", "SET t 1 x");
        let message = hears.receive().expect("a message");
        assert_eq!(message.as_array().and_then(|items| items[2].as_text()).as_deref(), Some("1"));
    });
}
