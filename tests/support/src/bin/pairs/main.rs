//! Mirrors every installed version into every other, and prints a table of what came of it.
#![forbid(unsafe_code)]

mod options;
mod table;

use std::process::ExitCode;

use options::{Options, USAGE};
use redis_mirror_test_support::{Installed, run_pair, survey};
use table::{Row, Table};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Options::parse(&words) {
        Ok(options) => run(&options),
        Err(problem) => {
            eprintln!("pairs: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    println!("pairs: {options}");
    for reason in survey().1 {
        println!("pairs: skipped: {reason}");
    }
    let mut table = Table::default();
    for source in &options.sources {
        for local in &options.locals {
            table.add(one_pair(source, local, options));
        }
    }
    println!("\n{table}");
    if table.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one_pair(source: &Installed, local: &Installed, options: &Options) -> Row {
    let mut row = Row::new(source, local);
    for seed in &options.seeds {
        match run_pair(source, local, options.plan(*seed)) {
            Ok(outcome) => row.add(outcome),
            Err(error) => row.fail(*seed, error.to_string()),
        }
    }
    println!("pairs: {row}");
    row
}
