//! What redis-context adds to a command, counted in instructions: the same four commands written in C, with the crate
//! redis-module and with redis-context, loaded together into one real server that runs under callgrind.
//!
//! Instructions, not time: the counts are the same on every machine and at every load. The commands come as a
//! pipeline, so that the server itself does as little as it ever does, and the module weighs as much as it ever can.
#![forbid(unsafe_code)]

mod callgrind;
mod measure;
mod modules;
mod options;
mod table;

use std::process::ExitCode;

use measure::{Bench, Cost, Subject};
use modules::Kind;
use options::{Plan, USAGE};
use table::Table;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let plan = match Plan::parse(&words) {
        Ok(plan) => plan,
        Err(problem) => {
            eprintln!("overhead: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&plan) {
        Ok(table) => {
            print!("{table}");
            report(&table)
        }
        Err(problem) => {
            eprintln!("overhead: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan) -> Result<Table, String> {
    modules::build()?;
    println!("overhead: {plan}");
    let mut least: Vec<(Subject, Kind, Cost)> = Vec::new();
    for _ in 0..plan.rounds {
        let mut bench = Bench::start(plan.server, plan.commands)?;
        for (subject, kind) in Subject::ALL.iter().flat_map(|&subject| Kind::ALL.map(|kind| (subject, kind)))
        {
            let cost = bench.measure(kind, subject)?;
            match least.iter_mut().find(|(of, by, _)| (*of, *by) == (subject, kind)) {
                Some((_, _, known)) => *known = known.least(cost),
                None => least.push((subject, kind, cost)),
            }
        }
    }
    Ok(Table::new(least))
}

fn report(table: &Table) -> ExitCode {
    let missed = table.missed();
    if missed.is_empty() {
        println!("overhead: every aim is met");
        return ExitCode::SUCCESS;
    }
    for miss in missed {
        eprintln!("overhead: missed: {miss}");
    }
    ExitCode::FAILURE
}
