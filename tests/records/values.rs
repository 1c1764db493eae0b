//! The data type, as the server's own commands see its values.

use redis_mirror_test_support::{Client, Options, cmd, wait};

use crate::store::{Cursor, acquire, get, put, sync, versions};
use crate::{on_each, on_every, payload, start, wait_caught_up, with_replica};

fn digest_of(client: &mut Client, key: &str) -> String {
    client.texts(cmd!("DEBUG", "DIGEST-VALUE", key)).concat()
}

/// What two stores differ in, DEBUG DIGEST tells: equal digests are what says that replicas and files hold the same.
#[test]
fn any_difference_is_another_digest() {
    on_each(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x SET t 2 x").at;
        let mut last = digest_of(&mut client, "s");
        for change in [
            "LEASE s l ACQUIRE me PX 600000".to_owned(),
            "LEASE s l TRY me 700000".to_owned(),
            "LEASE s l TRY me 0".to_owned(),
            format!("CURSOR s c SET {} 1", at.epoch),
            format!("CURSOR s c SET {} 2", at.epoch),
            "CURSOR s c DEL".to_owned(),
            "SETOPTIONS s t CAPACITY 5".to_owned(),
            "SETOPTIONS s other TTL 5".to_owned(),
            "SETOPTIONS s * RETAIN NONE".to_owned(),
            "TRIM s KEEP 1".to_owned(),
            "PUT s SET t 2 x".to_owned(),
            "CLEAR s".to_owned(),
        ] {
            client.run(format!("RECORD.{change}"));
            let now = digest_of(&mut client, "s");
            assert_ne!(now, last, "{change}");
            last = now;
        }
    });
}

/// A store of many records is freed in the background.
#[test]
fn a_large_store_is_unlinked_in_the_background() {
    on_every(|server| {
        let mut client = server.client();
        let freed = || server.info("memory").number("lazyfreed_objects");
        put(&mut client, "small", "SET t 1 x");
        client.run("UNLINK small");
        assert_eq!(freed(), Some(0));
        let script = "for i = 1, 500 do redis.call('RECORD.PUT', KEYS[1], 'SET', 't', i, 'x') end";
        client.run(cmd!("EVAL", script, 1, "large"));
        client.run("UNLINK large");
        wait::wait_until("it is freed", || freed() == Some(1));
    });
}

/// A version of the module that is not there yet wrote it: the last bits of the type's id say which.
#[test]
fn a_value_of_a_newer_format_is_refused() {
    on_each(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x");
        let mut newer = client.bytes("DUMP s").expect("a payload");
        // The opcode, the length's form and eight bytes of the id, which end with the version.
        newer[9] += 1;
        assert!(client.call(cmd!("RESTORE", "newer", 0, payload::signed(newer))).is_err());
        assert_eq!(client.int("EXISTS newer"), 0);
    });
}

/// A replica writes what it follows into its own AOF.
#[test]
fn a_replica_that_comes_back_alone_has_what_it_followed() {
    on_each(|server| {
        let mut replica = start(server.installed(), Options::new().durable());
        replica.replicate(server.address());
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x SET t 2 x");
        acquire(&mut client, "s", "l", "me", 600_000).expect("it is free");
        client.run("RECORD.TRIM s KEEP 1");
        wait_caught_up(server, &replica);
        replica.wait_saved();
        replica.kill_and_resume();
        assert_eq!(digest_of(&mut replica.client(), "s"), digest_of(&mut client, "s"));
    });
}

/// A replica passes on what it follows.
#[test]
fn a_replica_of_a_replica_is_equal() {
    on_each(|server| {
        let middle = with_replica(server);
        let last = with_replica(&middle);
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s t CAPACITY 2");
        let at = put(&mut client, "s", "SET t 1 x SET t 2 x SET t 3 x SET u 1 x PX 300").at;
        acquire(&mut client, "s", "l", "me", 600_000).expect("it is free");
        client.run(format!("RECORD.CURSOR s c SET {} 1", at.epoch));
        wait::wait_until("the record ends", || versions(&mut client, "s").0.version == at.version + 1);
        wait_caught_up(server, &middle);
        wait_caught_up(&middle, &last);
        for replica in [&middle, &last] {
            assert_eq!(digest_of(&mut replica.client(), "s"), digest_of(&mut client, "s"));
            assert_eq!(sync(&mut replica.client(), "s", &Cursor::start(), "").records.len(), 6);
        }
        middle.client().run("REPLICAOF NO ONE");
        put(&mut middle.client(), "s", "SET t new x");
        wait_caught_up(&middle, &last);
        assert!(get(&mut last.client(), "s", "t", "new").is_some());
    });
}

/// Nothing is written while clients are refused: there are too few replicas to write.
#[test]
fn nothing_ends_while_clients_are_refused() {
    on_each(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x PX 1000").at;
        client.run("CONFIG SET min-replicas-to-write 1");
        assert!(client.refusal("RECORD.PUT s SET t 2 x").starts_with("NOREPLICAS"));
        wait::wait_until("it is hidden", || get(&mut client, "s", "t", "1").is_none());
        for _ in 0..20 {
            client.run("DEBUG SLEEP 0.02");
            assert_eq!(versions(&mut client, "s").0, at);
        }
        client.run("CONFIG SET min-replicas-to-write 0");
        wait::wait_until("it ends", || versions(&mut client, "s").0.version == at.version + 1);
    });
}
