//! Servers without memory.

use redis_mirror_test_support::{Client, Command, Server, Value, cmd, wait};

use crate::store::{self, acquire, get, put, versions};
use crate::{digest, on_each, on_every};

const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";

fn used(server: &Server) -> i64 {
    server.info("memory").number("used_memory").expect("a number")
}

/// What is refused is refused in the server's words, and nothing of it is done.
#[track_caller]
fn refuse(client: &mut Client, calls: &[&str]) {
    assert_eq!(client.refusal("SET other x"), OOM);
    let before = digest(client);
    for call in calls {
        assert_eq!(client.refusal(format!("RECORD.{call}")), OOM, "{call}");
        assert_eq!(digest(client), before, "{call}");
    }
}

/// What frees memory or takes none is done.
#[test]
fn a_server_without_memory_refuses_what_grows() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x SET t 2 x SET t 3 x SET t 4 x").at;
        let token = acquire(&mut client, "s", "held", "me", 60_000).expect("it is free");
        client.run(format!("RECORD.CURSOR s c SET {} 1", at.epoch));
        client.run("CONFIG SET maxmemory 1");
        refuse(
            &mut client,
            &[
                "PUT s SET t 1 y",
                "PUT s DEL t 1 SET t 1 y",
                "PUT s DEL t 1 DEL t 2 SET t 9 y VER 0",
                "PUT new SET t 1 x",
                "SETOPTIONS s new TTL 5",
                "SETOPTIONS new t CAPACITY 5",
                "SETOPTIONS new * RETAIN 5",
                "CURSOR s new SET 0 0",
                "CURSOR new c SET 0 0",
                "LEASE s free ACQUIRE me PX 5",
                "LEASE s free ACQUIRE me PX 5 BLOCK 0",
                "LEASE s free TRY me 5",
                "LEASE new free TRY me 5",
            ],
        );
        let done = put(&mut client, "s", "DEL t 1 DEL t none");
        assert_eq!(done.versions, [5, 0]);
        put(&mut client, "s", &format!("FENCE held {token} DEL t 2 VER 2"));
        for call in [
            format!("LEASE s held RENEW me {token} PX 60000"),
            "SETOPTIONS s t CAPACITY 1".into(),
            "SETOPTIONS s * MAXCHANGES 2 RETAIN 1000000".into(),
            format!("CURSOR s c SET {} 4", at.epoch),
            "CURSOR s c DEL".into(),
            "CURSOR s none DEL".into(),
        ] {
            client.run(format!("RECORD.{call}"));
        }
        assert_eq!(versions(&mut client, "s"), (store::Cursor { version: 7, ..at }, 5), "3 was evicted");
        assert_eq!(store::token(&client.run("RECORD.LEASE s held TRY me 60000")), Some(token));
        client.run(format!("RECORD.LEASE s held RELEASE me {token}"));
        assert_eq!(client.refusal("RECORD.LEASE s held TRY me 60000"), OOM);
        assert_eq!(client.int("RECORD.TRIM s KEEP 0"), 2);
        client.run("RECORD.CLEAR s");
        client.run("CONFIG SET maxmemory 0");
        put(&mut client, "s", "SET t 1 y");
    });
}

/// Nobody asks for it, and it frees.
#[test]
fn the_upkeep_goes_on_without_memory() {
    on_each(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x PX 300 SET t 2 x");
        client.run("CONFIG SET maxmemory 1");
        wait::wait_until("the record ends", || versions(&mut client, "s").0.version == 3);
    });
}

/// Redis 7.0 queues nothing without memory. Others queue what is not `deny-oom`, and each put answers for itself.
#[test]
fn a_transaction_without_memory_deletes_and_puts_nothing() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x SET t 2 x");
        client.run("CONFIG SET maxmemory 1");
        client.run("MULTI");
        if server.installed().name == "redis70" {
            assert_eq!(client.refusal("RECORD.PUT s DEL t 1"), OOM);
            assert!(client.refusal("EXEC").starts_with("EXECABORT"));
            return;
        }
        client.run("RECORD.PUT s DEL t 1");
        client.run("RECORD.PUT s SET t 2 y");
        let done = client.run("EXEC");
        let [deleted, refused] = done.as_array().expect("two answers") else { panic!("{done}") };
        assert_eq!(store::as_put(deleted).versions, [3]);
        assert_eq!(refused.error(), Some(OOM));
        assert_eq!(get(&mut client, "s", "t", "2").and_then(|record| record.data).as_deref(), Some("x"));
    });
}

#[test]
fn a_script_without_memory_deletes_and_puts_nothing() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x SET t 2 x");
        client.run("CONFIG SET maxmemory 1");
        let before = digest(&mut client);
        let set = "return redis.call('RECORD.PUT', KEYS[1], 'DEL', 't', '2', 'SET', 't', '1', 'y')";
        let refusal = client.refusal(cmd!("EVAL", set, 1, "s"));
        assert!(refusal.contains("OOM command not allowed when used memory"), "{refusal}");
        // The flag is the server's, for its own commands: a module is not told of it.
        let allowed = client.refusal(cmd!("EVAL", format!("#!lua flags=allow-oom\n{set}"), 1, "s"));
        assert!(allowed.contains("OOM command not allowed when used memory"), "{allowed}");
        assert_eq!(digest(&mut client), before);
        let delete = "return redis.call('RECORD.PUT', KEYS[1], 'DEL', 't', '1')";
        client.run(cmd!("EVAL", delete, 1, "s"));
        assert_eq!(get(&mut client, "s", "t", "1"), None);
    });
}

/// Whether there is memory is decided before a transaction or a script, as for the server's own commands: it isn't
/// stopped in the middle.
#[test]
fn what_began_with_memory_is_done_to_the_end() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x");
        client.run(format!("CONFIG SET maxmemory {}", used(server) + (4 << 20)));
        client.run("MULTI");
        client.run("SETRANGE big 20000000 x");
        client.run("RECORD.PUT s SET t 1 y");
        client.run("RECORD.LEASE s l TRY me 60000");
        let done = client.run("EXEC");
        let [_, stored, granted] = done.as_array().expect("three answers") else { panic!("{done}") };
        assert_eq!(store::as_put(stored).versions, [2], "{done}");
        assert!(store::token(granted).is_some(), "{done}");
        assert_eq!(client.refusal("RECORD.PUT s SET t 1 z"), OOM, "it is over now");
        client.run("DEL big");
        let script = "redis.call('SETRANGE', KEYS[2], 20000000, 'x') \
             return redis.call('RECORD.PUT', KEYS[1], 'SET', 't', '1', 'z')";
        client.run(cmd!("EVAL", script, 2, "s", "big"));
        assert_eq!(client.refusal("RECORD.PUT s SET t 1 z"), OOM, "it is over now");
        assert_eq!(versions(&mut client, "s").0.version, 3);
    });
}

/// A server that still has keys to evict says no to nobody, though it is over its limit for the moment.
#[test]
fn a_server_that_evicts_lets_puts_through() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x");
        let junk: Vec<Command> = (0..20_000)
            .map(|number| cmd!("SET", format!("junk:{number}"), "x".repeat(500), "EX", 1000))
            .collect();
        client.pipeline(&junk).expect("junk");
        client.run("CONFIG SET maxmemory-policy volatile-ttl");
        // A few keys a turn.
        client.run("CONFIG SET maxmemory-eviction-tenacity 0");
        let limit = used(server) - (8 << 20);
        let calls = [
            cmd!("CONFIG", "SET", "maxmemory", limit),
            cmd!("RECORD.PUT", "s", "SET", "t", "1", "y"),
            cmd!("INFO", "memory"),
        ];
        let answers = client.pipeline(&calls).expect("answers");
        let [_, stored, info] = answers.as_slice() else { panic!("{answers:?}") };
        let info = info.as_text().unwrap_or_default();
        let used =
            info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse::<i64>().ok());
        assert!(used.is_some_and(|used| used > limit), "it had evicted enough already: {used:?}");
        assert!(!matches!(stored, Value::Error(_)), "{stored}");
        assert_eq!(store::as_put(stored).versions, [2]);
        // How the server was asked leaves no trace.
        assert_eq!(server.info("errorstats").get("errorstat_WRONGTYPE"), None);
    });
}
