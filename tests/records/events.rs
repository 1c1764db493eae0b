//! What a server tells of its stores: keyspace events, the channel, INFO.

use redis_mirror_test_support::{Client, Value, cmd, wait};

use crate::on_every;
use crate::store::{acquire, put};

fn message(client: &mut Client) -> (String, String) {
    let message = client.receive().expect("a message");
    let items = match &message {
        Value::Array(items) | Value::Push(items) => items,
        other => panic!("no message: {other}"),
    };
    let text = |at: usize| items[at].as_text().expect("text");
    (text(1), text(2))
}

#[test]
fn keyspace_events_tell_what_happened() {
    on_every(|server| {
        let (mut client, mut hears) = (server.client(), server.client());
        client.run("CONFIG SET notify-keyspace-events Ed");
        hears.run(cmd!(
            "SUBSCRIBE",
            "__keyevent@0__:record.put",
            "__keyevent@0__:record.del",
            "__keyevent@0__:record.evicted",
            "__keyevent@0__:record.expired",
            "__keyevent@0__:record.lease",
            "__keyevent@0__:record.released",
            "__keyevent@0__:record.options",
            "__keyevent@0__:record.trim",
            "__keyevent@0__:record.clear"
        ));
        for _ in 1..9 {
            hears.receive().expect("the answer to SUBSCRIBE");
        }
        client.run("RECORD.SETOPTIONS s t CAPACITY 1");
        put(&mut client, "s", "SET t 1 x SET t 2 x DEL t 2 DEL t none");
        let token = acquire(&mut client, "s", "l", "me", 100_000).expect("it is free");
        client.run(format!("RECORD.LEASE s l RELEASE me {token}"));
        client.run("RECORD.TRIM s KEEP 1");
        client.run("RECORD.CLEAR s");
        // Reads and what changes nothing tell nothing.
        client.run("RECORD.GET s t 1");
        client.run("RECORD.TRIM s KEEP 100");
        client.run("RECORD.SETOPTIONS s t CAPACITY 1");
        put(&mut client, "s", "SET u 1 x PX 1");
        let told: Vec<String> = (0..9)
            .map(|_| {
                let (event, key) = message(&mut hears);
                assert_eq!(key, "s");
                event.replace("__keyevent@0__:record.", "")
            })
            .collect();
        assert_eq!(told, ["options", "put", "del", "lease", "released", "trim", "clear", "put", "expired"]);
        put(&mut client, "s", "SET t 1 x SET t 2 x");
        let told = [message(&mut hears).0, message(&mut hears).0];
        assert_eq!(told.map(|event| event.replace("__keyevent@0__:record.", "")), ["put", "evicted"]);
    });
}

#[test]
fn the_channel_has_each_new_version() {
    on_every(|server| {
        let replica = crate::with_replica(server);
        let mut client = server.client();
        let mut hears: Vec<Client> = [server.client(), replica.client()].into();
        for client in &mut hears {
            client.run("SUBSCRIBE record:s");
        }
        put(&mut client, "s", "SET t 1 x SET t 2 x");
        put(&mut client, "s", "DEL t none");
        put(&mut client, "other", "SET t 1 x");
        acquire(&mut client, "s", "l", "me", 1000).expect("it is free");
        crate::wait_caught_up(server, &replica);
        client.run("CONFIG SET mirror.record-publish no");
        replica.client().run("CONFIG SET mirror.record-publish no");
        put(&mut client, "s", "SET t 3 x");
        crate::wait_caught_up(server, &replica);
        client.run("CONFIG SET mirror.record-publish yes");
        replica.client().run("CONFIG SET mirror.record-publish yes");
        put(&mut client, "s", "DEL t 1");
        for client in &mut hears {
            assert_eq!(message(client), ("record:s".into(), "2".into()));
            assert_eq!(message(client), ("record:s".into(), "4".into()));
        }
    });
}

#[test]
fn info_counts_stores_and_waiting_clients() {
    on_every(|server| {
        let due = || server.info("mirror").number("mirror_record_stores_with_upkeep");
        assert_eq!(due(), Some(0));
        let mut client = server.client();
        for key in ["a", "b", "c"] {
            put(&mut client, key, "SET t 1 x");
        }
        assert_eq!(due(), Some(3));
        client.run("UNLINK a");
        client.run("PEXPIRE b 1");
        wait::wait_until("one is left", || due() == Some(1));
        client.run("RENAME c d");
        wait::wait_until("it is one still", || due() == Some(1));
        client.run("FLUSHALL");
        assert_eq!(due(), Some(0));
    });
}
