use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use redis_mirror_test_support::{Installed, PairOutcome};

/// The rounds of one pair together.
pub struct Row {
    source: Installed,
    local: Installed,
    rounds: Vec<PairOutcome>,
    failures: Vec<String>,
}

impl Row {
    pub fn new(source: &Installed, local: &Installed) -> Self {
        Row { source: source.clone(), local: local.clone(), rounds: Vec::new(), failures: Vec::new() }
    }

    pub fn add(&mut self, outcome: PairOutcome) {
        self.rounds.push(outcome);
    }

    pub fn fail(&mut self, seed: u64, why: String) {
        self.failures.push(format!("seed {seed}: {why}"));
    }

    fn sum(&self, of: impl Fn(&PairOutcome) -> i64) -> i64 {
        self.rounds.iter().map(of).sum()
    }

    fn seconds(&self) -> f64 {
        self.rounds.iter().map(|round| round.took.as_secs_f64()).sum()
    }

    fn reasons(&self) -> BTreeSet<&str> {
        self.rounds.iter().flat_map(|round| round.reasons.keys()).map(String::as_str).collect()
    }

    fn refused(&self) -> BTreeMap<&str, i64> {
        let mut all = BTreeMap::new();
        for (name, count) in self.rounds.iter().flat_map(|round| &round.refused) {
            *all.entry(name.as_str()).or_default() += count;
        }
        all
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { source, local, rounds, failures } = self;
        write!(
            f,
            "{} -> {}: {} of {} rounds equal",
            source.name,
            local.name,
            rounds.len(),
            rounds.len() + failures.len()
        )?;
        write!(
            f,
            ", {} keys, {} operations",
            self.sum(|r| r.compared as i64),
            self.sum(|r| r.operations as i64)
        )?;
        write!(f, ", {} quarantined {:?}", self.sum(|r| r.quarantined), self.reasons())?;
        write!(f, ", {} refetched, refused {:?}", self.sum(|r| r.repaired), self.refused())?;
        write!(f, ", {:.1} s", self.seconds())?;
        failures.iter().try_for_each(|why| write!(f, "\n  FAILED {why}"))
    }
}

/// All pairs, as markdown.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn failures(&self) -> usize {
        self.rows.iter().map(|row| row.failures.len()).sum()
    }

    /// Write commands that no round of a source carried out, by source.
    fn unexercised(&self) -> BTreeMap<String, BTreeSet<&String>> {
        let mut all: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
        for row in &self.rows {
            for round in &row.rounds {
                let names: BTreeSet<&String> = round.unexercised.iter().collect();
                let known = all.entry(row.source.to_string()).or_insert_with(|| names.clone());
                known.retain(|name| names.contains(name));
            }
        }
        all
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| source | local | keys | operations | equal | quarantined | refetched | seconds |")?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let equal = if row.failures.is_empty() { "yes" } else { "NO" };
            writeln!(
                f,
                "| {} | {} | {} | {} | {equal} | {} | {} | {:.1} |",
                row.source.version,
                row.local.version,
                row.sum(|r| r.compared as i64),
                row.sum(|r| r.operations as i64),
                row.sum(|r| r.quarantined),
                row.sum(|r| r.repaired),
                row.seconds(),
            )?;
        }
        for (source, names) in self.unexercised() {
            writeln!(f, "\nwrite commands of {source} not exercised: {names:?}")?;
        }
        Ok(())
    }
}
