//! Replies in both protocols.

use redis_mirror_test_support::{Client, Value, cmd};

use crate::on_every;
use crate::store::{Cursor, acquire, field, put};

/// The same reply with maps as flat arrays, as RESP2 has them.
fn flat(value: &Value) -> Value {
    match value {
        Value::Map(pairs) => {
            Value::Array(pairs.iter().flat_map(|(key, value)| [flat(key), flat(value)]).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(flat).collect()),
        other => other.clone(),
    }
}

fn keys(value: &Value) -> Vec<String> {
    let pairs = value.pairs().unwrap_or_else(|| panic!("no map: {value}"));
    pairs.into_iter().filter_map(|(key, _)| key.as_text()).collect()
}

fn prepare(client: &mut Client) -> Cursor {
    client.run("RECORD.SETOPTIONS s t CAPACITY 2 TTL 100000");
    let done = put(client, "s", "SET t 1 one SET t 2 two SET t 3 three SET u 1 x PX 1000000 DEL u none");
    put(client, "s", "DEL t 2");
    acquire(client, "s", "l", "me", 100_000).expect("it is free");
    client.run(cmd!("RECORD.CURSOR", "s", "c", "SET", done.at.epoch.as_str(), 2));
    done.at
}

#[test]
fn both_protocols_tell_the_same() {
    on_every(|server| {
        let (mut two, mut three) = (server.client(), server.client());
        three.run("HELLO 3");
        let at = prepare(&mut two);
        for (command, is_map) in [
            ("RECORD.GET s t 1".to_owned(), false),
            ("RECORD.GET s t 3".to_owned(), false),
            ("RECORD.MGET s t 3 none".to_owned(), false),
            ("RECORD.GETOPTIONS s t".to_owned(), true),
            ("RECORD.GETOPTIONS s *".to_owned(), true),
            ("RECORD.GETOPTIONS s none".to_owned(), true),
            ("RECORD.GETOPTIONS none t".to_owned(), true),
            ("RECORD.SYNC s 0 0".to_owned(), true),
            (format!("RECORD.SYNC s {} 3 LATEST TYPE t COUNT 1", at.epoch), true),
            ("RECORD.SYNC none 0 0".to_owned(), true),
            ("RECORD.SYNCLATEST s COUNT 1".to_owned(), true),
            ("RECORD.QUERY s t LIMIT 5".to_owned(), false),
            ("RECORD.TYPES s".to_owned(), true),
            ("RECORD.TYPES none".to_owned(), true),
            ("RECORD.VERSIONS s".to_owned(), true),
            ("RECORD.VERSIONS none".to_owned(), true),
            ("RECORD.CURSORS s".to_owned(), true),
            ("RECORD.CURSORS none".to_owned(), true),
            ("RECORD.GETCURSOR s c".to_owned(), false),
            ("RECORD.GETCURSOR s none".to_owned(), false),
            ("RECORD.GETCURSOR none c".to_owned(), false),
            ("RECORD.GETLEASE s none".to_owned(), false),
            ("RECORD.TRIM s KEEP 100".to_owned(), false),
        ] {
            let (old, new) = (two.run(command.as_str()), three.run(command.as_str()));
            assert_eq!(matches!(new, Value::Map(_)), is_map, "{command}: {new}");
            assert_eq!(old, flat(&new), "{command}");
        }
        // Puts, whose versions differ.
        let (old, new) = (two.run("RECORD.PUT s SET t 1 x"), three.run("RECORD.PUT s SET t 2 x"));
        assert!(matches!(new, Value::Map(_)));
        assert_eq!(keys(&old), ["epoch", "version", "modified_at", "versions", "evicted"]);
        assert_eq!(keys(&old), keys(&new));
    });
}

/// The order of fields is what flat arrays are read by.
#[test]
fn fields_have_their_places() {
    on_every(|server| {
        let mut client = server.client();
        let at = prepare(&mut client);
        let feed = client.run("RECORD.SYNC s 0 0");
        assert_eq!(keys(&feed), ["epoch", "version", "compacted", "more", "records"]);
        let list = client.run("RECORD.SYNCLATEST s");
        assert_eq!(keys(&list), ["epoch", "version", "cursor", "records"]);
        let versions = client.run("RECORD.VERSIONS s");
        assert_eq!(keys(&versions), ["epoch", "version", "compact_version", "earliest_change"]);
        assert_eq!(field(&versions, "epoch").as_text(), Some(at.epoch.clone()));
        assert_eq!(at.epoch.len(), 16);
        assert_eq!(field(&client.run("RECORD.VERSIONS none"), "epoch").as_text().as_deref(), Some("0"));
        assert_eq!(keys(&client.run("RECORD.GETOPTIONS s t")), ["capacity", "ttl"]);
        assert_eq!(keys(&client.run("RECORD.GETOPTIONS s *")), ["retain"], "what is unset isn't there");
        // Six versions and an eviction: t1 went for t3, t2 was deleted.
        let changes = crate::store::records(&field(&feed, "records"));
        let evicted = changes.iter().find(|change| change.reason.as_deref() == Some("capacity"));
        assert_eq!(evicted.map(|change| (change.id.as_str(), change.data.clone())), Some(("1", None)));
        assert_eq!(changes.last().and_then(|change| change.reason.clone()).as_deref(), Some("user"));
        let record = crate::store::get(&mut client, "s", "t", "3").expect("it is there");
        assert_eq!(record.expires_at, Some(record.modified_at + 100_000));
        assert_eq!((record.op.as_str(), record.data.as_deref(), record.reason), ("set", Some("three"), None));
    });
}

/// Any bytes are names and data.
#[test]
fn fault11_names_are_bytes_and_do_not_collide() {
    on_every(|server| {
        let mut client = server.client();
        let names: [&[u8]; 7] = [b"a/b", b"a", b"\0", b"\r\n", b"\xff\xfe", b"%s%n", b" "];
        for type_name in names {
            for id in names {
                let data = [type_name, b"|", id].concat();
                client.run(cmd!("RECORD.PUT", "s", "SET", type_name, id, data));
            }
        }
        client.run(cmd!("RECORD.PUT", "s", "SET", "a/b", "c", "one", "SET", "a", "b/c", "two"));
        for type_name in names {
            for id in names {
                let record = client.run(cmd!("RECORD.GET", "s", type_name, id));
                let items = record.as_array().expect("a record");
                let found = (items[0].as_bytes(), items[1].as_bytes(), items[4].as_bytes());
                let data = [type_name, b"|", id].concat();
                assert_eq!(found, (Some(type_name), Some(id), Some(data.as_slice())));
            }
        }
        let data = |client: &mut Client, name, id| {
            crate::store::get(client, "s", name, id).and_then(|record| record.data)
        };
        assert_eq!(data(&mut client, "a/b", "c").as_deref(), Some("one"));
        assert_eq!(data(&mut client, "a", "b/c").as_deref(), Some("two"));
        let bytes = client.run(cmd!("RECORD.MGET", "s", b"\0".as_slice(), b"\r\n".as_slice(), "none"));
        assert!(matches!(bytes.as_array(), Some([Value::Array(_), Value::Nil])));
    });
}

#[test]
fn scripts_read_maps_in_either_protocol() {
    on_every(|server| {
        let mut client = server.client();
        prepare(&mut client);
        let script = "redis.setresp(3) return redis.call('RECORD.VERSIONS', KEYS[1]).map.version";
        let three = client.run(cmd!("EVAL", script, 1, "s"));
        let two = client.run(cmd!("EVAL", "return redis.call('RECORD.VERSIONS', KEYS[1])[4]", 1, "s"));
        assert_eq!(two, three);
        let put = "return redis.call('RECORD.PUT', KEYS[1], 'SET', 't', 'lua', 'x')[4]";
        assert_eq!(client.int(cmd!("EVAL", put, 1, "s")), two.as_int().expect("a version") + 1);
    });
}
