//! Walks an RDB file: counts per type byte, what was refused, and how fast that was.
//!
//! `cargo run --release --example rdb_walk -- dump.rdb [runs]`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use redis_replica::rdb::{Error, Family, Item, Kind, Limits, Reader, Step};

#[derive(Default)]
struct Counts {
    header: Option<(Family, u16)>,
    types: BTreeMap<(u8, Kind), (u64, u64)>,
    refused: Vec<String>,
    keys: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = arguments.first() else {
        eprintln!("usage: rdb_walk FILE [RUNS]");
        return ExitCode::from(2);
    };
    let runs = arguments.get(1).and_then(|runs| runs.parse().ok()).unwrap_or(1);
    match std::fs::read(path).map_err(|error| error.to_string()).and_then(|file| report(&file, runs)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(file: &[u8], runs: u32) -> Result<(), String> {
    let mut best = Duration::MAX;
    let mut counts = Counts::default();
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        counts = walk(file).map_err(|error| error.to_string())?;
        best = best.min(start.elapsed());
    }
    println!("{counts}");
    let seconds = best.as_secs_f64();
    let per_key = seconds * 1e9 / counts.keys.max(1) as f64;
    println!("{:.0} MB/s, {per_key:.0} ns per key (best of {runs})", file.len() as f64 / 1e6 / seconds);
    Ok(())
}

fn walk(file: &[u8]) -> Result<Counts, Error> {
    let mut reader = Reader::new(Limits::default());
    let mut counts = Counts::default();
    let mut rest = file;
    loop {
        match reader.next(rest)? {
            Step::Need(bytes) => {
                counts.refused.push(format!("the file ends, {bytes} bytes are needed"));
                return Ok(counts);
            }
            Step::Item { item: Item::End, .. } => return Ok(counts),
            Step::Item { consumed, item } => {
                counts.add(&item);
                rest = &rest[consumed..];
            }
        }
    }
}

impl Counts {
    fn add(&mut self, item: &Item<'_>) {
        match item {
            Item::Header { family, version } => self.header = Some((*family, *version)),
            Item::Entry(entry) => {
                let object = &entry.object;
                let count = self.types.entry((object.type_byte(), object.kind())).or_default();
                count.0 += 1;
                count.1 += object.body().len() as u64;
                self.keys += 1;
            }
            Item::Rejected(rejected) => {
                let key = rejected.key.escape_ascii();
                self.refused.push(format!("{key} (type {}): {}", rejected.type_byte, rejected.defect));
            }
            _ => {}
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((family, version)) = self.header {
            writeln!(f, "{family} RDB {version}, {} keys", self.keys)?;
        }
        for ((byte, kind), (count, bytes)) in &self.types {
            writeln!(f, "  type {byte:2} {kind:<8?} {count:>9} values {bytes:>12} bytes")?;
        }
        self.refused.iter().try_for_each(|line| writeln!(f, "refused: {line}"))
    }
}
