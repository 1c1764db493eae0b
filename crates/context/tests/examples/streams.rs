//! `examples/streams`, and streams and fields of hashes used in odd ways.

use redis_mirror_test_support::{Client, Command, Family, Options, Server, Value, servers};

use crate::harness::{self, Subject};
use crate::structures::{self, is_since};

pub const SUBJECT: Subject = Subject { packages: &["streams"], drive };

fn drive(server: &Server, client: &mut Client) {
    assert_eq!(client.text("STREAMS.PUT weather 1-1 sky clear wind 3"), "1-1");
    assert_eq!(client.text("STREAMS.PUT weather 1-2 sky clouds"), "1-2");
    assert_eq!(client.text("STREAMS.PUT weather 2-1 sky clear"), "2-1");
    let chosen = client.text("STREAMS.PUT weather * sky rain");
    assert_eq!(client.run("STREAMS.LATEST weather 2"), client.run("XREVRANGE weather + - COUNT 2"));
    assert_eq!(client.run("STREAMS.BETWEEN weather (1-1 2"), client.run("XRANGE weather (1-1 2"));
    assert_eq!(client.int("STREAMS.PURGE weather sky clear"), 2);
    assert_eq!(client.int("STREAMS.REMOVE weather 1-2"), 1);
    assert_eq!(client.int("STREAMS.KEEP weather 10"), 0);
    assert_eq!(client.int("STREAMS.FORGET weather 9"), 0);
    assert_eq!(ids(client, "XRANGE weather - +"), [chosen]);
    if is_since(server.installed(), Family::Redis, (8, 0)) {
        client.run("HSET sessions anna 1 berta 2");
        client.run("HPEXPIREAT sessions 4102444800000 FIELDS 1 anna");
        assert_eq!(client.int("STREAMS.EXPIRY sessions anna"), 4_102_444_800_000);
        assert_eq!(client.run("STREAMS.EXPIRY sessions berta"), Value::Nil);
    } else {
        assert!(client.refusal("STREAMS.EXPIRY sessions anna").contains("it came with Redis 8.0"));
    }
}

fn ids(client: &mut Client, command: &str) -> Vec<String> {
    let entries = client.run(command);
    let id = |entry: &Value| entry.as_array().and_then(|entry| entry.first()?.as_text());
    entries.as_array().and_then(|entries| entries.iter().map(id).collect()).expect("entries")
}

/// Any bytes that have ever harmed a module.
const BYTES: [&[u8]; 6] = [b"", b"\0", b"%s%n%n", b"\xff\xfe", b"a\r\n+OK\r\n", b"nul\0in it"];

#[test]
fn entries_of_any_bytes_and_sizes_are_what_xrange_shows() {
    harness::on_each_server(&["streams"], |_, client| {
        for (at, field) in BYTES.iter().enumerate() {
            for value in BYTES {
                let put = Command::new("STREAMS.PUT s *").arg(*field).arg(value).arg("n").arg(at);
                client.run(put);
            }
        }
        let large = vec![b'x'; 1 << 20];
        client.run(Command::new("STREAMS.PUT s *").arg(large.as_slice()).arg(large.as_slice()));
        let many = (0..500).map(|number| number.to_string());
        client.run(Command::new("STREAMS.PUT s *").args(many));
        assert_eq!(client.int("XLEN s"), 38);
        assert_eq!(client.run("STREAMS.LATEST s 100"), client.run("XREVRANGE s + -"));
        assert_eq!(client.run("STREAMS.BETWEEN s - +"), client.run("XRANGE s - +"));
        for id in BYTES.into_iter().chain([b"1-1-1".as_slice(), b"-1", b"18446744073709551616", b"("]) {
            // The servers' own XADD reads an id up to its first NUL.
            let bytes = Command::new("STREAMS.PUT t").arg(id).arg("f").arg("v");
            assert!(client.refusal(bytes).contains("stream id") || id == b"nul\0in it", "{id:?}");
        }
    });
}

#[test]
fn replicas_and_the_aof_hold_the_ids_that_this_server_chose() {
    for installed in servers() {
        let options = || harness::options(&["streams"]).durable();
        let (mut source, replica) =
            (Server::start(installed, options()), Server::start(installed, options()));
        replica.replicate(source.address());
        let mut client = source.client();
        for number in 0..300 {
            client.run(format!("STREAMS.PUT s * n {number}").as_str());
        }
        client.run("STREAMS.PURGE s n 17");
        client.run("STREAMS.KEEP s 150 APPROXIMATELY");
        client.run("STREAMS.KEEP s 120");
        let last = client.run("XRANGE s - +").as_array().map(<[Value]>::len);
        assert_eq!(last, Some(120));
        assert_eq!(client.int("WAIT 1 60000"), 1);
        let entries = client.run("XRANGE s - +");
        assert_eq!(replica.client().run("XRANGE s - +"), entries, "{installed}");
        source.kill_and_resume();
        assert_eq!(source.client().run("XRANGE s - +"), entries, "{installed}");
    }
}

#[test]
fn trimming_is_what_xtrim_does() {
    harness::on_each_server(&["streams"], |_, client| {
        client.run("CONFIG SET stream-node-max-entries 10");
        for how in ["", "APPROXIMATELY"] {
            let theirs = if how.is_empty() { "=" } else { "~" };
            for (len, id) in [(250, "60-0"), (101, "101-5"), (7, "299"), (0, "+")] {
                for key in ["ours", "theirs"] {
                    client.run(Command::new("DEL").arg(key));
                    for number in 1..=300 {
                        client.run(format!("XADD {key} {number}-1 f v").as_str());
                    }
                }
                let ours = client.int(format!("STREAMS.KEEP ours {len} {how}").as_str());
                assert_eq!(ours, client.int(format!("XTRIM theirs MAXLEN {theirs} {len}").as_str()));
                assert_eq!(client.run("XRANGE ours - +"), client.run("XRANGE theirs - +"));
                let ours = client.int(format!("STREAMS.FORGET ours {id} {how}").as_str());
                let id = if id == "+" { "18446744073709551615-18446744073709551615" } else { id };
                assert_eq!(ours, client.int(format!("XTRIM theirs MINID {theirs} {id}").as_str()));
                assert_eq!(client.run("XRANGE ours - +"), client.run("XRANGE theirs - +"));
            }
        }
    });
}

/// Entries with the same fields as the first (which are stored once) and with others, over several nodes.
fn fill(client: &mut Client, key: &str, count: usize) {
    client.run("CONFIG SET stream-node-max-entries 7");
    for number in 0..count {
        let fields = ["a 1 b 2", "a 3 b 4", "c text", "d 5 e six f 7", "a - b 99999999999"][number % 5];
        client.run(format!("XADD {key} {}-{} {fields}", number / 3, number + 1).as_str());
    }
}

#[test]
fn fields_that_are_not_read_are_skipped_in_both_directions() {
    structures::on_each_server(|_, client| {
        fill(client, "s", 60);
        for (order, all) in [("", "XRANGE s - +"), ("DOWN", "XREVRANGE s + -")] {
            let expected = ids(client, all);
            for read in 0..4 {
                let lines = client.texts(format!("ST.STREAM.WALK s {order} {read}").as_str());
                let found: Vec<&str> = lines.iter().filter_map(|line| line.split('/').next()).collect();
                assert_eq!(found, expected, "{order} {read}");
            }
        }
        let lines = client.texts("ST.STREAM.WALK s 9");
        assert_eq!(lines[3], "1-4/3 d=5 e=six f=7");
        assert!(client.texts("ST.STREAM.WALK missing 1").is_empty());
    });
}

#[test]
fn a_walk_deletes_on_its_way_in_both_directions() {
    structures::on_each_server(|_, client| {
        for order in ["", "DOWN"] {
            for read in 0..4 {
                client.run("DEL s");
                fill(client, "s", 60);
                let before = ids(client, if order.is_empty() { "XRANGE s - +" } else { "XREVRANGE s + -" });
                let deleted = client.texts(format!("ST.STREAM.THIN s {order} {read}").as_str());
                let every_second: Vec<&String> = before.iter().skip(1).step_by(2).collect();
                assert_eq!(deleted.iter().collect::<Vec<_>>(), every_second, "{order} {read}");
                assert_eq!(ids(client, "XRANGE s - +").len(), 30);
            }
        }
        // Until nothing is left: the key stays, as after XDEL.
        while client.int("XLEN s") > 1 {
            client.run("ST.STREAM.THIN s 0");
        }
        client.run("ST.STREAM.THIN s 0");
        assert_eq!((client.int("EXISTS s"), client.int("XLEN s")), (1, 1));
    });
}

#[test]
fn ranges_have_ends_of_every_kind() {
    structures::on_each_server(|_, client| {
        fill(client, "s", 20);
        let ends =
            ["none", "[2-8", "(2-8", "[0-0", "(0-0", "[4-14", "(4-14", "[9", "(3-18446744073709551615", "[+"];
        for from in ends {
            for to in ends {
                let xrange = |end: &str, none| match end.split_at(1) {
                    ("[", id) => id.to_owned(),
                    ("(", _) => end.to_owned(),
                    _ => String::from(none),
                };
                let ours = client.call(format!("ST.STREAM.LIMITS s {from} {to}").as_str());
                let theirs = format!("XRANGE s {} {}", xrange(from, "-"), xrange(to, "+"));
                // An id without a number means 0 to this module, and all of its millisecond to XRANGE's end.
                let theirs = client.call(theirs.replace("[", "").replace(" 9", " 9-0").as_str());
                match (ours, theirs) {
                    (Ok(ours), Ok(theirs)) => {
                        let ids = theirs.as_array().expect("entries").iter();
                        let ids: Vec<Value> =
                            ids.filter_map(|entry| Some(entry.as_array()?[0].clone())).collect();
                        assert_eq!(ours.as_array(), Some(ids.as_slice()), "{from} {to}");
                    }
                    (Err(_), Err(_)) => (),
                    (ours, theirs) => panic!("{from} {to}: {ours:?}, but {theirs:?}"),
                }
            }
        }
    });
}

#[test]
fn what_a_stream_refuses_is_a_named_error() {
    structures::on_each_server(|_, client| {
        let said = client.texts("ST.STREAM.MISUSE new");
        let expected = [
            "no fields: the number of fields is not valid: it is 1 to 524286",
            "0-0: the entry's id is not valid: it is not above the last id of the stream",
            "add: no error",
            "below: the entry's id is not valid: it is not above the last id of the stream",
            "delete: no error",
            "trim: no error",
            "trim below: no error",
            "walk: no error",
            "second walk: the server refused RedisModule_StreamIteratorStart: another walk over this key is on its way",
            "third walk: no error",
            "beyond: the range of ids is not valid: no id is outside of 0-0 to the last one",
            "before: the range of ids is not valid: no id is outside of 0-0 to the last one",
        ];
        assert_eq!(said, expected);
        client.run("XADD full 18446744073709551615-18446744073709551615 f v");
        let said = client.texts("ST.STREAM.MISUSE full");
        assert_eq!(said[2], "add: the entry's id is not valid: the stream has reached the last possible id");
        client.run("SET string v");
        let said = client.texts("ST.STREAM.MISUSE string");
        let wrong = "Operation against a key holding the wrong kind of value";
        assert!(said[..10].iter().all(|line| line.ends_with(wrong)), "{said:?}");
        // Nothing was made by an entry that was refused.
        client.refusal("ST.STREAM.WIDE wide 0");
        client.refusal("ST.STREAM.WIDE wide 600000");
        assert_eq!(client.int("EXISTS wide"), 0);
        client.run("ST.STREAM.WIDE wide 524286");
        assert_eq!(client.int("XLEN wide"), 1);
        assert_eq!(
            client.texts("ST.STREAM.WALK wide 1")[0].split_once('/').map(|line| line.1),
            Some("524286 f=v")
        );
    });
}

#[test]
fn a_walk_that_is_forgotten_harms_nothing() {
    structures::on_each_server(|_, client| {
        for (what, answer) in [("DELETE", 1), ("UNLINK", 1), ("TRIM", 19), ("WALK", 20), ("ADD", 0)] {
            client.run("DEL s");
            fill(client, "s", 20);
            assert_eq!(client.int(format!("ST.STREAM.FORGET s {what}").as_str()), answer, "{what}");
        }
        assert_eq!(client.texts("ST.STREAM.WALK s 1").len(), 21);
    });
}

#[test]
fn a_panic_in_a_walk_is_contained() {
    structures::on_each_server(|server, client| {
        fill(client, "s", 20);
        assert!(client.refusal("ST.STREAM.PANIC s").contains("internal error"));
        assert!(server.log().contains("in a walk over a stream"));
        assert_eq!(client.texts("ST.STREAM.WALK s DOWN 1").len(), 20);
        assert_eq!(client.int("DEL s"), 1);
    });
}

#[test]
fn ids_are_read_and_written_as_the_server_does() {
    structures::on_each_server(|_, client| {
        let max = "18446744073709551615-18446744073709551615";
        for (text, id) in
            [("5-6", "5-6"), ("7", "7-0"), ("-", "0-0"), ("+", max), ("0-18446744073709551615", "")]
        {
            let expected = if id.is_empty() { text } else { id };
            assert_eq!(client.text(format!("ST.STREAM.ID {text}").as_str()), expected);
        }
        let long = "1".repeat(1 << 20);
        for text in ["", "x", "1-", "1-2-3", "1-*", "*", "$", "18446744073709551616", "1 -1", long.as_str()] {
            let refusal = client.refusal(Command::new("ST.STREAM.ID").arg(text));
            assert!(refusal.contains("it is written ms-seq, ms, - or +"), "{text}: {refusal}");
        }
    });
}

#[test]
fn clients_that_wait_for_a_stream_are_served() {
    harness::on_each_server(&["streams"], |server, client| {
        client.run("XADD s 1-1 f v");
        let mut waiting = server.client();
        waiting.send(&Command::new("XREAD BLOCK 0 STREAMS s 1-1")).expect("sent");
        redis_mirror_test_support::wait::wait_until("the client waits", || {
            server.info("clients").number("blocked_clients") == Some(1)
        });
        client.run("STREAMS.PUT s 1-2 f new");
        let found = waiting.receive().expect("an entry");
        assert!(format!("{found:?}").contains("110, 101, 119"), "{found:?}");
    });
}

#[test]
fn a_field_tells_when_it_expires() {
    structures::on_each_server(|server, client| {
        client.run("HSET h stays 1 goes 2");
        if !is_since(server.installed(), Family::Redis, (8, 0)) {
            assert!(client.refusal("ST.HASH.EXPIRY h stays").contains("it came with Redis 8.0"));
            return;
        }
        client.run("HPEXPIREAT h 4102444800000 FIELDS 1 goes");
        assert_eq!(client.bytes("ST.HASH.EXPIRY h goes").as_deref(), Some(b"4102444800000".as_slice()));
        for field in ["stays", "missing"] {
            assert_eq!(client.bytes(format!("ST.HASH.EXPIRY h {field}").as_str()), None);
        }
        assert_eq!(client.bytes("ST.HASH.EXPIRY no.such.key f"), None);
        client.run("SET string v");
        assert!(client.refusal("ST.HASH.EXPIRY string f").starts_with("WRONGTYPE"));
    });
}

#[test]
fn a_field_shows_bytes_that_the_module_keeps() {
    for installed in servers() {
        let options: Options = structures::options("").durable();
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        client.run("HSET h f v g w");
        if !is_since(installed, Family::Valkey, (9, 1)) {
            assert!(client.refusal("ST.HASH.SHARE h f").contains("it came with Valkey 9.1"));
            assert!(client.refusal("ST.HASH.SHARED h f").contains("it came with Valkey 9.1"));
            continue;
        }
        assert_eq!((client.int("ST.HASH.SHARED h f"), client.int("ST.HASH.SHARE h f")), (0, 1));
        assert_eq!((client.int("ST.HASH.SHARED h f"), client.int("ST.HASH.SHARED h g")), (1, 0));
        let shown = client.bytes("HGET h f").expect("a value");
        assert!(shown.starts_with(b"bytes of the module's own, %s%n \xff\0\r\n"));
        // Without the field, or with no such key: an answer, where the server itself would crash.
        for command in
            ["ST.HASH.SHARED h none", "ST.HASH.SHARED none f", "ST.HASH.SHARE h none", "ST.HASH.SHARE none f"]
        {
            assert_eq!(client.int(command), 0, "{command}");
        }
        client.run("SET string v");
        assert!(client.refusal("ST.HASH.SHARE string f").starts_with("WRONGTYPE"));
        assert!(client.refusal("ST.HASH.SHARED string f").starts_with("WRONGTYPE"));
        assert_eq!(client.int("ST.HASH.SHARE h g EMPTY"), 1);
        assert_eq!(client.bytes("HGET h g"), Some(Vec::new()));
        client.run("HPEXPIRE h 1000000 FIELDS 1 f");
        let leaked = Command::new("ST.HASH.SHARE h f LEAK").arg(vec![b'y'; 1 << 20]);
        assert_eq!(client.int(leaked), 1);
        assert!(client.run("HPTTL h FIELDS 1 f").as_array().and_then(|ttl| ttl[0].as_int()) > Some(0));
        // What commands do with it: copies, snapshots, a new value, deletion.
        let copied = client.int("COPY h copy");
        assert_eq!((copied, client.run("HGET copy f")), (1, client.run("HGET h f")));
        client.run("DEBUG RELOAD");
        assert_eq!(client.bytes("HGET h f").map(|bytes| bytes.len()), Some(1 << 20));
        client.run("ST.HASH.SHARE h f");
        client.run("HSET h f own");
        assert_eq!((client.int("ST.HASH.SHARED h f"), client.text("HGET h f")), (0, "own".to_owned()));
        client.run("ST.HASH.SHARE h f");
        assert_eq!((client.int("HDEL h f"), client.int("DEL h copy")), (1, 2));
        // The bytes are the module's: it can't go.
        assert!(client.refusal("MODULE UNLOAD structures").contains("ERR"));
        assert!(server.is_running());
    }
}
