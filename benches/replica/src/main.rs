//! How fast redis-replica reads what a source sends, beside the crate redis-event, in one run on one machine: a stream of
//! small SETs and the snapshots S, H, L and M. Both read the same bytes from a socket; ours is also fed from memory, which
//! is what its parser costs without a kernel in between. Times are those that the reading thread spent on a processor.
//!
//! `cargo run --release [SHARE]`: the share of the full size of every set (1). Needs a server to make the snapshots.
#![forbid(unsafe_code)]

mod data;
mod ours;
mod peer;
mod source;

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use source::Play;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 5;

/// What one reading of some bytes took.
struct Reading {
    /// Of the reading thread, on a processor.
    time: Duration,
    /// Commands, or keys.
    count: u64,
    allocations: usize,
}

fn main() -> ExitCode {
    match std::env::args().nth(1).map_or(Ok(1.0), |share| share.parse()) {
        Ok(share) if share > 0.0 && share <= 1.0 => run(share),
        _ => {
            eprintln!("usage: replica [SHARE]: a share of the sets' full size, above 0, at most 1");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(share: f64) {
    // A peer that panics is part of the result; its words are not.
    std::panic::set_hook(Box::new(|_| {}));
    println!(
        "| read | bytes | ours, memory | ours, socket | redis-event, socket | ratio | allocations each: ours | redis-event |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let play = Play::stream(data::sets(share));
    report("1M SETs of 64 bytes", &play, best(|| ours::stream(&play)));
    for set in data::snapshots(share) {
        let play = Play::snapshot(set.rdb);
        report(&set.name, &play, best(|| ours::snapshot(&play)));
    }
}

fn report(name: &str, play: &Play, memory: Option<Reading>) {
    let bytes = play.payload().len();
    let ours = best(|| ours::socket(play));
    let peer = best(|| peer::read(play));
    let ratio = match (&ours, &peer) {
        (Some(ours), Some(peer)) => format!("{:.1}", peer.time.as_secs_f64() / ours.time.as_secs_f64()),
        _ => "-".to_owned(),
    };
    let [memory, ours_text, peer_text] = [&memory, &ours, &peer].map(|reading| rate(bytes, reading.as_ref()));
    let [ours, peer] = [&ours, &peer].map(|reading| each(reading.as_ref()));
    println!("| {name} | {bytes} | {memory} | {ours_text} | {peer_text} | {ratio} | {ours} | {peer} |");
}

fn rate(bytes: usize, reading: Option<&Reading>) -> String {
    let Some(reading) = reading else { return "panics".to_owned() };
    let rate = bytes as f64 / 1e6 / reading.time.as_secs_f64();
    let each = reading.time.as_nanos() as f64 / reading.count as f64;
    format!("{rate:.0} MB/s, {each:.0} ns")
}

fn each(reading: Option<&Reading>) -> String {
    reading
        .map_or("-".to_owned(), |reading| format!("{:.4}", reading.allocations as f64 / reading.count as f64))
}

/// The fastest of some rounds; None if one panics.
fn best(mut read: impl FnMut() -> Reading) -> Option<Reading> {
    let rounds = (0..ROUNDS).map(|_| std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut read)).ok());
    rounds.collect::<Option<Vec<_>>>()?.into_iter().min_by_key(|reading| reading.time)
}

/// Times a reading that answers how many commands or keys it saw.
fn timed(read: impl FnOnce() -> u64) -> Reading {
    let (region, begin) = (Region::new(ALLOCATOR), cpu_time());
    let count = read();
    let time = cpu_time().saturating_sub(begin);
    Reading { time, count, allocations: region.change().allocations }
}

/// What this thread has spent on a processor, the kernel's work for it included: unlike the time on the wall it says
/// something on a machine that does other work too (schedstat, in the kernel's sched-stats documentation).
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("proc is mounted, on Linux");
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("its first number"))
}
