//! The data sets and streams that every bench measures with.

use crate::{Client, Command, Random, Result, cmd};

/// Commands generated and sent at a time.
const CHUNK: usize = 10_000;

/// A data set: what its `number`th key is made of, and how many there are at full size.
#[derive(Debug)]
pub struct Set {
    /// Its name in tables.
    pub name: &'static str,
    keys: usize,
    build: fn(usize, &mut Random) -> Command,
}

/// For full syncs: strings, hashes, lists, and a mix of all types.
pub static SETS: [Set; 4] = [
    Set {
        name: "S",
        keys: 1_000_000,
        build: |number, random| cmd!("SET", format!("key:{number:012}"), random.text(64)),
    },
    Set {
        name: "H",
        keys: 100_000,
        build: |number, random| {
            let fields = (0..20).flat_map(|i| [format!("field:{i}"), random.text(12)]);
            cmd!("HSET", format!("hash:{number}")).args(fields)
        },
    },
    Set {
        name: "L",
        keys: 1_000,
        build: |number, random| {
            cmd!("RPUSH", format!("list:{number}")).args((0..10_000).map(|_| random.text(8)))
        },
    },
    Set { name: "M", keys: 200_000, build: mixed },
];

/// Sorted sets, sets, streams, hashes and strings, a tenth of them past their compact encodings.
fn mixed(number: usize, random: &mut Random) -> Command {
    let items = if number.is_multiple_of(10) { 200 } else { 10 };
    match number % 5 {
        0 => cmd!("ZADD", format!("zset:{number}"))
            .args((0..items).flat_map(|i| [random.below(1_000_000).to_string(), format!("member:{i}")])),
        1 => cmd!("SADD", format!("set:{number}")).args((0..items).map(|_| random.text(10))),
        2 => {
            cmd!("XADD", format!("stream:{}", number % 2000), "*", "a", random.text(20), "b", random.text(20))
        }
        3 => cmd!("HSET", format!("hash:{number}"))
            .args((0..items).flat_map(|i| [format!("field:{i}"), random.text(10)])),
        _ => cmd!("SET", format!("key:{number}"), random.text(64)),
    }
}

impl Set {
    /// Loads this share of the set; 1 is its full size.
    ///
    /// # Errors
    /// When the server doesn't take it.
    pub fn load(&self, client: &mut Client, share: f64) -> Result<()> {
        flood(client, ((self.keys as f64 * share) as usize).max(1), self.build)
    }
}

/// The live streams: a million commands each, over keys that exist after the first hundred thousand.
pub static STREAMS: [Set; 3] = [
    Set {
        name: "SET",
        keys: 1_000_000,
        build: |number, random| cmd!("SET", format!("key:{:012}", number % 100_000), random.text(64)),
    },
    Set {
        name: "HSET",
        keys: 1_000_000,
        build: |number, random| {
            let field = format!("field:{}", number / 10_000 % 20);
            cmd!("HSET", format!("hash:{}", number % 10_000), field, random.text(12))
        },
    },
    Set {
        name: "INCR",
        keys: 1_000_000,
        build: |number, _| cmd!("INCR", format!("count:{}", number % 1000)),
    },
];

/// Sends so many commands at full speed.
fn flood(client: &mut Client, count: usize, build: fn(usize, &mut Random) -> Command) -> Result<()> {
    let mut random = Random::new(42);
    for start in (0..count).step_by(CHUNK) {
        let end = (start + CHUNK).min(count);
        let commands: Vec<Command> = (start..end).map(|number| build(number, &mut random)).collect();
        client.pipeline(&commands)?;
    }
    Ok(())
}
