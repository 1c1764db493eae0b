//! Measures the mirror against the servers' own replication, in the same run on the same machine: full sync,
//! catching up with a live stream, lag under load, and what local readers feel meanwhile.
//!
//! Every measurement alternates between the two, with fresh servers each time. The native peer has no module.
#![forbid(unsafe_code)]

mod full_sync;
mod lag;
mod latency;
mod live;
mod options;
mod peer;
mod report;

use std::process::ExitCode;

use options::{Plan, USAGE};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Plan::parse(&words) {
        Ok(plan) => run(&plan),
        Err(problem) => {
            eprintln!("bench: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(plan: &Plan) -> ExitCode {
    println!("bench: {plan}");
    let parts = [full_sync::run, live::run, lag::run, latency::run];
    for part in parts {
        if let Err(error) = part(plan) {
            eprintln!("bench: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
