//! Measures what planning costs: nanoseconds per command, for the commands most streams consist of.
//!
//! `cargo run --release -p mirror-engine --example plan_speed`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use mirror_engine::definition::parse;
use mirror_engine::planner::PlanLimits;
use mirror_engine::{Batch, LocalServer, Planner, ReplId, Scope, command};
use redis_replica::rdb::Target;

const ROUNDS: u64 = 4_000_000;
const BATCH_BYTES: usize = 1 << 20;

fn planner(options: &[&[u8]]) -> Planner {
    let args = [&[&b"m"[..], b"redis://source"], options].concat();
    let definition = parse(&args).expect("a valid definition").definition;
    let local = LocalServer::by_release(Target::redis(8, 0, 0));
    let mut planner = Planner::new(Arc::new(Scope::new(&definition)), local, PlanLimits::default());
    let id = ReplId::from_bytes(&[b'a'; 40]).expect("forty letters");
    planner.start(id, &mut Batch::new()).expect("another server");
    planner
}

fn measure(what: &str, options: &[&[u8]], args: &[&[u8]]) {
    let mut planner = planner(options);
    let mut batch = Batch::new();
    let began = Instant::now();
    for offset in 0..ROUNDS {
        let _one_origin = planner.command(0, black_box(args), offset, &mut batch).expect("planned");
        if batch.size_bytes() > BATCH_BYTES {
            batch.clear();
        }
    }
    report(what, began);
}

fn report(what: &str, began: Instant) {
    println!("{what:<34} {:6.1} ns", began.elapsed().as_nanos() as f64 / ROUNDS as f64);
}

fn main() {
    let value = [b'v'; 64];
    let set: [&[u8]; 3] = [b"SET", b"key:0000000001", &value];
    let hset: [&[u8]; 4] = [b"HSET", b"key:0000000001", b"field", &value[..16]];
    measure("SET, same names", &[], &set);
    measure("SET, MATCH key:*", &[b"MATCH", b"key:*"], &set);
    measure("SET, filtered", &[b"MATCH", b"other:*"], &set);
    measure("SET, PREFIX", &[b"PREFIX", b"copy:"], &set);
    measure("SET .. PXAT", &[], &[b"SET", b"key:0000000001", &value, b"PXAT", b"1900000000000"]);
    measure("HSET, same names", &[], &hset);
    measure("INCR, same names", &[], &[b"INCR", b"counter"]);
    measure("DEL, same names", &[], &[b"DEL", b"key:0000000001"]);
    let inside = planner(&[b"MATCH", b"key:*"]);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        black_box(inside.scope().takes(black_box(b"key:0000000001")));
    }
    report("filter, MATCH key:*", began);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        black_box(command::lookup(black_box(b"HSET")));
    }
    report("lookup of HSET", began);
}
