//! What a mirror is applying: state that ends with its link.

use std::time::Instant;

use mirror_engine::ReplId;

use super::load::Sweep;
use super::scan::ScopeScan;
use crate::link::{Values, Work};

/// The work in hand. Lost without harm when the link ends: the position is that of the last whole unit.
#[derive(Default)]
pub struct Run {
    /// The batch being applied.
    pub current: Option<Current>,
    /// How far the link's history has come here.
    pub stage: Stage,
    /// A flush of the scope that takes more than one slice.
    pub flush: Option<Flush>,
    /// Fetched values that wait for the stream to reach their offset.
    pub values: Option<Values>,
    /// The number of the last fetch.
    pub round: u64,
    /// When a failed fetch may be tried again.
    pub fetch_after: Option<Instant>,
    /// The offset up to which the checkpoint has been propagated.
    pub persisted: u64,
    /// Where the source stood when the link was made: up to there, keys may have expired here unnoticed.
    pub memory_gap: Option<MemoryGap>,
}

/// A batch and how much of it is done.
pub struct Current {
    /// The work.
    pub work: Work,
    /// What the queue counts it as.
    pub size: usize,
    /// The next operation.
    pub next: usize,
}

/// How far the link's history has come here.
#[derive(Default)]
pub enum Stage {
    /// Nothing was heard of it yet.
    #[default]
    Connecting,
    /// Its snapshot is being laid over the data.
    Loading(Loading),
    /// Keys that the snapshot did not contain are being deleted.
    Sweeping(Loading, Box<Sweep>),
    /// The stream is applied.
    Streaming,
}

/// A snapshot's place in its history.
#[derive(Clone, Copy)]
pub struct Loading {
    /// The history; `None` when the source is too old to say.
    pub replid: Option<ReplId>,
    /// The offset that the snapshot stands for.
    pub offset: u64,
    /// The db selected there.
    pub db: u32,
    /// Whether the scope held nothing when it began, and nobody else wrote there since.
    pub is_fresh: bool,
}

/// A flush in progress.
pub struct Flush {
    /// What is left to visit.
    pub scan: ScopeScan,
    /// The position behind it.
    pub then: (u64, u32),
}

/// What is known of keys that expired here while nobody took note.
#[derive(Clone, Copy)]
pub struct MemoryGap {
    /// The source's offset then; `None` when it would not say.
    pub until_offset: Option<u64>,
    /// Not before this either, for clocks that differ.
    pub until: Instant,
}

impl Run {
    /// Whether the snapshot, or the sweep after it, is not finished.
    pub fn is_loading(&self) -> bool {
        matches!(self.stage, Stage::Loading(_) | Stage::Sweeping(..))
    }

    /// Somebody else wrote to the scope.
    pub fn is_not_alone(&mut self) {
        if let Stage::Loading(loading) = &mut self.stage {
            loading.is_fresh = false;
        }
    }
}
