//! `examples/scan`.

use std::collections::BTreeMap;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Server};

use crate::harness::{Subject, on_each_server};
use crate::keys::line;

pub const SUBJECT: Subject = Subject { packages: &["scan"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("SET greeting hello");
    client.run("HSET user name ann city rome");
    client.run("SADD colours red");
    client.run("ZADD game 10.5 ann");
    assert_eq!(line(client, "KEYSPACE.TYPES"), "hash 1 set 1 string 1 zset 1");
    assert_eq!(client.texts("KEY.ELEMENTS user"), ["name", "ann", "city", "rome"]);
    assert_eq!(client.texts("KEY.ELEMENTS game"), ["ann", "10.5"]);
    assert_eq!(client.text("KEY.FIND colours re*"), "red");
    assert_eq!(client.bytes("KEY.FIND colours b*"), None);
    client.run("CENSUS START");
    wait_until("the census ends", || line(client, "CENSUS RESULT") == "done 4");
    let mut seen = whole_walk(client);
    seen.sort();
    assert_eq!(seen, ["colours", "game", "greeting", "user"]);
    assert_eq!(client.texts("WALK.NEXT"), ["done"]);
    client.run("WALK.RESTART");
    assert_eq!(whole_walk(client).len(), 4);
    client.run("WALK.RESTART");
}

/// Steps to the end of the shared walk.
fn whole_walk(client: &mut Client) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let mut step = client.texts("WALK.NEXT");
        let progress = step.remove(0);
        seen.extend(step);
        if progress == "done" {
            return seen;
        }
    }
}

/// Fills a hash, a set and a sorted set with `count` elements each.
fn fill(client: &mut Client, count: usize) {
    client.run("DEL hash set zset");
    for at in 0..count {
        client.run(Command::new("HSET hash").arg(format!("field{at}")).arg(format!("value {at}")));
        client.run(Command::new("SADD set").arg(format!("member{at}")));
        client.run(Command::new("ZADD zset").arg(format!("{at}.25")).arg(format!("member{at}")));
    }
}

fn pairs(texts: Vec<String>) -> BTreeMap<String, String> {
    texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

#[test]
fn elements_are_those_of_hgetall_smembers_and_zrange() {
    on_each_server(&["scan"], |_, client| {
        for count in [1, 10, 1000] {
            fill(client, count);
            assert_eq!(pairs(client.texts("KEY.ELEMENTS hash")), pairs(client.texts("HGETALL hash")));
            let scored = client.texts("ZRANGE zset 0 -1 WITHSCORES");
            assert_eq!(pairs(client.texts("KEY.ELEMENTS zset")), pairs(scored));
            let (mut ours, mut theirs) = (client.texts("KEY.ELEMENTS set"), client.texts("SMEMBERS set"));
            ours.sort();
            ours.dedup();
            theirs.sort();
            assert_eq!(ours, theirs);
        }
        client.run("SADD numbers 1 2 3");
        assert_eq!(client.texts("KEY.ELEMENTS numbers"), ["1", "2", "3"]);
        client.run("ZADD edges inf top -inf bottom 1e100 large");
        let edges = pairs(client.texts("KEY.ELEMENTS edges"));
        assert_eq!(edges["top"], "inf");
        assert_eq!(edges["bottom"], "-inf");
        assert_eq!(edges["large"].parse(), Ok(1e100));
        assert_eq!(client.texts("KEY.ELEMENTS missing"), Vec::<String>::new());
        client.run("SET string v");
        client.run("RPUSH list v");
        for command in ["KEY.ELEMENTS string", "KEY.ELEMENTS list", "KEY.FIND string a"] {
            assert!(client.refusal(command).starts_with("WRONGTYPE"), "{command}");
        }
    });
}

#[test]
fn elements_are_any_bytes() {
    on_each_server(&["scan"], |_, client| {
        let large = vec![b'x'; 1 << 20];
        let names: [&[u8]; 6] = [b"\0", b"%s%n", b"\xff\xfe", b"a\r\nb", b"", &large];
        for name in names {
            client.run(Command::new("HSET hash").arg(name).arg(name));
            client.run(Command::new("SADD set").arg(name));
            client.run(Command::new("ZADD zset 1").arg(name));
            let found = client.bytes(Command::new("KEY.FIND set").arg(name));
            assert!(found.is_some_and(|found| found.starts_with(name)));
        }
        let shown = client.run("KEY.ELEMENTS hash");
        let shown = shown.as_array().expect("an array");
        assert_eq!(shown.len(), 12);
        assert!(shown.chunks(2).all(|pair| pair[0] == pair[1]));
        assert!(names.iter().all(|name| shown.iter().any(|found| found.as_bytes() == Some(name))));
        for command in ["KEY.ELEMENTS set", "KEY.ELEMENTS zset"] {
            let found = client.run(command);
            assert!(found.as_array().is_some_and(|found| found.len() >= 6), "{command}");
        }
    });
}

#[test]
fn a_walk_survives_what_happens_between_its_steps() {
    on_each_server(&["scan"], |_, client| {
        let name = |at: usize| format!("key{at}");
        for at in 0..2000 {
            client.run(Command::new("SET").arg(name(at)).arg("v"));
        }
        let mut seen = Vec::new();
        for at in 0.. {
            let mut step = client.texts("WALK.NEXT");
            let progress = step.remove(0);
            seen.extend(step);
            if progress == "done" {
                break;
            }
            // Keys come and go, and the table grows meanwhile.
            client.run(Command::new("SET").arg(format!("new{at}")).arg("v"));
            client.run(Command::new("DEL").arg(name(at % 100)));
        }
        for at in 100..2000 {
            assert!(seen.contains(&name(at)), "{at} was there all the time");
        }
        client.run("WALK.NEXT");
        client.run("WALK.RESTART");
        client.run("FLUSHALL");
        assert_eq!(client.texts("WALK.NEXT"), ["done"]);
        client.run("CENSUS START");
        assert!(client.refusal("CENSUS START").contains("a census is running"));
        wait_until("the census ends", || line(client, "CENSUS RESULT") == "done 0");
        assert!(client.refusal("CENSUS SOON").contains("syntax error"));
    });
}
