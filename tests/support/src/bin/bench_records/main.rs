//! Measures the record store: puts beside the loop of WATCH and MULTI that clients would need without it and beside plain
//! HSET, the delivery of changes to clients that wait, and memory.
//!
//! All on one server, one after the other and round by round; the medians are printed.
#![forbid(unsafe_code)]

mod memory;
mod puts;
mod readers;

use std::process::ExitCode;

use redis_mirror_test_support::{Installed, Options, Result, Server, any_server, server};

const USAGE: &str = "\
usage: bench_records [--server NAME] [--rounds N] [--puts N] [--readers N] [--only NAME[,NAME..]]
  --server NAME   an installed server (default: the oldest)
  --rounds N      measurements of each kind; the median is printed (default 3)
  --puts N        puts of one measurement (default 20000)
  --readers N     clients that wait for changes (default 1000)
  --only NAMES    of puts, readers, memory";

type Part = fn(&Plan, &Server) -> Result<()>;

struct Plan {
    server: &'static Installed,
    rounds: usize,
    puts: usize,
    readers: usize,
    only: Vec<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Plan::parse(&words) {
        Ok(plan) => match plan.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench_records: {error}");
                ExitCode::FAILURE
            }
        },
        Err(problem) => {
            eprintln!("bench_records: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

impl Plan {
    fn parse(words: &[String]) -> std::result::Result<Plan, String> {
        let mut plan =
            Plan { server: any_server(), rounds: 3, puts: 20_000, readers: 1000, only: Vec::new() };
        let mut words = words.iter();
        while let Some(option) = words.next() {
            let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
            let number = || value.parse().ok().filter(|number| *number > 0);
            let wrong = || format!("{option} {value}: not a valid value");
            match option.as_str() {
                "--server" => plan.server = server(value).ok_or_else(|| format!("no server {value} here"))?,
                "--rounds" => plan.rounds = number().ok_or_else(wrong)?,
                "--puts" => plan.puts = number().ok_or_else(wrong)?,
                "--readers" => plan.readers = number().ok_or_else(wrong)?,
                "--only" => plan.only = value.split(',').map(str::to_owned).collect(),
                _ => return Err(format!("{option}: unknown option")),
            }
        }
        let known = |name: &String| ["puts", "readers", "memory"].contains(&name.as_str());
        match plan.only.iter().find(|name| !known(name)) {
            Some(name) => Err(format!("--only {name}: not a valid value")),
            None => Ok(plan),
        }
    }

    fn run(&self) -> Result<()> {
        println!("bench_records: {}, {} rounds, medians", self.server, self.rounds);
        let parts: [(&str, Part); 3] =
            [("puts", puts::run), ("readers", readers::run), ("memory", memory::run)];
        for (name, part) in parts {
            if self.only.is_empty() || self.only.iter().any(|wanted| wanted == name) {
                let options = Options::new().set("maxclients", 20_000).mirror("");
                part(self, &Server::try_start(self.server, options)?)?;
            }
        }
        Ok(())
    }
}

/// The middle one of several figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
