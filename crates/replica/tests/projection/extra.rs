//! Commands of which nothing is left stale: those with a program of their own, and all about streams.

use std::collections::BTreeMap;

use redis_mirror_test_support::workload::Abilities;
use redis_mirror_test_support::{Client, Command, Random, cmd};

const KEYS: usize = 6;

/// Acts on one of the first entries of a stream, if there is one.
const WITH_AN_ENTRY: &str = "local e = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 5) \
     if #e == 0 then return 0 end local id = e[#e][1]";
/// Acts on the oldest entry that is pending, if there is one.
const WITH_A_PENDING_ONE: &str = "local p = redis.pcall('XPENDING', KEYS[1], 'g', '-', '+', 1) \
     if p.err or #p == 0 then return 0 end local id = p[1][1]";
/// A group with its consumers: that a reader made one, replicas are not told before it gets an entry.
const CREATE_GROUP: &str = "redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM') \
     redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], 'alice') \
     redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], 'bob')";

/// One that may have entries pending, and may be told some again.
const RENEW_CONSUMER: &str = "redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) \
     redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[2])";

pub struct Extra {
    random: Random,
    abilities: Abilities,
    next_id: usize,
    accepted: BTreeMap<&'static str, usize>,
}

impl Extra {
    pub fn new(seed: u64, abilities: Abilities) -> Self {
        Extra { random: Random::new(seed), abilities, next_id: 0, accepted: BTreeMap::new() }
    }

    /// Sends so many commands; some are refused, as they are in life.
    pub fn run(&mut self, client: &mut Client, commands: usize) {
        for _ in 0..commands {
            let (needs, command) = match self.random.below(12) {
                0..=5 => self.about_streams(),
                6 => self.about_bits(),
                7 => self.about_fields(),
                8 => self.about_ranges(),
                9 => self.sorted(),
                10 => self.restored(client),
                _ => self.plain(),
            };
            if self.abilities.has(needs) && client.call(command).is_ok_and(|reply| reply.error().is_none()) {
                *self.accepted.entry(needs).or_default() += 1;
            }
        }
    }

    /// Says what was accepted.
    pub fn tell(&self) {
        println!("  accepted: {:?}", self.accepted);
    }

    fn key(&mut self, kind: &str) -> String {
        format!("{kind}:{}", self.random.below(KEYS))
    }

    fn small(&mut self) -> usize {
        self.random.below(20)
    }

    fn word<'w>(&mut self, words: &[&'w str]) -> &'w str {
        self.random.pick::<&str>(words)
    }

    /// What the others work on.
    fn plain(&mut self) -> (&'static str, Command) {
        let number = self.word(&["3", "3.0", "-7", "12", "1e2", "inf", "-0", "0", "05"]);
        let name = format!("m{}", self.small());
        match self.random.below(9) {
            0 => ("rpush", cmd!("RPUSH", self.key("list"), number, self.small())),
            1 => ("sadd", cmd!("SADD", self.key("set"), number, self.small())),
            2 => ("zadd", cmd!("ZADD", self.key("zset"), number, name)),
            3 => ("zadd", cmd!("ZADD", self.key("lex"), 0, name)),
            4 => ("set", cmd!("SET", format!("weight:{}", self.small()), number)),
            5 => ("hset", cmd!("HSET", format!("hash:{}", self.small()), "f", number)),
            6 => ("del", cmd!("DEL", self.key("list"), self.key("stream"))),
            7 => ("msetex", cmd!("MSETEX", 2, self.key("bits"), "a", self.key("bits"), "b", "EX", 1000)),
            _ => ("copy", cmd!("COPY", self.key("stream"), self.key("stream"), "REPLACE")),
        }
    }

    fn about_bits(&mut self) -> (&'static str, Command) {
        let keys = [self.key("bits"), self.key("bits"), self.key("bits")];
        match self.random.below(4) {
            0 => ("setbit", cmd!("SETBIT", &keys[0], self.random.below(300), self.random.below(2))),
            1 => ("bitop", cmd!("BITOP NOT", &keys[0], &keys[1])),
            2 => {
                let word = self.word(&["AND", "or", "XOR"]);
                ("bitop", cmd!("BITOP", word, &keys[0], &keys[1], &keys[2], "bits:none"))
            }
            // Redis 8.2 on, as XDELEX.
            _ => {
                let word = self.word(&["DIFF", "DIFF1", "ANDOR", "ONE"]);
                ("xdelex", cmd!("BITOP", word, &keys[0], &keys[1], &keys[2], self.key("bits")))
            }
        }
    }

    fn about_fields(&mut self) -> (&'static str, Command) {
        let mut command = cmd!("BITFIELD", self.key("bits"));
        for _ in 0..=self.random.below(3) {
            if self.random.one_in(2) {
                command = command.arg("OVERFLOW").arg(self.word(&["WRAP", "sat", "FAIL"]));
            }
            let signed = self.random.one_in(2);
            let bits = 1 + self.random.below(if signed { 64 } else { 63 });
            let at = self.random.below(40);
            let at = if self.random.one_in(2) { format!("#{}", at % 4) } else { at.to_string() };
            let number = self.random.bits() >> self.random.below(64);
            let number =
                if self.random.one_in(2) { number.cast_signed() } else { -(number.cast_signed() >> 1) };
            let word = self.word(&["SET", "incrby", "INCRBY"]);
            let kind = format!("{}{bits}", if signed { 'i' } else { 'u' });
            command = command.arg(word).arg(&kind).arg(&at).arg(number);
            if self.random.one_in(3) {
                command = command.arg("GET").arg(&kind).arg(&at);
            }
        }
        ("bitfield", command)
    }

    fn about_ranges(&mut self) -> (&'static str, Command) {
        let (to, from) = (self.key("range"), self.key("zset"));
        let lex = self.key("lex");
        let command = match self.random.below(6) {
            0 => cmd!("ZRANGESTORE", to, from, self.small(), -1 - self.random.below(5) as i64),
            1 => cmd!("ZRANGESTORE", to, from, -8, 3, "REV"),
            2 => cmd!("ZRANGESTORE", to, from, "(-7", "+inf", "BYSCORE", "LIMIT", self.random.below(3), 4),
            3 => cmd!("ZRANGESTORE", to, from, 12, "-inf", "REV", "BYSCORE", "LIMIT", 1, -1),
            4 => cmd!("ZRANGESTORE", to, lex, "[m11", "(m3", "BYLEX"),
            _ => cmd!("ZRANGESTORE", to, lex, "+", "(m11", "BYLEX", "REV", "LIMIT", self.random.below(4), 3),
        };
        ("zrangestore", command)
    }

    fn sorted(&mut self) -> (&'static str, Command) {
        let kind = *self.random.pick(&["list", "set", "zset"]);
        let mut command = cmd!("SORT", self.key(kind));
        match self.random.below(4) {
            0 => command = command.arg("ALPHA"),
            1 => command = command.arg("BY").arg("nosort").arg("ALPHA"),
            2 => command = command.arg("BY").arg("weight:*"),
            _ => command = command.arg("BY").arg("hash:*->f"),
        }
        if self.random.one_in(2) {
            command = command.arg(self.word(&["DESC", "asc"]));
        }
        if self.random.one_in(2) {
            command = command.arg("LIMIT").arg(self.random.below(4)).arg(self.random.below(8) as i64 - 1);
        }
        if self.random.one_in(3) {
            command = command.arg("GET").arg("#").arg("GET").arg("hash:*->f").arg("GET").arg("weight:*");
        }
        ("sort", command.arg("STORE").arg(self.key("sorted")))
    }

    /// A value of any kind under another key.
    fn restored(&mut self, client: &mut Client) -> (&'static str, Command) {
        let kind = *self.random.pick(&["list", "set", "zset", "hash", "stream", "bits", "weight"]);
        let payload = client.bytes(cmd!("DUMP", self.key(kind))).unwrap_or_default();
        let to = if kind == "stream" { self.key(kind) } else { self.key("restored") };
        match self.random.below(3) {
            0 => ("restore", cmd!("RESTORE", to, 0, payload, "REPLACE")),
            1 => ("restore", cmd!("RESTORE", to, 10_000_000, payload, "REPLACE")),
            _ => ("restore", cmd!("RESTORE", to, 4_000_000_000_000u64, payload, "ABSTTL", "REPLACE")),
        }
    }

    fn about_streams(&mut self) -> (&'static str, Command) {
        match self.random.below(4) {
            0 => self.added(),
            1 => self.removed(),
            2 => self.about_groups(),
            _ => self.delivered(),
        }
    }

    fn added(&mut self) -> (&'static str, Command) {
        let key = self.key("stream");
        self.next_id += 1;
        let id = format!("{}-1", 99_999_999_999_999 + self.next_id);
        match self.random.below(8) {
            0 => ("xadd", cmd!("XADD", key, id, "f", "v")),
            1 => ("xadd", cmd!("XADD", key, "NOMKSTREAM", "MAXLEN", 12, "*", "f", "v", "f", "w")),
            2 => ("xadd", cmd!("XADD", key, "MAXLEN", "~", 20, "99999999999999-*", "f", "v")),
            3 => ("xadd", cmd!("XADD", key, "MINID", "=", id, "*", "f", "v")),
            4 => ("xdelex", cmd!("XADD", key, "DELREF", "MAXLEN", 10, "*", "f", "v")),
            // Redis 8.6 on.
            5 => ("xcfgset", cmd!("XADD", key, "IDMP", "bob", self.small(), "*", "f", self.small())),
            6 => ("xcfgset", cmd!("XCFGSET", key, "IDMP-MAXSIZE", 10 + self.small())),
            _ => ("xadd", cmd!("XADD", key, "*", "f", self.small())),
        }
    }

    fn removed(&mut self) -> (&'static str, Command) {
        let key = self.key("stream");
        let with =
            |first: &str, then: &str| cmd!("EVAL", format!("{first} return redis.call({then})"), 1, &key);
        match self.random.below(8) {
            0 => ("xdel", with(WITH_AN_ENTRY, "'XDEL', KEYS[1], id, '1-1'")),
            1 => ("xdel", with(WITH_A_PENDING_ONE, "'XDEL', KEYS[1], id")),
            2 => ("xtrim", cmd!("XTRIM", key, "MAXLEN", self.small())),
            3 => ("xtrim", cmd!("XTRIM", key, "MAXLEN", "~", 15, "LIMIT", 50)),
            4 => ("xsetid", cmd!("XSETID", key, "99999999999999-9999999", "ENTRIESADDED", 70000)),
            5 => ("xdelex", with(WITH_AN_ENTRY, "'XDELEX', KEYS[1], 'DELREF', 'IDS', 1, id")),
            6 => ("xdelex", with(WITH_AN_ENTRY, "'XDELEX', KEYS[1], 'ACKED', 'IDS', 1, id")),
            _ => ("xdelex", cmd!("XTRIM", key, "MAXLEN", self.small(), "DELREF")),
        }
    }

    fn about_groups(&mut self) -> (&'static str, Command) {
        let (key, group) = (self.key("stream"), *self.random.pick(&["g", "h"]));
        let from = self.word(&["0", "$"]);
        match self.random.below(8) {
            0 => ("xgroup|setid", cmd!("XGROUP SETID", key, group, from)),
            1 => ("xgroup|destroy", cmd!("XGROUP DESTROY", key, "h")),
            2 if self.random.one_in(2) => {
                ("xgroup|delconsumer", cmd!("XGROUP DELCONSUMER", key, group, "carol"))
            }
            2 => ("xgroup|delconsumer", cmd!("EVAL", RENEW_CONSUMER, 1, key, group, "bob")),
            3 => ("xgroup|createconsumer", cmd!("XGROUP CREATECONSUMER", key, group, "carol")),
            _ => ("xgroup|create", cmd!("EVAL", CREATE_GROUP, 1, key, group, from)),
        }
    }

    fn delivered(&mut self) -> (&'static str, Command) {
        let (key, group) = (self.key("stream"), *self.random.pick(&["g", "h"]));
        let by = self.word(&["alice", "bob"]);
        let read = |options: &str| {
            Command::new(&format!("XREADGROUP GROUP {group} {by} COUNT 3 {options} STREAMS {key} >"))
        };
        let with =
            |then: &str| cmd!("EVAL", format!("{WITH_A_PENDING_ONE} return redis.call({then})"), 1, &key);
        match self.random.below(9) {
            0 => ("xreadgroup", read("NOACK")),
            1 => ("xautoclaim", cmd!("XAUTOCLAIM", key, group, by, 0, 0, "COUNT", 3)),
            2 => ("xack", with("'XACK', KEYS[1], 'g', id, '1-1'")),
            3 => ("xclaim", with("'XCLAIM', KEYS[1], 'g', 'bob', 0, id, 'RETRYCOUNT', 7, 'TIME', 1234")),
            4 => ("xclaim", with("'XCLAIM', KEYS[1], 'g', 'alice', 0, id, 'JUSTID', 'LASTID', '5-5'")),
            5 => ("xackdel", with("'XACKDEL', KEYS[1], 'g', 'ACKED', 'IDS', 1, id")),
            6 => ("xackdel", with("'XACKDEL', KEYS[1], 'g', 'DELREF', 'IDS', 1, id")),
            _ => ("xreadgroup", read("")),
        }
    }
}
