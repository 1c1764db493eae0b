//! Keys of every type, in every encoding the settings lead to.

use super::server::{Reply, Server};

/// Settings that lead to one set of encodings. Unknown ones are refused by older servers, which is fine.
pub struct Profile {
    pub name: &'static str,
    /// Elements of lists from this size on stand alone in their node; 0 for the server's default.
    plain_from: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

pub const PROFILES: [Profile; 4] = [
    Profile {
        name: "packed",
        plain_from: "0",
        settings: &[
            ("hash-max-listpack-entries", "2000"),
            ("hash-max-listpack-value", "5000"),
            ("zset-max-listpack-entries", "2000"),
            ("zset-max-listpack-value", "5000"),
            ("set-max-listpack-entries", "2000"),
            ("set-max-listpack-value", "5000"),
            ("set-max-intset-entries", "5000"),
            ("list-max-listpack-size", "-2"),
            ("list-compress-depth", "0"),
            ("stream-node-max-entries", "100"),
            ("rdbcompression", "yes"),
            ("rdbchecksum", "yes"),
            ("maxmemory-policy", "noeviction"),
            ("hll-sparse-max-bytes", "3000"),
        ],
    },
    Profile {
        name: "packed, not compressed, LFU",
        plain_from: "0",
        settings: &[("rdbcompression", "no"), ("maxmemory-policy", "allkeys-lfu")],
    },
    Profile {
        name: "unpacked, LRU",
        plain_from: "0",
        settings: &[
            ("hash-max-listpack-entries", "0"),
            ("zset-max-listpack-entries", "0"),
            ("set-max-listpack-entries", "0"),
            ("set-max-intset-entries", "0"),
            ("list-max-listpack-size", "3"),
            ("list-compress-depth", "1"),
            ("stream-node-max-entries", "2"),
            ("rdbcompression", "yes"),
            ("maxmemory-policy", "allkeys-lru"),
            ("hll-sparse-max-bytes", "0"),
        ],
    },
    Profile {
        name: "unpacked, not compressed",
        plain_from: "100",
        settings: &[
            ("rdbcompression", "no"),
            ("list-max-listpack-size", "1"),
            ("maxmemory-policy", "noeviction"),
        ],
    },
];

impl Profile {
    pub fn apply(&self, server: &mut Server) {
        for (name, value) in self.settings {
            server.call(&["CONFIG", "SET", name, value]);
        }
        server.run(&["DEBUG", "QUICKLIST-PACKED-THRESHOLD", self.plain_from]);
    }
}

/// A time to live far enough away for every run of the test.
pub const FAR_MS: u64 = 4_102_444_800_000;

pub fn fill(server: &mut Server) {
    server.run(&["FLUSHALL"]);
    server.run(&["FUNCTION", "FLUSH"]);
    server.run(&[
        "FUNCTION",
        "LOAD",
        "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
    ]);
    strings(server);
    lists(server);
    sets(server);
    zsets(server);
    hashes(server);
    expiring_fields(server);
    streams(server);
    groups(server);
    idempotency(server);
    server.run(&["SELECT", "9"]);
    server.run(&["SET", "other db", "x", "PXAT", &FAR_MS.to_string()]);
    server.run(&["SELECT", "0"]);
}

/// Bytes that don't compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn add<S: AsRef<[u8]>>(
    server: &mut Server,
    command: &str,
    key: &str,
    arguments: impl IntoIterator<Item = S>,
) {
    let arguments: Vec<S> = arguments.into_iter().collect();
    let mut all = vec![command.as_bytes(), key.as_bytes()];
    all.extend(arguments.iter().map(AsRef::as_ref));
    server.must(&all);
}

fn strings(server: &mut Server) {
    for text in
        ["", "0", "-1", "127", "-128", "300", "-40000", "70000", "2147483648", "-9223372036854775808", "007"]
    {
        add(server, "SET", &format!("string {text}"), [text]);
    }
    add(server, "SET", "string noise", [noise(5000)]);
    add(server, "SET", "string zeros", [vec![0; 1 << 20]]);
    add(server, "SET", "string text", ["some text that repeats ".repeat(50)]);
    add(server, "SET", "string float", ["3.25"]);
    add(server, "SET", "12345", ["a number as key"]);
    add(server, "SET", &"long key that compresses ".repeat(30), ["x"]);
    add(server, "SETBIT", "string bits", ["100000", "1"]);
    add(server, "PFADD", "hll small", ["a", "b", "c"]);
    add(server, "PFADD", "hll large", (0..3000).map(|n| n.to_string()));
    add(server, "PFADD", "hll counted", ["a"]);
    server.run(&["PFCOUNT", "hll counted"]);
    server.run(&["PEXPIREAT", "string text", &FAR_MS.to_string()]);
}

fn lists(server: &mut Server) {
    add(
        server,
        "RPUSH",
        "list small",
        ["a", "1", "-5000", "70000", "9000000000", "", "4095", "4096", "-4097"],
    );
    add(server, "RPUSH", "list long", (0..3000).map(|n| format!("element {n}")));
    add(server, "RPUSH", "list numbers", (0..3000).map(|n: i64| (n * n * n * 7919 - 5).to_string()));
    add(server, "RPUSH", "list big", [noise(20_000), vec![b'z'; 100_000], b"small".to_vec(), noise(70)]);
    add(server, "RPUSH", "list middling", (0..40).map(|n| vec![n; 300 * usize::from(n) + 1]));
    add(server, "RPUSH", "list one", ["x"]);
}

fn sets(server: &mut Server) {
    add(server, "SADD", "set 16", ["1", "2", "-3"]);
    add(server, "SADD", "set 32", ["1", "2", "-70000"]);
    add(server, "SADD", "set 64", ["1", "9000000000", "-9223372036854775808"]);
    add(server, "SADD", "set text", ["a", "b", "", "12", "012", "12 "]);
    add(server, "SADD", "set large", (0..1000).map(|n| format!("member number {n}")));
    add(server, "SADD", "set numbers", (0..1000).map(|n: i64| (n * 77_777).to_string()));
    add(server, "SADD", "set big", [noise(3000), vec![b'q'; 4000]]);
    add(server, "SADD", "set huge member", [vec![b'q'; 100_000]]);
}

fn zsets(server: &mut Server) {
    let odd =
        ["1", "a", "1", "b", "-inf", "c", "inf", "d", "0.1", "e", "0", "f", "3e300", "5", "1e-300", "-12"];
    add(server, "ZADD", "zset odd", odd);
    add(server, "ZADD", "zset minus zero", ["-0", "a", "0", "b", "-1", "c"]);
    add(
        server,
        "ZADD",
        "zset integers",
        (0..300).flat_map(|n: i64| [(n % 17 * 100_000).to_string(), n.to_string()]),
    );
    let fractions = (0..500).flat_map(|n| [(f64::from(n) / 7.0).to_string(), format!("member {n}")]);
    add(server, "ZADD", "zset fractions", fractions);
    add(server, "ZADD", "zset big", [b"2.5".to_vec(), noise(3000), b"2.5".to_vec(), vec![b'q'; 100_000]]);
    add(
        server,
        "GEOADD",
        "zset geo",
        ["13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"],
    );
}

fn hashes(server: &mut Server) {
    add(server, "HSET", "hash small", ["a", "1", "b", "two", "", "", "300", "-70000"]);
    add(
        server,
        "HSET",
        "hash large",
        (0..500).flat_map(|n| [format!("field {n}"), format!("value {n} ").repeat(3)]),
    );
    add(server, "HSET", "hash big", [b"f".to_vec(), noise(3000), vec![b'g'; 4000], vec![b'h'; 100_000]]);
}

fn expiring_fields(server: &mut Server) {
    if !server.target.has_field_expiry() {
        return;
    }
    for (key, count) in [("fields few", 5u64), ("fields many", 700), ("fields long", 20)] {
        let value = if key == "fields long" { "v".repeat(9000) } else { "v".to_owned() };
        add(server, "HSET", key, (0..count).flat_map(|n| [format!("field {n}"), value.clone()]));
        for n in (0..count).filter(|n| n % 3 != 1) {
            let at = (FAR_MS + (n * 7919) % 1000 * 1_000_000).to_string();
            server.run(&["HPEXPIREAT", key, &at, "FIELDS", "1", &format!("field {n}")]);
        }
        server.run(&["HPERSIST", key, "FIELDS", "1", "field 3"]);
        server.run(&["HDEL", key, "field 2"]);
    }
    server.run(&["HSET", "fields no longer", "a", "1", "b", "2"]);
    server.run(&["HPEXPIREAT", "fields no longer", &FAR_MS.to_string(), "FIELDS", "1", "a"]);
    server.run(&["HPERSIST", "fields no longer", "FIELDS", "1", "a"]);
}

fn streams(server: &mut Server) {
    for n in 1..=250u32 {
        let (id, value) = (format!("{}-{}", 1000 + n / 3, n % 3 + 1), "v".repeat(n as usize % 90));
        server.run(&["XADD", "stream long", &id, "temperature", &n.to_string(), "text", &value]);
        let names = [format!("f{}", n % 4), "g".to_owned()];
        server.run(&["XADD", "stream fields", &id, &names[0], "1", &names[1], "-70000"]);
    }
    for id in ["1000-2", "1010-1", "1010-2", "1010-3", "1083-2"] {
        server.run(&["XDEL", "stream long", id]);
    }
    server.run(&["XTRIM", "stream fields", "MAXLEN", "77"]);
    server.run(&["XADD", "stream wide", "18446744073709551614-18446744073709551615", "a", "b"]);
    server.run(&["XADD", "stream wide", "18446744073709551615-0", "a", "b"]);
    server.run(&["XADD", "stream emptied", "5-5", "a", "b"]);
    server.run(&["XDEL", "stream emptied", "5-5"]);
    server.run(&["XGROUP", "CREATE", "stream never filled", "g", "$", "MKSTREAM"]);
    server.run(&["XADD", "stream set", "5-5", "a", "b"]);
    server.run(&["XSETID", "stream set", "9-9", "ENTRIESADDED", "100", "MAXDELETEDID", "7-7"]);
}

fn groups(server: &mut Server) {
    let key = "stream groups";
    for n in 1..=30 {
        server.run(&["XADD", key, &format!("{n}-1"), "n", &n.to_string()]);
    }
    for (group, id) in [("early", "0"), ("late", "$"), ("12", "15-1"), ("far", "99-0"), ("guess", "3-7")] {
        server.run(&["XGROUP", "CREATE", key, group, id]);
    }
    let read = |server: &mut Server, group: &str, consumer: &str, count: &str| {
        server.run(&["XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", key, ">"]);
    };
    read(server, "early", "alice", "7");
    read(server, "early", "bob", "9");
    read(server, "early", "carol with a long name that compresses compresses compresses", "3");
    read(server, "12", "alice", "100");
    server.run(&["XREADGROUP", "GROUP", "late", "nobody", "STREAMS", key, ">"]);
    server.run(&["XREADGROUP", "GROUP", "guess", "noack", "COUNT", "4", "NOACK", "STREAMS", key, ">"]);
    server.run(&["XACK", key, "early", "2-1", "3-1", "9-1"]);
    server.run(&[
        "XCLAIM",
        key,
        "early",
        "bob",
        "0",
        "4-1",
        "5-1",
        "RETRYCOUNT",
        "1000",
        "TIME",
        "1500000000000",
    ]);
    server.run(&["XGROUP", "CREATECONSUMER", key, "early", "idle"]);
    server.run(&["XGROUP", "CREATECONSUMER", key, "early", "77"]);
    server.run(&["XREADGROUP", "GROUP", "early", "gone", "COUNT", "2", "STREAMS", key, ">"]);
    server.run(&["XGROUP", "DELCONSUMER", key, "early", "gone"]);
    server.run(&["XDEL", key, "1-1", "11-1", "20-1"]);
}

fn idempotency(server: &mut Server) {
    if !server.target.has_stream_idempotency() {
        return;
    }
    let key = "stream idempotent";
    server.run(&["XADD", key, "1-1", "a", "b"]);
    server.run(&["XCFGSET", key, "IDMP-DURATION", "80000", "IDMP-MAXSIZE", "50"]);
    for (producer, iid) in [("p1", "i1"), ("p1", "i2"), ("p1", "i1"), ("7", "5"), ("p2", "i1")] {
        server.run(&["XADD", key, "IDMP", producer, iid, "*", "a", "b"]);
    }
    server.run(&["XADD", key, "IDMPAUTO", "p3", "*", "a", "b"]);
}

/// All keys of the current database, sorted.
pub fn keys(server: &mut Server) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = server.run(&["KEYS", "*"]).array().into_iter().map(Reply::bytes).collect();
    keys.sort();
    keys
}
