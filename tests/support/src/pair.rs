//! One source version mirrored by one local version: every kind of value, every write command, and what is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::digest::{self, Mapping};
use crate::wait::wait_within;
use crate::workload::{Abilities, Dataset, Live};
use crate::{Client, Error, Info, Installed, Result, Status, Topology, Value};

/// A field whose time has come is hidden by a newer source, and here until the source deletes it: both settle.
const SETTLING: Duration = Duration::from_secs(60);

/// How much, and from which seed.
#[derive(Debug, Clone, Copy)]
pub struct PairPlan {
    /// Keys of the snapshot.
    pub keys: usize,
    /// Commands: half of them while the snapshot is read, half after it.
    pub operations: usize,
    /// Of the data and of the commands.
    pub seed: u64,
}

/// What a mirror of one version by another came to. Both servers held the same in the end.
#[derive(Debug, Clone, Default)]
pub struct PairOutcome {
    /// Keys compared at the end.
    pub compared: usize,
    /// Commands sent to the source.
    pub operations: usize,
    /// Losses counted by the mirror: one for each value or command that this server can't hold as it is.
    pub quarantined: i64,
    /// The reasons of the losses that STATUS names, and how many keys it names for each.
    pub reasons: BTreeMap<String, usize>,
    /// Keys fetched again.
    pub repaired: i64,
    /// Commands of the source that were refused, and how often.
    pub refused: BTreeMap<String, i64>,
    /// Write commands of the source that succeeded not once.
    pub unexercised: BTreeSet<String>,
    /// From MIRROR.CREATE to the last command applied.
    pub took: Duration,
}

/// Mirrors, writes, waits and compares.
///
/// # Errors
/// What went wrong in words: a server that does not start, a command that is refused, or the keys that differ.
pub fn run_pair(source: &Installed, local: &Installed, plan: PairPlan) -> Result<PairOutcome> {
    let at = Topology::start(source, local)?;
    let mut client = at.source.client();
    let abilities = Abilities::of(&mut client)?;
    let dataset = Dataset::new(plan.seed, plan.keys);
    dataset.load(&mut client)?;
    let started = Instant::now();
    at.create("m", "")?;
    let mut live = Live::over(plan.seed ^ 0x5EED, &abilities, &dataset);
    let first = live.run(&mut client, plan.operations / 2)?;
    at.wait_streaming("m")?;
    let second = live.run(&mut client, plan.operations / 2)?;
    at.wait_applied("m")?;
    let took = started.elapsed();
    let compared = wait_equal(&at)?;
    let mut outcome = PairOutcome { compared, took, ..PairOutcome::default() };
    outcome.operations = first.commands + second.commands;
    outcome.unexercised = unexercised(&mut client)?;
    read_status(&at, &mut outcome)?;
    Ok(outcome)
}

fn wait_equal(at: &Topology) -> Result<usize> {
    let (mut source, mut local) = (at.source.client(), at.local.client());
    wait_within(SETTLING, "both servers hold the same", || {
        let report = digest::compare(&mut source, &mut local, &Mapping::identity());
        let report = report.map_err(|error| error.to_string())?;
        if report.is_equal() { Ok(report.compared) } else { Err(report.to_string()) }
    })
}

fn read_status(at: &Topology, outcome: &mut PairOutcome) -> Result<()> {
    let status = Status::read(&mut at.local.client(), "m")?;
    let (resyncs, consistent) = (status.number("full_resyncs"), status.text("consistent"));
    if resyncs != 1 || consistent != "yes" {
        return Err(Error::Unexpected {
            command: "MIRROR.STATUS m".into(),
            expected: "one full resync and a consistent copy",
            got: format!("full_resyncs {resyncs}, consistent {consistent}: {}", status.text("last_error")),
        });
    }
    outcome.quarantined = status.number("quarantined");
    outcome.repaired = status.number("repaired");
    for key in status.list("quarantined_keys") {
        *outcome.reasons.entry(entry(key, "reason")).or_default() += 1;
    }
    for (name, count) in status.map("refused_commands") {
        outcome.refused.insert(name, count.as_int().unwrap_or(0));
    }
    Ok(())
}

/// A field of a map, as text.
fn entry(map: &Value, name: &str) -> String {
    let pairs = map.pairs().unwrap_or_default();
    let found = pairs.into_iter().find(|(key, _)| key.as_text().as_deref() == Some(name));
    found.and_then(|(_, value)| value.as_text()).unwrap_or_default()
}

/// Write commands the server has and has not once carried out: by COMMAND and INFO commandstats.
fn unexercised(client: &mut Client) -> Result<BTreeSet<String>> {
    let stats = Info::read(client, "commandstats")?;
    let mut names = BTreeSet::new();
    for row in client.call("COMMAND")?.as_array().unwrap_or_default() {
        collect_writes(row, &mut names);
    }
    names.retain(|name| stats.get(&format!("cmdstat_{name}")).is_none_or(|line| successes(line) <= 0));
    Ok(names)
}

/// The names of a command, or of its subcommands, that have the flag `write`.
fn collect_writes(row: &Value, names: &mut BTreeSet<String>) {
    const NAME: usize = 0;
    const FLAGS: usize = 2;
    const SUBCOMMANDS: usize = 9;
    let row = row.as_array().unwrap_or_default();
    let items = |at: usize| row.get(at).and_then(Value::as_array).unwrap_or_default();
    items(SUBCOMMANDS).iter().for_each(|row| collect_writes(row, names));
    let writes = items(FLAGS).iter().any(|flag| flag.as_text().as_deref() == Some("write"));
    if let Some(name) = row.get(NAME).and_then(Value::as_text).filter(|_| writes) {
        names.insert(name.to_lowercase());
    }
}

/// Of `calls=5,usec=..,rejected_calls=0,failed_calls=1`: those that ended well.
fn successes(line: &str) -> i64 {
    let read = |name: &str| {
        let field = line.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        field.and_then(|number| number.parse::<i64>().ok()).unwrap_or(0)
    };
    read("calls") - read("failed_calls")
}
