//! What the source tells goes to the target; what is lost on the way is counted and named.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use redis_replica::transport::{Observer, ObserverError};
use redis_replica::{Command, Position, rdb};

use super::target::Target;

/// Losses told one by one; the rest is counted.
const TOLD_MAX: u64 = 20;

const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

pub struct Copying<'w, W> {
    target: Target,
    log: &'w mut W,
    keys: u64,
    commands: u64,
    losses: BTreeMap<&'static str, u64>,
    told_at: Instant,
}

impl<'w, W: Write> Copying<'w, W> {
    pub fn new(target: Target, log: &'w mut W) -> Self {
        let losses = BTreeMap::new();
        Copying { target, log, keys: 0, commands: 0, losses, told_at: Instant::now() }
    }

    /// An AOF's end that is no whole command.
    pub fn left_out(&mut self, bytes: u64) {
        if bytes > 0 {
            self.lost("end of file", &format!("the last {bytes} bytes are no whole command"));
        }
    }

    /// Sends what is left; whether nothing was lost.
    pub fn finish(mut self) -> Result<bool, Box<dyn Error>> {
        self.note_refused()?;
        let _ = writeln!(self.log, "{} keys and {} commands copied", self.keys, self.commands);
        for (what, count) in &self.losses {
            let _ = writeln!(self.log, "lost: {count} x {what}");
        }
        Ok(self.losses.is_empty())
    }

    fn lost(&mut self, what: &'static str, text: &str) {
        let count = self.losses.entry(what).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            let _ = writeln!(self.log, "{what}: {text}");
        }
    }

    fn note_refused(&mut self) -> Result<(), Box<dyn Error>> {
        for text in self.target.flush()? {
            self.lost("refused by the target", &text);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &rdb::Entry<'_>) -> Result<(), Box<dyn Error>> {
        let key = entry.key[..entry.key.len().min(80)].escape_ascii().to_string();
        match self.target.restore(entry)? {
            Err(error) => self.lost("value", &format!("{key}: {error}")),
            Ok(losses) => {
                self.keys += 1;
                for loss in losses {
                    self.lost(name(loss), &format!("{key}: {loss:?}"));
                }
            }
        }
        if entry.metadata_classes > 0 {
            self.lost("metadata of modules", &key);
        }
        Ok(())
    }

    fn progress(&mut self) {
        if self.told_at.elapsed() >= PROGRESS_INTERVAL {
            self.told_at = Instant::now();
            let _ = writeln!(self.log, "{} keys, {} commands ..", self.keys, self.commands);
        }
    }
}

fn name(loss: rdb::Loss) -> &'static str {
    match loss {
        rdb::Loss::FieldTtl(_) => "expiry of hash fields",
        rdb::Loss::StreamIdempotency(_) => "idempotent ids of a stream",
        rdb::Loss::ConsumerTimes(_) => "times of a stream's consumers",
        rdb::Loss::StreamCounters(_) => "counters of a stream",
        rdb::Loss::PendingDeleted(_) => "pending entries that no longer exist",
        _ => "something the target has no place for",
    }
}

/// Errors of the target stop the copy.
fn stop(error: Box<dyn Error>) -> ObserverError {
    error.to_string().into()
}

impl<W: Write> Observer for Copying<'_, W> {
    fn connected(&mut self, peer: SocketAddr) {
        let _ = writeln!(self.log, "connected to {peer}; waiting for its data ..");
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        match item {
            rdb::Item::Entry(entry) => self.entry(&entry).map_err(stop)?,
            rdb::Item::Rejected(rejected) => {
                let key = rejected.key[..rejected.key.len().min(80)].escape_ascii().to_string();
                self.lost("value", &format!("{key}: {}", rejected.defect));
            }
            rdb::Item::Function(code) => self.target.load_function(&code).map_err(stop)?,
            rdb::Item::ModuleAux(module) => self.lost("data of modules", &module.name()),
            _ => {}
        }
        self.progress();
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), ObserverError> {
        self.note_refused().map_err(stop)
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        self.commands += 1;
        self.target.command(command.db, command.view.to_vec()).map_err(stop)?;
        self.progress();
        Ok(())
    }
}
