//! What the link says beside its work, and what is asked of it.

use std::time::{Duration, Instant};

use mirror_engine::ReplId;
use mirror_engine::repair::Answer;

use super::Halt;
use super::ops::Writer;
use super::run::{Current, MemoryGap, Stage};
use super::slice::{Flow, Unit};
use crate::link::{FetchError, Fetched, Message, Request};
use crate::mirror::Mirror;

/// How much clocks may differ: see [`MemoryGap`].
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// How long the next fetch waits after one that failed, or got less than it asked for.
const FETCH_AGAIN: Duration = Duration::from_secs(1);

impl Mirror {
    pub(super) fn take_message(&mut self, ctx: &Writer<'_, '_>, unit: &mut Unit) -> Result<Flow, Halt> {
        let Some((message, size)) = self.link.as_ref().and_then(|link| link.shared.queue.pop()) else {
            self.settle_repairs(ctx, unit, None)?;
            return Ok(Flow::End);
        };
        if let Message::Work(work) = message {
            self.run.current = Some(Current { work, size, next: 0 });
            return Ok(Flow::GoOn);
        }
        if let Some(link) = &self.link {
            link.shared.release(size);
        }
        match message {
            Message::FullResync { replid, offset } => self.begin_load(ctx, replid, offset, unit),
            Message::Continue { replid, first, source_offset } => {
                self.go_on(replid, first, source_offset, unit);
            }
            Message::SnapshotEnd { seen, db, .. } => self.end_snapshot(ctx, seen, db, unit),
            Message::Fetched(fetched) => self.take_fetched(fetched),
            Message::SourceOffset { up_to, offset } => self.waiters.set_offset(up_to, offset),
            Message::Work(_) => {}
        }
        Ok(Flow::GoOn)
    }

    fn go_on(&mut self, replid: ReplId, first: bool, source_offset: Option<u64>, unit: &mut Unit) {
        let checkpoint = &mut self.stored.checkpoint;
        checkpoint.totals.partial_resyncs += 1;
        if let Some(position) = &mut checkpoint.position {
            position.replid = replid;
            unit.must_persist();
        }
        if first {
            self.run.stage = Stage::Streaming;
        }
        if first && self.forgot_expired {
            let until = Instant::now() + CLOCKS_DIFFER;
            self.run.memory_gap = Some(MemoryGap { until_offset: source_offset, until });
        }
    }

    fn take_fetched(&mut self, fetched: Fetched) {
        if fetched.round != self.run.round {
            return;
        }
        let applied = self.applied().unwrap_or(0);
        match fetched.values {
            Ok(values) => {
                // A record store that can't be had here is asked for with each change of it.
                self.run.fetch_after = values.lacks_some.then(|| Instant::now() + FETCH_AGAIN);
                if self.repairs.fetched(values.offset, applied) == Answer::Keep {
                    self.run.values = Some(values);
                }
            }
            Err(FetchError::TooLarge) => self.repairs.fetch_too_large(),
            Err(FetchError::Failed(why)) => {
                self.repairs.fetch_failed();
                self.run.fetch_after = Some(Instant::now() + FETCH_AGAIN);
                self.note_refusal(why);
            }
        }
    }

    /// Asks the source for the values of the keys under repair, if that is due.
    pub fn request_fetch(&mut self) {
        let Some(link) = &self.link else { return };
        if self.run.fetch_after.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let Some(keys) = self.repairs.take_fetch() else { return };
        self.run.fetch_after = None;
        self.run.round += 1;
        let keys = keys.iter().filter_map(|(db, key)| self.scope.unmap(*db, key)).collect();
        link.shared.request(Request::Fetch { round: self.run.round, keys });
    }

    /// Up to where the stream is applied.
    pub fn applied(&self) -> Option<u64> {
        self.stored.checkpoint.position.map(|position| position.offset)
    }
}
