//! ST.META.*: metadata of keys.

use std::sync::atomic::{AtomicI64, Ordering};

use redis_context::{
    AofWriter, Args, CommandContext, Error, KeyMeta, KeyMetaClass, KeyMetaLoss, KeyNames, LoadContext,
    LogLevel, MainCell, MetaFate, RdbReader, RdbWriter, RedisStr, Reply, log,
};

use crate::{read, write};

/// A note on a key. What it says makes its callbacks behave.
struct Note(Vec<u8>);

static ALIVE: AtomicI64 = AtomicI64::new(0);

impl Note {
    fn new(text: impl Into<Vec<u8>>) -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self(text.into())
    }

    fn trip(&self, over: &str) {
        assert!(self.0 != format!("panic:{over}").as_bytes(), "in the {over} of a key's metadata");
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
        self.trip("drop");
    }
}

fn told(names: &KeyNames<'_>) -> String {
    let text = |name: Option<RedisStr<'_>>| name.map(|name| name.as_bytes().escape_ascii().to_string());
    format!("{:?}@{:?} {:?}@{:?}", text(names.name()), names.db(), text(names.new_name()), names.new_db())
}

fn tell(what: &str, names: &KeyNames<'_>) {
    log(LogLevel::Warning, format!("{what} {}", told(names)));
}

impl KeyMeta for Note {
    const NAME: &'static std::ffi::CStr = c"NOTE";
    const VERSION: u8 = 3;

    fn save(&self, writer: &mut RdbWriter<'_>) {
        self.trip("save");
        if self.0 != b"unsaved" {
            writer.bytes(&self.0);
            writer.unsigned(7);
        }
    }

    fn load(reader: &mut RdbReader<'_>, version: u8) -> Result<Option<Self>, Error> {
        let note = Self::new(reader.bytes()?);
        if version > Self::VERSION || reader.unsigned()? != 7 {
            return Err(Error::module("a later version wrote this"));
        }
        note.trip("load");
        if note.0 == b"error:load" {
            return Err(Error::module("asked to"));
        }
        Ok(if note.0 == b"skip:load" { None } else { Some(note) })
    }

    fn rewrite(&self, key: RedisStr<'_>, aof: &mut AofWriter<'_>) {
        self.trip("rewrite");
        aof.command(c"ST.META.SET", &[key.as_bytes(), &self.0]);
    }

    fn copy(&self, names: &KeyNames<'_>) -> Option<Self> {
        tell("copied", names);
        self.trip("copy");
        (self.0 != b"private").then(|| Self::new(self.0.clone()))
    }

    fn renamed(&mut self, names: &KeyNames<'_>) -> MetaFate {
        tell("renamed", names);
        self.trip("rename");
        if self.0 == b"private" {
            return MetaFate::Drop;
        }
        self.0.extend_from_slice(b"'");
        MetaFate::Keep
    }

    fn moved(&mut self, names: &KeyNames<'_>) -> MetaFate {
        tell("moved", names);
        self.trip("move");
        if self.0 == b"private" { MetaFate::Drop } else { MetaFate::Keep }
    }

    fn unlinked(&self, names: &KeyNames<'_>) {
        tell("unlinked", names);
        self.trip("unlink");
    }
}

/// Another class, which a snapshot can do without.
struct Mark(u64);

impl KeyMeta for Mark {
    const NAME: &'static std::ffi::CStr = c"MA-K";
    const VERSION: u8 = 0;
    const LOSS: KeyMetaLoss = KeyMetaLoss::Allowed;

    fn save(&self, writer: &mut RdbWriter<'_>) {
        writer.unsigned(self.0);
    }

    fn load(reader: &mut RdbReader<'_>, _version: u8) -> Result<Option<Self>, Error> {
        Ok(Some(Self(reader.unsigned()?)))
    }
}

/// Names and versions that are refused.
struct Bad<const CASE: usize>;

impl<const CASE: usize> KeyMeta for Bad<CASE> {
    const NAME: &'static std::ffi::CStr = [c"LONG-", c"N\xc3E", c"VERS", c"NOTE"][CASE];
    const VERSION: u8 = 32;

    fn load(_: &mut RdbReader<'_>, _version: u8) -> Result<Option<Self>, Error> {
        Ok(None)
    }
}

/// A class whose name is taken.
struct Twin;

impl KeyMeta for Twin {
    const NAME: &'static std::ffi::CStr = c"NOTE";
    const VERSION: u8 = 0;

    fn load(_: &mut RdbReader<'_>, _version: u8) -> Result<Option<Self>, Error> {
        Ok(None)
    }
}

/// A class that is given back, and registered again.
struct Brief;

impl KeyMeta for Brief {
    const NAME: &'static std::ffi::CStr = c"BRIF";
    const VERSION: u8 = 31;

    fn load(_: &mut RdbReader<'_>, _version: u8) -> Result<Option<Self>, Error> {
        Ok(None)
    }
}

struct Classes {
    note: KeyMetaClass<Note>,
    mark: KeyMetaClass<Mark>,
    brief: Option<KeyMetaClass<Brief>>,
    refused: Vec<String>,
}

static CLASSES: MainCell<Option<Classes>> = MainCell::new(None);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(write(c"st.meta.set"), set)?;
    load.command(read(c"st.meta.get"), get)?;
    load.command(write(c"st.meta.mark"), mark)?;
    load.command(write(c"st.meta.change"), change)?;
    load.command(write(c"st.meta.remove"), remove)?;
    load.command(read(c"st.meta.alive").keys(0, 0, 0), |_, _| Ok::<_, Error>(ALIVE.load(Ordering::Relaxed)))?;
    load.command(read(c"st.meta.refused").keys(0, 0, 0), |ctx, _| {
        with_classes(ctx, |classes| Ok(Reply::array(classes.refused.clone())))
    })?;
    load.command(read(c"st.meta.release").keys(0, 0, 0), |ctx, _| {
        let brief = CLASSES.try_borrow_mut(ctx)?.as_mut().and_then(|classes| classes.brief.take());
        brief.ok_or(Error::Syntax)?.release(ctx)?;
        Ok::<_, Error>(Reply::OK)
    })?;
    match register_classes(load) {
        Ok(classes) => CLASSES.replace(load, Some(classes)).map(drop),
        Err(Error::Unsupported { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn register_classes(load: &LoadContext<'_>) -> Result<Classes, Error> {
    let note = load.register_key_meta::<Note>()?;
    let mark = load.register_key_meta::<Mark>()?;
    let refused = [
        load.register_key_meta::<Bad<0>>().err(),
        load.register_key_meta::<Bad<1>>().err(),
        load.register_key_meta::<Bad<2>>().err(),
        load.register_key_meta::<Twin>().err(),
        load.register_key_meta::<Bad<3>>().err(),
    ];
    let refused = refused.into_iter().flatten().map(|error| error.to_string()).collect();
    load.register_key_meta::<Brief>()?.release(load)?;
    let brief = Some(load.register_key_meta::<Brief>()?);
    Ok(Classes { note, mark, brief, refused })
}

fn with_classes<R>(
    ctx: &CommandContext<'_>,
    body: impl FnOnce(&Classes) -> Result<R, Error>,
) -> Result<R, Error> {
    match &*CLASSES.try_borrow(ctx)? {
        Some(classes) => body(classes),
        None => Err(Error::Unsupported { function: "KeyMeta", since: "Redis 8.6" }),
    }
}

/// ST.META.SET key text: the text it had.
fn set<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, text) = (args.next_arg()?, args.next_arg()?);
    with_classes(ctx, |classes| {
        let old = ctx.open_write(name)?.set_meta(&classes.note, Note::new(text.as_bytes()))?;
        ctx.replicate_verbatim()?;
        Ok(old.map(|old| old.0.clone()).into())
    })
}

/// ST.META.GET key: its note and its mark.
fn get<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    with_classes(ctx, |classes| {
        let note = key.meta(&classes.note).map(|note| note.0.clone());
        let mark = key.meta(&classes.mark).and_then(|mark| i64::try_from(mark.0).ok());
        Ok(Reply::array([Reply::from(note), mark.into()]))
    })
}

/// ST.META.MARK key number
fn mark<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, number) = (args.next_arg()?, args.next_u64()?);
    with_classes(ctx, |classes| {
        ctx.open_write(name)?.set_meta(&classes.mark, Mark(number))?;
        Ok(Reply::OK)
    })
}

/// ST.META.CHANGE key text: adds to the note where it is.
fn change<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, text) = (args.next_arg()?, args.next_arg()?);
    with_classes(ctx, |classes| {
        let mut key = ctx.open_write(name)?;
        let note = key.meta_mut(&classes.note).ok_or(Error::NoSuchKey)?;
        note.0.extend_from_slice(text.as_bytes());
        Ok(Reply::Int(note.0.len() as i64))
    })
}

/// ST.META.REMOVE key
fn remove<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    with_classes(ctx, |classes| {
        let note = ctx.open_write(name)?.remove_meta(&classes.note);
        Ok(note.map(|note| note.0.clone()).into())
    })
}
