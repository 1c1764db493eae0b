//! `make api-coverage`: which functions of the module API redis-context covers, held against the servers there
//! are, the sources and the tests. It fails if a claim of the table does not hold.
#![forbid(unsafe_code)]

mod code;
mod options;
mod report;
mod servers;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use options::Options;
use redis_mirror_test_support::survey;
use report::Report;
use table::{Claim, Entry};

const TABLE: &str = "crates/context/api";
const SOURCES: &str = "crates/context/src";
const TESTS: &str = "crates/context/tests";

fn main() -> ExitCode {
    let result = Options::parse(std::env::args().skip(1)).and_then(|options| run(&options));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("api-coverage: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all claims hold and nothing is missing.
fn run(options: &Options) -> Result<bool, String> {
    let (entries, mut problems) = table::read(Path::new(TABLE))?;
    let header = fs::read_to_string(&options.header).map_err(|error| format!("the header: {error}"))?;
    let mut known: BTreeSet<String> = entries.keys().cloned().collect();
    known.extend(servers::names_in_header(&header));
    let exported = ask_servers(options, &known)?;
    problems.extend(broken_claims(&entries)?);
    let report =
        Report { entries, exported, reached: options.reached.as_deref().map(reached).transpose()?, problems };
    print!("{}", report.summary());
    if let Some(file) = &options.write {
        fs::write(file, report.document()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(report.holds())
}

/// The functions by server, in the order of [`survey`].
fn ask_servers(
    options: &Options,
    known: &BTreeSet<String>,
) -> Result<Vec<(String, BTreeSet<String>)>, String> {
    let (servers, _) = survey();
    if servers.is_empty() {
        return Err("there is no server to ask: run make servers".into());
    }
    let ask = |server| Ok((format!("{server}"), servers::exported(server, &options.probe, known)?));
    servers.iter().map(ask).collect()
}

/// Methods and tests that the table names and that do not exist.
fn broken_claims(entries: &BTreeMap<String, Entry>) -> Result<Vec<String>, String> {
    let callable = code::callable(Path::new(SOURCES))?;
    let mut problems = Vec::new();
    for (name, entry) in entries {
        let Claim::Covered { method, proof } = &entry.claim else { continue };
        if !callable.contains(method) {
            problems.push(format!("{name}: there is no public {method}"));
        }
        if !code::is_test(Path::new(TESTS), proof)? {
            problems.push(format!("{name}: there is no test {proof}"));
        }
    }
    Ok(problems)
}

/// The names that modules with the feature `trace-api` wrote down, a file for each server that ran.
fn reached(folder: &Path) -> Result<BTreeSet<String>, String> {
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names = BTreeSet::new();
    for file in files.flatten() {
        let text = fs::read_to_string(file.path()).map_err(|error| error.to_string())?;
        names.extend(text.lines().filter_map(|line| line.strip_prefix("RedisModule_")).map(str::to_owned));
    }
    Ok(names)
}
