use std::collections::BTreeMap;
use std::fmt;

use super::draw::Draw;
use super::ops::{self, Op};
use super::{Abilities, Dataset};
use crate::{Client, Command, Result, Value, cmd};

/// One in so many commands opens a transaction; selects another database; is one that ends databases.
const TRANSACTION: usize = 25;
const SELECT: usize = 60;
const DESTRUCTION: usize = 4000;
/// Commands whose replies are awaited together.
const CHUNK: usize = 300;

/// An endless, repeatable stream of write commands over all types, with transactions and scripts.
///
/// Several with different seeds may write to one server at once.
#[derive(Debug)]
pub struct Live {
    draw: Draw,
    ops: Vec<&'static Op>,
    blocking: Vec<&'static Op>,
    dbs: Vec<u32>,
    destructive: bool,
    started: bool,
}

impl Live {
    /// For a server with these abilities, in databases 0 and 1.
    pub fn new(seed: u64, abilities: &Abilities) -> Self {
        Live {
            draw: Draw::new(seed, Vec::new()),
            ops: ops::all(abilities),
            blocking: ops::blocking(abilities),
            dbs: vec![0, 1],
            destructive: false,
            started: false,
        }
    }

    /// For a server that holds a data set: its keys are written to as well, its databases are used.
    pub fn over(seed: u64, abilities: &Abilities, dataset: &Dataset) -> Self {
        let live = Live::new(seed, abilities);
        Live { draw: Draw::new(seed, dataset.names(abilities)), dbs: dataset.databases().to_vec(), ..live }
    }

    /// Other databases.
    #[must_use]
    pub fn dbs(mut self, dbs: &[u32]) -> Self {
        self.dbs = dbs.to_vec();
        self
    }

    /// FLUSHDB, FLUSHALL and SWAPDB too, once in a few thousand commands.
    #[must_use]
    pub fn with_destruction(mut self) -> Self {
        self.destructive = true;
        self
    }

    /// Sends at least so many commands at full speed and waits for their replies.
    ///
    /// Some are refused, as they are in life: a group that exists already, a field that is no number.
    ///
    /// # Errors
    /// [`crate::Error::Connection`]; whether the last commands arrived is unknown then.
    pub fn run(&mut self, client: &mut Client, commands: usize) -> Result<Summary> {
        let mut summary = Summary::default();
        while summary.commands < commands {
            let chunk = self.chunk(CHUNK.min(commands - summary.commands));
            let replies = client.pipeline(chunk.iter().map(|(command, _)| command))?;
            for ((command, label), reply) in chunk.iter().zip(&replies) {
                summary.note(command, label, reply);
            }
        }
        Ok(summary)
    }

    /// After a new connection: it is in database 0.
    pub fn reconnected(&mut self) {
        self.started = false;
    }

    /// Whole transactions, so that a stream may end after any chunk. Each with the name it is counted under.
    fn chunk(&mut self, commands: usize) -> Vec<(Command, &'static str)> {
        let mut chunk = Vec::with_capacity(commands + 8);
        if !std::mem::replace(&mut self.started, true) {
            chunk.push(self.select());
        }
        while chunk.len() < commands {
            if self.draw.random.one_in(TRANSACTION) {
                self.transaction(&mut chunk);
            } else {
                chunk.push(self.one());
            }
        }
        chunk
    }

    fn transaction(&mut self, chunk: &mut Vec<(Command, &'static str)>) {
        chunk.push((cmd!("MULTI"), "multi"));
        let length = 2 + self.draw.random.below(6);
        chunk.extend((0..length).map(|_| {
            let (command, _) = self.one();
            (command, "queued")
        }));
        if let Some(op) = self.draw.random.one_in(2).then(|| *self.draw.random.pick(&self.blocking)) {
            chunk.push(((op.make)(&mut self.draw), "queued"));
        }
        chunk.push((cmd!("EXEC"), "exec"));
    }

    fn one(&mut self) -> (Command, &'static str) {
        if self.draw.random.one_in(SELECT) {
            return self.select();
        }
        if self.destructive && self.draw.random.one_in(DESTRUCTION) {
            let op = self.draw.random.pick(ops::destructive());
            return ((op.make)(&mut self.draw), op.needs);
        }
        let op = *self.draw.random.pick(&self.ops);
        ((op.make)(&mut self.draw), op.needs)
    }

    fn select(&mut self) -> (Command, &'static str) {
        (cmd!("SELECT", *self.draw.random.pick(&self.dbs)), "select")
    }
}

/// What became of the commands a [`Live`] has sent.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// How many were sent.
    pub commands: usize,
    /// How many the server answered with an error; those inside transactions count once per command.
    pub refused: usize,
    /// How often each command succeeded, those inside transactions aside.
    pub accepted: BTreeMap<&'static str, usize>,
    /// The last refusal of each command.
    pub refusals: BTreeMap<&'static str, String>,
}

impl Summary {
    fn note(&mut self, command: &Command, label: &'static str, reply: &Value) {
        self.commands += 1;
        let inner = if label == "exec" { reply.as_array().unwrap_or_default() } else { &[] };
        self.refused += inner.iter().filter(|value| value.error().is_some()).count();
        match reply.error() {
            None => *self.accepted.entry(label).or_default() += 1,
            Some(message) => {
                self.refused += 1;
                self.refusals.insert(label, format!("{command}: {message}"));
            }
        }
    }

    /// Adds another's numbers.
    pub fn add(&mut self, other: Summary) {
        self.commands += other.commands;
        self.refused += other.refused;
        for (label, count) in other.accepted {
            *self.accepted.entry(label).or_default() += count;
        }
        self.refusals.extend(other.refusals);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commands, {} refused", self.commands, self.refused)
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.needs)
    }
}
