//! The type. The server owns its values and asks each callback of them when it needs to.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_context::events::{Loading, LoadingEvent};
use redis_context::{
    AofWriter, AuxWhen, Context, CopyPlaces, DefragContext, DefragProgress, Digest, Error, HeapSize,
    LoadContext, LongDouble, MainCell, NativeType, Place, RdbReader, RdbWriter, RedisStr, TypeHandle,
};

/// How many measurements a series holds at most.
pub const SAMPLES_MAX: usize = 10_000_000;

/// How many measurements share an allocation: what is defragmented, freed and rewritten in one step.
const CHUNK: usize = 256;

/// The longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 1000;

/// Measurements in the order they came.
#[derive(Clone)]
pub struct Series {
    label: String,
    /// All of them full, but for the last.
    chunks: Vec<Vec<f64>>,
    /// Kept in the type that INCRBYFLOAT counts in.
    sum: LongDouble,
}

static HANDLE: MainCell<Option<TypeHandle<Series>>> = MainCell::new(None);

/// How many measurements were ever added: saved beside the keys, as auxiliary data.
pub static ADDED: MainCell<u64> = MainCell::new(0);

/// How often a key has lost its series. `unlinked` gets no context, hence no `MainCell`.
pub static UNLINKED: AtomicU64 = AtomicU64::new(0);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    HANDLE.replace(load, Some(load.register_type::<Series>()?))?;
    // `aux_load` is called only if there was something to save.
    load.on::<Loading>(|ctx, event| {
        if matches!(event, LoadingEvent::Started(_)) {
            *ADDED.borrow_mut(ctx) = 0;
        }
    })
}

/// What opens the values of this type in keys.
pub fn handle(ctx: &Context<'_>) -> Result<TypeHandle<Series>, Error> {
    HANDLE.borrow(ctx).ok_or(Error::module("the type is not registered yet"))
}

impl Series {
    pub fn new() -> Self {
        Self { label: String::new(), chunks: Vec::new(), sum: LongDouble::from(0.0) }
    }

    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub fn add(&mut self, sample: f64) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(sample),
            _ => self.chunks.push(vec![sample]),
        }
        self.sum = self.sum + LongDouble::from(sample);
    }

    pub fn samples(&self) -> impl Iterator<Item = f64> {
        self.chunks.iter().flatten().copied()
    }

    pub fn sum(&self) -> LongDouble {
        self.sum
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn set_label(&mut self, label: &str) {
        label.clone_into(&mut self.label);
    }
}

impl NativeType for Series {
    const NAME: &'static std::ffi::CStr = c"ex-series";
    const VERSION: u16 = 1;
    const AUX: AuxWhen = AuxWhen::AFTER_RDB;

    fn save(&self, rdb: &mut RdbWriter<'_>) {
        rdb.bytes(&self.label);
        rdb.unsigned(self.len() as u64);
        self.samples().for_each(|sample| rdb.double(sample));
    }

    /// A snapshot may be corrupt, or made up by whoever may RESTORE: every number in it is checked.
    fn load(rdb: &mut RdbReader<'_>, version: u16) -> Result<Self, Error> {
        if version > Self::VERSION {
            return Err(Error::module("a later version of the module wrote this"));
        }
        let mut series = Self::new();
        series.label = String::from_utf8(rdb.bytes()?).map_err(|_| Error::ShortRead)?;
        let len = rdb.unsigned()?;
        if series.label.len() > LABEL_BYTES_MAX || len > SAMPLES_MAX as u64 {
            return Err(Error::ShortRead);
        }
        for _ in 0..len {
            series.add(rdb.double()?);
        }
        Ok(series)
    }

    fn rewrite(&self, key: RedisStr<'_>, aof: &mut AofWriter<'_>) {
        for chunk in &self.chunks {
            let samples: Vec<String> = chunk.iter().map(f64::to_string).collect();
            let mut arguments = vec![key.as_bytes()];
            arguments.extend(samples.iter().map(String::as_bytes));
            aof.command(c"SERIES.ADD", &arguments);
        }
        if !self.label.is_empty() {
            aof.command(c"SERIES.LABEL", &[key.as_bytes(), self.label.as_bytes()]);
        }
    }

    fn digest(&self, digest: &mut Digest<'_>) {
        digest.bytes(&self.label);
        self.samples().for_each(|sample| digest.int(sample.to_bits().cast_signed()));
        digest.end_group();
    }

    fn memory_usage(&self, _: &Place<'_>, samples: usize) -> usize {
        let seen = samples.clamp(1, self.chunks.len().max(1));
        let of_seen: usize = self.chunks.iter().take(seen).map(HeapSize::heap_size).sum();
        let chunks = of_seen * self.chunks.len() / seen;
        size_of::<Self>() + self.label.heap_size() + self.chunks.heap_size() + chunks
    }

    fn free_effort(&self, _: &Place<'_>) -> usize {
        self.chunks.len() + 1
    }

    fn copy(&self, _: &CopyPlaces<'_>) -> Option<Self> {
        Some(self.clone())
    }

    fn unlinked(&self, _: &Place<'_>) {
        UNLINKED.fetch_add(1, Ordering::Relaxed);
    }

    fn defrag(&mut self, defrag: &mut DefragContext<'_>) -> DefragProgress {
        if defrag.resume_at() == 0 {
            defrag.string(&mut self.label);
            defrag.vec(&mut self.chunks);
        }
        for at in defrag.resume_at()..self.chunks.len() {
            match NonZeroUsize::new(at) {
                Some(at) if defrag.should_stop() => return DefragProgress::ResumeAt(at),
                _ => defrag.vec(&mut self.chunks[at]),
            };
        }
        DefragProgress::Done
    }

    fn aux_save(ctx: &Context<'_>, _: AuxWhen, rdb: &mut RdbWriter<'_>) {
        let added = *ADDED.borrow(ctx);
        if added > 0 {
            rdb.unsigned(added);
        }
    }

    fn aux_load(ctx: &Context<'_>, _: AuxWhen, rdb: &mut RdbReader<'_>, version: u16) -> Result<(), Error> {
        if version > Self::VERSION {
            return Err(Error::module("a later version of the module wrote this"));
        }
        let added = rdb.unsigned()?;
        *ADDED.try_borrow_mut(ctx)? = added;
        Ok(())
    }
}
