//! What keys of all types have, and keys without a handle.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Family, Version};

use super::{line, on_each_server, on_each_server_with};

fn is_redis_since(version: Version, since: (u32, u32)) -> bool {
    version.family == Family::Redis && (version.major, version.minor) >= since
}

fn is_valkey_since(version: Version, since: (u32, u32)) -> bool {
    version.family == Family::Valkey && (version.major, version.minor) >= since
}

fn is_7_0(version: Version) -> bool {
    version.family == Family::Redis && !is_redis_since(version, (7, 2))
}

#[test]
fn a_time_to_live_is_set_and_read_from_now_on() {
    on_each_server(|_, client| {
        client.run("SET k v");
        assert_eq!(line(client, "HK.KEY k EXPIREIN DB NAME"), "nil 0 k");
        assert_eq!(line(client, "HK.KEY k EXPIREIN 100000"), "OK");
        let left = client.int("PTTL k");
        assert!((1..=100_000).contains(&left), "{left}");
        let left: i64 = line(client, "HK.KEY k EXPIREIN").parse().expect("milliseconds");
        assert!((1..=100_000).contains(&left), "{left}");
        let most = u64::try_from(i64::MAX / 2).expect("positive");
        assert_eq!(line(client, format!("HK.KEY k EXPIREIN {most}").as_str()), "OK");
        assert!(client.int("PTTL k") > 100_000);
        for ms in [most + 1, u64::MAX] {
            let refusal = line(client, format!("HK.KEY k EXPIREIN {ms}").as_str());
            assert_eq!(refusal, "the time to live is not valid: above i64::MAX / 2");
        }
        assert_eq!(line(client, "HK.KEY k EXPIREIN 0"), "OK");
        wait_until("its time has come", || client.int("EXISTS k") == 0);
        // Redis 8.6 itself reads through the value that is not there.
        let steps = "HK.KEY missing EXPIREIN EXPIREAT EXPIREIN 5 EXPIREAT 5 PERSIST DB";
        assert_eq!(line(client, steps), "nil nil no such key no such key no such key 0");
        client.run("SET k v");
        let steps = "HK.KEY k EXPIREAT 99999999999999 EXPIREAT PERSIST EXPIREAT EXPIREIN";
        assert_eq!(line(client, steps), "OK 99999999999999 OK nil nil");
        client.run("SELECT 3");
        client.run("SET other v");
        assert_eq!(line(client, "HK.KEY other DB"), "3");
        assert_eq!(line(client, "HK.OPEN other"), "String 3 nil 0 nil");
        assert_eq!(line(client, "HK.OPEN missing"), "Missing nil nil nil nil");
    });
}

#[test]
fn a_string_is_overwritten_in_its_place() {
    on_each_server(|_, client| {
        let large = vec![b'x'; 1 << 20];
        client.run("SET k old PX 100000");
        let values: [&[u8]; 7] = [b"", b"12", b"\0\xff", b"%s%n", b"a\r\nb", &large, b"short"];
        for value in values {
            assert_eq!(line(client, Command::new("HK.KEY k OVERWRITE").arg(value)), "OK");
            assert_eq!(client.bytes("GET k").as_deref(), Some(value));
        }
        assert!(client.int("PTTL k") > 0, "its expiry stays");
        assert_eq!(line(client, "HK.KEY k PREFIX"), "sho");
        assert_eq!(line(client, "HK.KEY k OVERWRITE ab PREFIX"), "OK nil");
        client.run("SET number 12345");
        assert_eq!(line(client, "HK.KEY number PREFIX OVERWRITE 999 PREFIX"), "123 OK 999");
        assert_eq!(line(client, "HK.KEY missing OVERWRITE x PREFIX"), "no such key nil");
        client.run("SADD set x");
        let wrong = line(client, "HK.KEY set OVERWRITE x PREFIX");
        assert_eq!(wrong.matches("wrong kind of value").count(), 2, "{wrong}");
    });
}

#[test]
fn the_first_field_to_expire_is_told_where_the_server_knows() {
    on_each_server(|server, client| {
        client.run("HSET h a 1 b 2");
        if !is_redis_since(server.installed().version, (8, 0)) {
            assert!(line(client, "HK.KEY h MINEXPIRE").contains("it came with Redis 8.0"));
            return;
        }
        assert_eq!(line(client, "HK.KEY h MINEXPIRE"), "nil");
        client.run("HPEXPIREAT h 9999999999999 FIELDS 1 a");
        client.run("HPEXPIREAT h 9999999999998 FIELDS 1 b");
        assert_eq!(line(client, "HK.KEY h MINEXPIRE"), "9999999999998");
        assert_eq!(line(client, "HK.KEY missing MINEXPIRE"), "nil");
        client.run("SET s v");
        assert!(line(client, "HK.KEY s MINEXPIRE").contains("wrong kind of value"));
    });
}

#[test]
fn eviction_data_is_what_the_policy_keeps() {
    on_each_server(|server, client| {
        client.run("SET k v");
        client.run("CONFIG SET maxmemory-policy allkeys-lru");
        let idle: i64 = line(client, "HK.KEY k IDLE").parse().expect("milliseconds");
        assert!((0..100_000).contains(&idle), "{idle}");
        if is_valkey_since(server.installed().version, (9, 1)) {
            assert!(line(client, "HK.KEY k IDLE 5000").contains("went with Valkey 9.1"));
        } else {
            idle_times_are_set(client);
        }
        assert_eq!(line(client, "HK.KEY k FREQ"), "nil");
        assert!(line(client, "HK.KEY k FREQ 7").contains("maxmemory-policy does not count uses"));

        client.run("CONFIG SET maxmemory-policy allkeys-lfu lfu-decay-time 0");
        for frequency in [0, 7, 255] {
            assert_eq!(line(client, format!("HK.KEY k FREQ {frequency}").as_str()), "OK");
            assert_eq!(client.int("OBJECT FREQ k"), frequency);
            assert_eq!(line(client, "HK.KEY k FREQ"), frequency.to_string());
        }
        assert_eq!(line(client, "HK.KEY k IDLE"), "nil");
        assert_eq!(line(client, "HK.KEY missing IDLE FREQ FREQ 5"), "nil nil no such key");
    });
}

fn idle_times_are_set(client: &mut Client) {
    assert_eq!(line(client, "HK.KEY k IDLE 5000000"), "OK");
    assert!((5000..6000).contains(&client.int("OBJECT IDLETIME k")));
    let idle: i64 = line(client, "HK.KEY k IDLE").parse().expect("milliseconds");
    assert!((5_000_000..6_000_000).contains(&idle), "{idle}");
    let most: u64 = ((1 << 24) - 2) * 1000;
    assert_eq!(line(client, format!("HK.KEY k IDLE {most}").as_str()), "OK");
    let idle: u64 = line(client, "HK.KEY k IDLE").parse().expect("milliseconds");
    assert!(idle + 2000 >= most || idle < 100_000, "{idle}: 24 bits of seconds have turned over at most");
    let refusal = line(client, format!("HK.KEY k IDLE {}", most + 1).as_str());
    assert_eq!(refusal, "the idle time is not valid: at most 194 days");
    assert_eq!(line(client, "HK.KEY missing IDLE 5"), "no such key");
    client.run("CONFIG SET maxmemory-policy allkeys-lfu lfu-decay-time 0");
    assert!(line(client, "HK.KEY k IDLE 5").contains("maxmemory-policy counts uses, not idle time"));
    client.run("CONFIG SET maxmemory-policy allkeys-lru");
}

#[test]
fn open_flags_are_the_server_s_or_refused() {
    on_each_server(|server, client| {
        let version = server.installed().version;
        let mut known = vec!["NO_TOUCH"];
        if !is_7_0(version) {
            known.extend(["NO_NOTIFY", "NO_STATS", "NO_EXPIRE", "NO_EFFECTS"]);
        }
        if is_redis_since(version, (8, 0)) {
            known.push("ACCESS_EXPIRED");
        }
        if is_redis_since(version, (8, 4)) {
            known.push("ACCESS_TRIMMED");
        }
        assert_eq!(client.texts("HK.FLAGS"), known);
        client.run("SET k v");
        let all = [
            ("NO_TOUCH", ""),
            ("NO_NOTIFY", "it came with Redis 7.2 and Valkey 7.2"),
            ("NO_STATS", "it came with Redis 7.2 and Valkey 7.2"),
            ("NO_EXPIRE", "it came with Redis 7.2 and Valkey 7.2"),
            ("NO_EFFECTS", "it came with Redis 7.2 and Valkey 7.2"),
            ("ACCESS_EXPIRED", "it came with Redis 8.0"),
            ("ACCESS_TRIMMED", "it came with Redis 8.4"),
        ];
        for (flag, refusal) in all {
            let open = format!("HK.OPEN k {flag}");
            if known.contains(&flag) {
                assert!(line(client, open.as_str()).starts_with("String 0 nil"), "{flag}");
            } else {
                assert!(client.refusal(open.as_str()).contains(refusal), "{flag}");
            }
        }
    });
}

#[test]
fn open_flags_do_what_they_say() {
    on_each_server(|server, client| {
        let version = server.installed().version;
        client.run("CONFIG SET maxmemory-policy allkeys-lfu lfu-decay-time 0");
        client.run("SET k v");
        line(client, "HK.KEY k FREQ 0");
        line(client, "HK.OPEN k NO_TOUCH");
        assert_eq!(client.int("OBJECT FREQ k"), 0);
        line(client, "HK.OPEN k");
        assert_eq!(client.int("OBJECT FREQ k"), 1, "at 0, each use counts");
        if is_7_0(version) {
            return;
        }
        client.run("CONFIG RESETSTAT");
        line(client, "HK.OPEN k NO_STATS");
        line(client, "HK.OPEN missing NO_STATS");
        line(client, "HK.OPEN missing NO_EFFECTS");
        let stats = server.info("stats");
        assert_eq!((stats.number("keyspace_hits"), stats.number("keyspace_misses")), (Some(0), Some(0)));

        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        client.run("SET fleeting v PX 1");
        wait_until("its time has come", || {
            client.int("PEXPIRETIME k") == -1 && {
                line(client, "HK.OPEN fleeting NO_EXPIRE").starts_with("Missing")
            }
        });
        assert_eq!(client.int("DBSIZE"), 2, "it is missing, and not deleted");
        if is_redis_since(version, (8, 0)) {
            assert!(line(client, "HK.OPEN fleeting ACCESS_EXPIRED").starts_with("String 0 0"));
        }
        assert!(line(client, "HK.OPEN fleeting").starts_with("Missing"));
        assert_eq!(client.int("DBSIZE"), 1);
    });
}

#[test]
fn a_key_is_found_without_being_opened() {
    on_each_server(|_, client| {
        assert_eq!(line(client, "HK.RANDOM"), "nil");
        client.run("CONFIG SET maxmemory-policy allkeys-lfu lfu-decay-time 0");
        client.run("SET k v");
        line(client, "HK.KEY k FREQ 0");
        assert_eq!(line(client, "HK.EXISTS k"), "1");
        assert_eq!(client.int("OBJECT FREQ k"), 0);
        assert_eq!(line(client, "HK.EXISTS missing"), "0");
        assert_eq!(line(client, "HK.RANDOM"), "k");
        // Both may delete keys whose time has come.
        assert!(client.refusal("HK.EXISTS k OPEN k").contains("a key is open"));
        assert_eq!(line(client, "HK.EXISTS other OPEN k"), "0");
        assert!(client.refusal("HK.RANDOM OPEN k").contains("a key is open"));
        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        client.run("DEL k");
        for at in 0..50 {
            client.run(format!("SET fleeting{at} v PX 1").as_str());
        }
        wait_until("their time has come", || client.bytes("GET fleeting49").is_none());
        assert_eq!(line(client, "HK.EXISTS fleeting0"), "0");
        assert_eq!(line(client, "HK.RANDOM"), "nil");
        assert_eq!(client.int("DBSIZE"), 0);
    });
}

#[test]
fn looking_for_any_key_ends_while_expired_ones_must_stay() {
    on_each_server(|_, client| {
        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        client.run("SET fleeting v PX 1");
        client.run("CLIENT PAUSE 100000 WRITE");
        wait_until("its time has come", || client.bytes("GET fleeting").is_none());
        // RANDOMKEY itself never returns now on the older servers.
        assert!(client.refusal("HK.RANDOM").contains("writes are paused"));
        client.run("CLIENT UNPAUSE");
        assert_eq!(line(client, "HK.RANDOM"), "nil");
    });
}

#[test]
fn a_key_that_is_said_to_have_changed_fails_a_transaction() {
    on_each_server(|server, client| {
        let mut other = server.client();
        client.run("SET k v");
        client.run("WATCH k");
        other.run("HK.SIGNAL k");
        client.run("MULTI");
        client.run("PING");
        assert_eq!(client.run("EXEC").as_array(), None);
    });
}

#[test]
fn keys_are_told_from_each_other_in_a_cluster() {
    on_each_server_with(
        |options| options.set("cluster-enabled", "yes"),
        |_, client| {
            client.run("CLUSTER ADDSLOTSRANGE 0 16383");
            wait_until("the slots are served", || client.text("CLUSTER INFO").contains("cluster_state:ok"));
            for at in 0..200 {
                client.run(format!("SADD s{at} x").as_str());
            }
            assert!(line(client, "HK.RANDOM").starts_with('s'));
            assert_eq!(line(client, "HK.EXISTS s7"), "1");
            assert_eq!(line(client, "HK.ELEMENTS s7"), "x nil Done Done");
            assert_eq!(line(client, "HK.RESET"), "OK");
            assert_eq!(client.int("DBSIZE"), 0);
        },
    );
}
