//! Walks an RDB file: counts per type byte, what was refused, and how fast that was.
//!
//! `cargo run --release --example rdb_walk -- dump.rdb [runs]`

use std::process::ExitCode;
use std::time::{Duration, Instant};

use redis_replica::rdb::{Error, Family, Item, Limits, Reader, Step, kind_of};

struct Counts {
    header: Option<(Family, u16)>,
    /// Values and their bytes, by type byte.
    types: [(u64, u64); 256],
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
    let mut counts = Counts::new();
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
    let mut counts = Counts::new();
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
    const fn new() -> Self {
        Self { header: None, types: [(0, 0); 256], refused: Vec::new(), keys: 0 }
    }

    fn add(&mut self, item: &Item<'_>) {
        match item {
            Item::Header { family, version } => self.header = Some((*family, *version)),
            Item::Entry(entry) => {
                let count = &mut self.types[usize::from(entry.object.type_byte())];
                count.0 += 1;
                count.1 += entry.object.body().len() as u64;
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
        let Some((family, version)) = self.header else { return Ok(()) };
        writeln!(f, "{family} RDB {version}, {} keys", self.keys)?;
        for (byte, (count, bytes)) in (0..=u8::MAX).zip(&self.types) {
            if let Some(kind) = kind_of(byte, family).filter(|_| *count > 0) {
                writeln!(
                    f,
                    "  type {byte:2} {:<8} {count:>9} values {bytes:>12} bytes",
                    format!("{kind:?}")
                )?;
            }
        }
        self.refused.iter().try_for_each(|line| writeln!(f, "refused: {line}"))
    }
}
