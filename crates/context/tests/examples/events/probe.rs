//! Subscriptions that come and go, and events of one family: by a module for tests.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Options, Server, cmd, servers};

use super::is_since;
use crate::example;

const STRING: i64 = 1 << 3;
const HASH: i64 = 1 << 6;
const GENERIC: i64 = 1 << 2;

/// The last classes that both families have, and those of Redis alone.
const NEW: i64 = 1 << 14;
const REDIS_ONLY: [(i64, (u32, u32)); 4] =
    [(1 << 15, (8, 2)), (1 << 16, (8, 2)), (1 << 17, (8, 4)), (1 << 18, (8, 8))];

fn on_each_probe(story: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let options = Options::new().module(&example::module("event_probe"), "");
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended:\n{}", server.log_tail());
        client.run("PING");
    }
}

fn journal(client: &mut Client) -> Vec<String> {
    client.texts("EP.JOURNAL")
}

/// Whether the server lets modules unsubscribe.
fn can_unsubscribe(server: &Server) -> bool {
    is_since(server.installed(), Some((8, 2)), None)
}

#[track_caller]
fn end(server: &Server, client: &mut Client, number: i64) {
    let end = cmd!("EP.END", number);
    if can_unsubscribe(server) {
        client.run(end);
    } else {
        assert!(client.refusal(end).contains("UnsubscribeFromKeyspaceEvents: it came with Redis 8.2"));
    }
}

#[test]
fn an_ended_subscription_hears_no_more_and_its_place_is_free() {
    on_each_probe(|server, client| {
        // More than there are places for, one after the other, of classes that overlap and that don't.
        for round in 0..40_i64 {
            let classes = [STRING, STRING | HASH, HASH, GENERIC | STRING][round as usize % 4];
            let number = client.int(cmd!("EP.SUBSCRIBE", classes, format!("r{round}")));
            client.run("SET s v");
            client.run("HSET h f v");
            let expected: Vec<String> = [(STRING, "set s"), (HASH, "hset h")]
                .iter()
                .filter(|(class, _)| classes & class != 0)
                .map(|(_, line)| format!("r{round} {line}"))
                .collect();
            assert_eq!(journal(client), expected, "each is heard once");
            match round % 2 {
                0 => end(server, client, number),
                _ => drop(client.run(cmd!("EP.END", number, "DROP"))),
            }
            client.run("SET s v");
            assert_eq!(journal(client), Vec::<String>::new());
        }
    });
}

#[test]
fn at_most_sixteen_subscriptions_hear_at_once() {
    on_each_probe(|server, client| {
        for at in 0..16 {
            client.run(cmd!("EP.SUBSCRIBE", STRING, format!("s{at}")));
        }
        assert!(client.refusal(cmd!("EP.SUBSCRIBE", STRING, "s16")).contains("at most 16"));
        client.run("SET k v");
        assert_eq!(journal(client).len(), 16);
        end(server, client, 7);
        client.run(cmd!("EP.SUBSCRIBE", STRING, "instead"));
        client.run("SET k v");
        let lines = journal(client);
        assert!(lines.len() == 16 && lines.contains(&"instead set k".to_owned()), "{lines:?}");
    });
}

#[test]
fn subscriptions_may_end_in_the_middle_of_the_servers_walk_over_them() {
    on_each_probe(|_, client| {
        for round in 0..3 {
            for at in 0..12 {
                client.run(cmd!("EP.SUBSCRIBE", STRING, format!("s{at}")));
            }
            client.run("SET end:all v");
            let lines = journal(client);
            assert_eq!(lines.len(), 1, "round {round}: the first that hears it ends all others: {lines:?}");
            client.run("SET k v");
            client.run("SET k v");
            assert_eq!(journal(client), Vec::<String>::new());
        }
    });
}

#[test]
fn a_server_that_can_forgets_an_ended_subscription() {
    on_each_probe(|server, client| {
        let number = client.int(cmd!("EP.SUBSCRIBE", STRING, "s"));
        end(server, client, number);
        // Whether it has is seen from inside only: the module can be unloaded, since no timer waits.
        wait_until("the timer", || client.call("MODULE UNLOAD event_probe").is_ok());
        client.run("SET k v");
    });
}

#[test]
fn a_panic_in_a_subscription_is_logged_and_the_others_hear() {
    on_each_probe(|server, client| {
        client.run(cmd!("EP.SUBSCRIBE", STRING, "one"));
        client.run("SET panic v");
        assert!(server.log().contains("panic was caught in a keyspace event"), "{}", server.log_tail());
        client.run("SET k v");
        assert_eq!(journal(client), ["one set k"]);
    });
}

#[test]
fn classes_that_a_server_lacks_are_refused_and_those_it_has_are_heard() {
    on_each_probe(|server, client| {
        let bits = client.run("EP.CLASSES");
        let bits: Vec<i64> =
            bits.as_array().unwrap_or_default().iter().filter_map(|bits| bits.as_int()).collect();
        let (known, heard_by_clients) = (bits[0], bits[1]);
        assert_eq!((known & (NEW | STRING), heard_by_clients), (NEW | STRING, 0));
        client.run("CONFIG SET notify-keyspace-events K$h");
        let bits = client.run("EP.CLASSES");
        assert_eq!(bits.as_array().and_then(|bits| bits[1].as_int()), Some(1 | STRING | HASH));

        for (class, since) in REDIS_ONLY {
            let is_known = is_since(server.installed(), Some(since), None);
            assert!(!is_known || known & class != 0, "{class} is not in {known}");
            for command in [cmd!("EP.SUBSCRIBE", class, "x"), cmd!("EP.NOTIFY", class, "k")] {
                match client.call(&command) {
                    Ok(_) => assert!(is_known, "{command}"),
                    Err(error) => {
                        assert!(!is_known && error.to_string().contains("it came with Redis 8."), "{error}")
                    }
                }
            }
        }
        assert!(client.refusal(cmd!("EP.SUBSCRIBE", 1 << 30, "x")).contains("class of keyspace events"));
        journal(client);
        client.run(cmd!("EP.SUBSCRIBE", NEW, "new"));
        client.run("SET fresh v");
        assert_eq!(journal(client), ["new new fresh"]);
    });
}

#[test]
fn any_bytes_are_a_keys_name_in_an_event() {
    on_each_probe(|_, client| {
        client.run(cmd!("EP.SUBSCRIBE", STRING, "s"));
        let long = vec![b'x'; 1 << 20];
        for key in [b"a\0%s%n\r\n".as_slice(), b"\xff\xfe", b"", &long] {
            client.run(Command::new("SET").arg(key).arg("v"));
            let name = String::from_utf8_lossy(&key.escape_ascii().collect::<Vec<u8>>()).into_owned();
            assert_eq!(journal(client), [format!("s set {name}")]);
            // What the module causes itself it does not hear.
            client.run(Command::new("EP.NOTIFY").arg(STRING).arg(key));
            journal(client);
        }
    });
}

#[test]
fn events_of_the_other_family_are_refused() {
    on_each_probe(|server, client| {
        let installed = server.installed();
        let events = [
            ("auth", None, Some((9, 0)), "Valkey 9.0"),
            ("valkey-migration", None, Some((9, 0)), "Valkey 9.0"),
            ("redis-migration", Some((8, 4)), None, "Redis 8.4"),
            ("redis-trim", Some((8, 4)), None, "Redis 8.4"),
        ];
        for (event, redis, valkey, since) in events {
            match client.call(cmd!("EP.ON", event)) {
                Ok(_) => assert!(is_since(installed, redis, valkey), "{event} on {installed}"),
                Err(error) => {
                    assert!(!is_since(installed, redis, valkey), "{error}");
                    assert!(error.to_string().contains(&format!("it came with {since}")), "{error}");
                }
            }
        }
    });
}

#[test]
fn sub_events_are_known_by_their_numbers() {
    on_each_probe(|server, client| {
        let mut has = |event: &str, number: i64| client.int(cmd!("EP.SUB", event, number));
        assert_eq!((has("persistence", 0), has("persistence", 5), has("persistence", 6)), (1, 1, 0));
        assert_eq!((has("eventloop", 1), has("eventloop", 2), has("shutdown", 0)), (1, 0, 0));
        let redis = is_since(server.installed(), Some((8, 4)), None);
        assert_eq!(has("redis-migration", 6), redis.into());
        // Valkey 9.1 fires it, and answers no all the same.
        let valkey = is_since(server.installed(), None, Some((9, 0)));
        assert!(valkey || has("valkey-migration", 5) == 0);
    });
}

#[test]
fn an_attempt_to_authenticate_says_who_and_how_it_ended() {
    on_each_probe(|server, client| {
        if !is_since(server.installed(), None, Some((9, 0))) {
            assert!(client.refusal("EP.ON auth").contains("Valkey 9.0"));
            return;
        }
        client.run("EP.ON auth");
        client.run("ACL SETUSER jane on >secret +@all ~*");
        let mut other = server.client();
        other.run("AUTH jane secret");
        other.refusal("AUTH jane wrong");
        other.refusal("AUTH panic x");
        other.refusal(Command::new("AUTH").arg(b"a%s%n\r\n\xff".as_slice()).arg("x"));
        other.run("HELLO 3 AUTH jane secret");
        let lines = journal(client);
        let expected = [
            "auth Some(\"jane\") None granted true client true",
            "auth Some(\"jane\") None granted false client true",
            "auth Some(\"a%s%n\\\\r\\\\n\\\\xff\") None granted false client true",
            "auth Some(\"jane\") None granted true client true",
        ];
        assert_eq!(lines, expected);
        assert!(server.log().contains("panic was caught in the AuthenticationAttempt event"));
    });
}
