use super::Abilities;
use crate::{Command, Random, cmd};

/// How to build one kind of value: type and encoding.
pub(super) struct Kind {
    pub name: &'static str,
    /// The command a server must have to hold it.
    pub needs: &'static str,
    pub build: fn(&str, Size, &mut Random) -> Vec<Command>,
}

/// The first few of each kind are large, the others just large enough for their encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Large,
    Enough,
}

impl Size {
    fn choose(self, large: usize, enough: usize) -> usize {
        if self == Size::Large { large } else { enough }
    }
}

const fn kind(
    name: &'static str,
    needs: &'static str,
    build: fn(&str, Size, &mut Random) -> Vec<Command>,
) -> Kind {
    Kind { name, needs, build }
}

/// The kinds a server with these abilities can hold.
pub(super) fn kinds(abilities: &Abilities) -> Vec<&'static Kind> {
    KINDS.iter().filter(|kind| abilities.has(kind.needs)).collect()
}

/// Thresholds are the servers' defaults: 128 listpack entries of 64 bytes (512 for hashes before Redis 8.0's
/// and in Valkey), 512 integers in an intset, 8 KB list nodes.
static KINDS: &[Kind] = &[
    kind("int", "set", |key, _, random| vec![cmd!("SET", key, random.bits() as i64)]),
    kind("embstr", "set", |key, _, random| vec![cmd!("SET", key, random.text(20))]),
    kind("raw", "set", |key, _, random| vec![cmd!("SET", key, random.bytes(100))]),
    kind("empty", "set", |key, _, _| vec![cmd!("SET", key, "")]),
    kind("big", "set", |key, size, random| vec![cmd!("SET", key, random.bytes(size.choose(100_000, 900)))]),
    kind("big-compressible", "set", |key, size, random| {
        vec![cmd!("SET", key, random.text(40).repeat(size.choose(2500, 30)))]
    }),
    kind("list", "rpush", |key, _, random| vec![cmd!("RPUSH", key).args(mixed(random, 8))]),
    kind("quicklist", "rpush", |key, size, random| {
        // Compressible nodes: with list-compress-depth set, inner ones are stored as LZF.
        let text = random.text(30);
        let items = (0..size.choose(4000, 400)).map(|i| format!("{i}:{text}"));
        vec![cmd!("RPUSH", key).args(items)]
    }),
    kind("quicklist-plain", "rpush", |key, size, random| {
        // Elements above the node size stand in nodes of their own.
        let length = size.choose(20_000, 9000);
        vec![cmd!("RPUSH", key).args((0..4).map(|_| random.bytes(length)))]
    }),
    kind("intset", "sadd", |key, _, random| {
        let width = *random.pick(&[16, 32, 63]);
        vec![cmd!("SADD", key).args((0..40).map(|_| (random.bits() >> (64 - width)) as i64 - 1000))]
    }),
    kind("set-listpack", "sadd", |key, _, random| vec![cmd!("SADD", key).args(mixed(random, 20))]),
    kind("set-hashtable", "sadd", |key, size, random| {
        vec![cmd!("SADD", key).args((0..size.choose(2000, 150)).map(|_| random.bytes(10)))]
    }),
    kind("set-wide", "sadd", |key, _, random| {
        vec![cmd!("SADD", key).args((0..5).map(|_| random.bytes(500)))]
    }),
    kind("zset-listpack", "zadd", |key, _, random| vec![scored(cmd!("ZADD", key), 20, random)]),
    kind("zset-skiplist", "zadd", |key, size, random| {
        vec![scored(cmd!("ZADD", key), size.choose(2000, 150), random)]
    }),
    kind("hash-listpack", "hset", |key, _, random| vec![fields(key, 20, random)]),
    kind("hash-hashtable", "hset", |key, size, random| vec![fields(key, size.choose(2000, 530), random)]),
    kind("hash-wide", "hset", |key, _, random| vec![cmd!("HSET", key, "wide", random.bytes(800), "f", "v")]),
    kind("hash-ttl", "hpexpire", |key, _, random| with_field_ttls(key, 20, random)),
    kind("hash-ttl-hashtable", "hpexpire", |key, size, random| {
        with_field_ttls(key, size.choose(1500, 530), random)
    }),
    kind("stream", "xadd", |key, size, random| entries(key, size.choose(3000, 30), random)),
    kind("stream-groups", "xadd", |key, size, random| {
        stream_with_groups(cmd!("XGROUP CREATE", key, "workers", "0"), key, size, random)
    }),
    // ENTRIESREAD: Redis 7.0 on, as PEXPIRETIME.
    kind("stream-read", "pexpiretime", |key, size, random| {
        stream_with_groups(cmd!("XGROUP CREATE", key, "workers", "0", "ENTRIESREAD", 0), key, size, random)
    }),
    kind("stream-emptied", "xadd", |key, _, _| {
        vec![cmd!("XADD", key, "7-7", "f", "v"), cmd!("XGROUP CREATE", key, "g", 0), cmd!("XDEL", key, "7-7")]
    }),
    kind("hll-sparse", "pfadd", |key, _, random| vec![cmd!("PFADD", key).args(mixed(random, 10))]),
    kind("hll-dense", "pfadd", |key, _, random| {
        vec![cmd!("PFADD", key).args((0..5000).map(|_| random.bits()))]
    }),
    kind("bitmap", "setbit", |key, _, random| {
        (0..20).map(|_| cmd!("SETBIT", key, random.below(4096), 1)).collect()
    }),
    kind("geo", "geoadd", |key, _, random| {
        let places = (0..15).flat_map(|i| {
            let degrees = |random: &mut Random, span: usize| random.below(span) as f64 / 1000.0;
            [degrees(random, 170_000).to_string(), degrees(random, 80_000).to_string(), format!("place{i}")]
        });
        vec![cmd!("GEOADD", key).args(places)]
    }),
];

/// Words, integers of every listpack width, and bytes that are no text.
fn mixed(random: &mut Random, count: usize) -> Vec<Vec<u8>> {
    const INTEGERS: [i64; 8] = [0, -1, 127, 4095, -32_768, 8_388_607, i32::MIN as i64, i64::MAX];
    (0..count)
        .map(|i| match i % 4 {
            0 => INTEGERS[i / 4 % INTEGERS.len()].to_string().into_bytes(),
            1 => random.bytes(8),
            _ => {
                let length = 1 + random.below(60);
                random.text(length).into_bytes()
            }
        })
        .collect()
}

fn scored(command: Command, count: usize, random: &mut Random) -> Command {
    (0..count).fold(command, |command, i| {
        let score = match i {
            0 => "inf".to_owned(),
            1 => "-inf".to_owned(),
            2 => "-0".to_owned(),
            3 => "1e-320".to_owned(),
            i if i % 2 == 0 => random.below(1_000_000).to_string(),
            _ => format!("{}", random.bits() as f64 / 1e7),
        };
        command.arg(score).arg(format!("member:{i}"))
    })
}

fn fields(key: &str, count: usize, random: &mut Random) -> Command {
    (0..count).fold(cmd!("HSET", key), |command, i| {
        let length = random.below(30);
        command.arg(format!("field:{i}")).arg(random.text(length))
    })
}

/// A third of the fields expires: far off, soon, or when the whole key is long loaded.
fn with_field_ttls(key: &str, count: usize, random: &mut Random) -> Vec<Command> {
    let times = [(0, 5_000_000), (1, 60_000_000), (2, 1500)];
    let expire = |(first, life): (usize, usize)| {
        let names: Vec<String> = (first..count).step_by(9).map(|i| format!("field:{i}")).collect();
        let life = life + random.clone().below(1000);
        cmd!("HPEXPIRE", key, life, "FIELDS", names.len()).args(names)
    };
    let expiries: Vec<Command> = times.into_iter().map(expire).collect();
    std::iter::once(fields(key, count, random)).chain(expiries).collect()
}

fn entries(key: &str, count: usize, random: &mut Random) -> Vec<Command> {
    (0..count)
        .map(|i| {
            let value = random.text(10);
            let entry = cmd!("XADD", key, format!("{}-{}", 1000 + i / 3, i % 3 + 1), "temperature", value);
            // Entries with other fields than the node's first are stored differently.
            if i % 7 == 0 { entry.arg("extra").arg(i) } else { entry }
        })
        .collect()
}

/// Entries deleted at the start, in the middle and at the end; a group with two consumers, one of them
/// without anything pending, acknowledged and claimed entries, and entries pending that were deleted.
fn stream_with_groups(group: Command, key: &str, size: Size, random: &mut Random) -> Vec<Command> {
    let mut commands = entries(key, size.choose(900, 30), random);
    let read = |consumer: &str, count: usize| {
        cmd!("XREADGROUP GROUP workers").arg(consumer).args(["COUNT"]).arg(count).args(["STREAMS", key, ">"])
    };
    commands.extend([
        group,
        cmd!("XGROUP CREATE", key, "late", "$"),
        cmd!("XGROUP CREATECONSUMER", key, "workers", "idle"),
        read("alice", 8),
        read("bob", 5),
        cmd!("XACK", key, "workers", "1000-1", "1001-2"),
        cmd!("XCLAIM", key, "workers", "bob", 0, "1000-2", "RETRYCOUNT", 7),
        cmd!("XDEL", key, "1000-3", "1003-1", "1009-3"),
        cmd!("XDEL", key, "1000-1"),
    ]);
    commands
}
