//! The type. It notes what each callback is told, and panics where its text says so.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use redis_context::{
    AofWriter, Args, Command, CommandContext, CommandFlags, Context, CopyPlaces, DefragContext,
    DefragProgress, Digest, Error, LoadContext, LogLevel, LongDouble, MainCell, NativeType, NotifyFlags,
    Place, RdbReader, RdbWriter, RedisStr, RedisString, Reply, TypeHandle,
};

/// A text and numbers of every kind that a snapshot knows.
pub struct Probe {
    pub text: Vec<u8>,
    pub float: f32,
    pub number: LongDouble,
    pub parts: Vec<Vec<u8>>,
}

static HANDLE: MainCell<Option<TypeHandle<Probe>>> = MainCell::new(None);
static JOURNAL: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Older lines are dropped.
const LINES_MAX: usize = 1000;

pub fn note(line: String) {
    let mut journal = JOURNAL.lock().unwrap_or_else(PoisonError::into_inner);
    if journal.len() >= LINES_MAX {
        journal.remove(0);
    }
    journal.push(line);
}

pub fn handle(ctx: &Context<'_>) -> Result<TypeHandle<Probe>, Error> {
    HANDLE.borrow(ctx).ok_or(Error::module("not registered"))
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    HANDLE.replace(load, Some(load.register_type::<Probe>()?))?;
    load.command(Command::new(c"tp.journal").flags(CommandFlags::READONLY), journal)
}

/// TP.JOURNAL: the lines, which are forgotten then.
fn journal(_: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, Error> {
    args.finish()?;
    let lines = std::mem::take(&mut *JOURNAL.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Reply::array(lines))
}

impl Probe {
    fn called(&self, callback: &str, key: Option<RedisStr<'_>>, db: Option<u32>) {
        let key = key.map_or("-".into(), |key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        note(format!("{callback} {key} {}", db.map_or(-1, i64::from)));
        assert!(self.text != format!("panic:{callback}").as_bytes(), "in {callback}");
    }
}

impl NativeType for Probe {
    const NAME: &'static std::ffi::CStr = c"tp-probe1";
    const VERSION: u16 = 2;

    fn save(&self, rdb: &mut RdbWriter<'_>) {
        self.called("save", rdb.key(), rdb.db());
        rdb.log(LogLevel::Warning, b"saves %s%n\r\n\0\xff");
        rdb.bytes(&self.text);
        rdb.float(self.float);
        let _ = rdb.long_double(self.number);
        rdb.unsigned(self.parts.len() as u64);
        self.parts.iter().for_each(|part| rdb.string(&RedisString::new(part)));
    }

    fn load(rdb: &mut RdbReader<'_>, version: u16) -> Result<Self, Error> {
        let (key, db) = (rdb.key(), rdb.db());
        rdb.log(LogLevel::Warning, format!("loads version {version}"));
        if version > Self::VERSION {
            return Err(Error::module("too new"));
        }
        let mut probe =
            Self { text: rdb.bytes()?, float: rdb.float()?, number: rdb.long_double()?, parts: Vec::new() };
        for _ in 0..rdb.unsigned()? {
            probe.parts.push(rdb.string()?.as_bytes().to_vec());
        }
        if probe.text == b"hear" {
            rdb.subscribe(NotifyFlags::GENERIC, |_, event| {
                let key = String::from_utf8_lossy(event.key.as_bytes()).into_owned();
                note(format!("{} {key} {}", event.name.to_string_lossy(), event.db));
            })?;
        }
        probe.called("load", key, db);
        Ok(probe)
    }

    fn rewrite(&self, key: RedisStr<'_>, aof: &mut AofWriter<'_>) {
        assert_eq!(aof.key(), Some(key));
        self.called("rewrite", Some(key), aof.db());
        aof.log(LogLevel::Warning, "rewrites %s%n");
        let (float, number) = (self.float.to_string(), self.number.to_f64().to_string());
        let mut arguments: Vec<&[u8]> = vec![key.as_bytes(), &self.text, float.as_bytes(), number.as_bytes()];
        arguments.extend(self.parts.iter().map(Vec::as_slice));
        aof.command(c"TP.SET", &arguments);
    }

    fn digest(&self, digest: &mut Digest<'_>) {
        self.called("digest", digest.key(), digest.db());
        digest.bytes(&self.text);
        digest.end_group();
    }

    fn memory_usage(&self, place: &Place<'_>, samples: usize) -> usize {
        self.called("memory", place.key(), place.db());
        note(format!("samples {samples}"));
        1000
    }

    fn free_effort(&self, place: &Place<'_>) -> usize {
        self.called("effort", place.key(), place.db());
        self.parts.len()
    }

    fn copy(&self, places: &CopyPlaces<'_>) -> Option<Self> {
        self.called("copy", places.from().key(), places.from().db());
        self.called("to", places.to_key(), places.to_db());
        let (text, parts) = (self.text.clone(), self.parts.clone());
        (text != b"no copy").then_some(Self { text, float: self.float, number: self.number, parts })
    }

    fn unlinked(&self, place: &Place<'_>) {
        self.called("unlink", place.key(), place.db());
    }

    /// One part in each call, where a call may follow.
    fn defrag(&mut self, defrag: &mut DefragContext<'_>) -> DefragProgress {
        let at = defrag.resume_at();
        self.called("defrag", defrag.key(), defrag.db());
        note(format!("at {at}"));
        if let Some(part) = self.parts.get_mut(at) {
            defrag.vec(part);
        }
        match NonZeroUsize::new(at + 1) {
            Some(next) if next.get() < self.parts.len() => DefragProgress::ResumeAt(next),
            _ => DefragProgress::Done,
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(self.text != b"panic:free", "in free");
    }
}
