//! A data type with values (HE.LIST.*) and one with auxiliary data alone (HE.AUX).

use redis_context::{
    AofWriter, Args, AuxWhen, Command, CommandContext, CommandFlags, Context, CopyPlaces, Digest, Error,
    LoadContext, MainCell, NativeType, Place, RdbReader, RdbWriter, RedisStr, Reply, TypeHandle,
};

use crate::journal::{note, text};

/// A list of short texts.
struct Texts(Vec<Vec<u8>>);

/// How many texts a list holds at most.
const TEXTS_MAX: u64 = 10_000;

static TEXTS: MainCell<Option<TypeHandle<Texts>>> = MainCell::new(None);

impl NativeType for Texts {
    const NAME: &'static std::ffi::CStr = c"he-texts1";
    const VERSION: u16 = 1;

    fn save(&self, writer: &mut RdbWriter<'_>) {
        assert!(!self.0.iter().any(|text| text == b"panic:save"), "in a type's save");
        writer.unsigned(self.0.len() as u64);
        self.0.iter().for_each(|text| writer.bytes(text));
        writer.signed(-7);
        writer.double(0.5);
    }

    fn load(reader: &mut RdbReader<'_>, version: u16) -> Result<Self, Error> {
        let count = reader.unsigned()?;
        if version > Self::VERSION || count > TEXTS_MAX {
            return Err(Error::module("a later version wrote this"));
        }
        let texts = (0..count).map(|_| reader.bytes()).collect::<Result<_, _>>()?;
        match (reader.signed()?, reader.double()?) {
            (-7, 0.5) => Ok(Self(texts)),
            _ => Err(Error::module("the trailer is wrong")),
        }
    }

    fn rewrite(&self, key: RedisStr<'_>, aof: &mut AofWriter<'_>) {
        self.0.iter().for_each(|text| aof.command(c"HE.LIST.PUSH", &[key.as_bytes(), text]));
    }

    fn digest(&self, digest: &mut Digest<'_>) {
        self.0.iter().for_each(|text| digest.bytes(text));
        digest.int(self.0.len() as i64);
        digest.end_group();
    }

    fn memory_usage(&self, _place: &Place<'_>, _samples: usize) -> usize {
        size_of::<Self>() + self.0.iter().map(|text| text.capacity() + size_of::<Vec<u8>>()).sum::<usize>()
    }

    fn free_effort(&self, _place: &Place<'_>) -> usize {
        self.0.len()
    }

    fn copy(&self, _places: &CopyPlaces<'_>) -> Option<Self> {
        Some(Self(self.0.clone()))
    }
}

/// No values, only auxiliary data.
enum State {}

static STATE: MainCell<Vec<u8>> = MainCell::new(Vec::new());

impl NativeType for State {
    const NAME: &'static std::ffi::CStr = c"he-state1";
    const VERSION: u16 = 3;
    const AUX: AuxWhen = AuxWhen::BEFORE_RDB.union(AuxWhen::AFTER_RDB);

    fn save(&self, _writer: &mut RdbWriter<'_>) {
        match *self {}
    }

    fn load(_reader: &mut RdbReader<'_>, _version: u16) -> Result<Self, Error> {
        Err(Error::module("this type has no values"))
    }

    fn rewrite(&self, _key: RedisStr<'_>, _aof: &mut AofWriter<'_>) {
        match *self {}
    }

    fn aux_save(ctx: &Context<'_>, when: AuxWhen, writer: &mut RdbWriter<'_>) {
        let state = STATE.borrow(ctx);
        assert!(*state != b"panic:aux", "in a type's aux_save");
        if when == AuxWhen::BEFORE_RDB && !state.is_empty() {
            writer.bytes(&*state);
        }
    }

    fn aux_load(
        ctx: &Context<'_>,
        when: AuxWhen,
        reader: &mut RdbReader<'_>,
        version: u16,
    ) -> Result<(), Error> {
        let state = reader.bytes()?;
        note(ctx, format!("aux {when:?} version {version}: {}", text(&state)));
        STATE.replace(ctx, state)?;
        Ok(())
    }
}

/// A load begins, or has failed.
pub fn forget(ctx: &Context<'_>) {
    let _ = STATE.take(ctx);
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    TEXTS.replace(load, Some(load.register_type::<Texts>()?))?;
    load.register_type::<State>()?;
    let write = CommandFlags::WRITE;
    load.command(Command::new(c"he.list.push").flags(write).keys(1, 1, 1), push)?;
    load.command(Command::new(c"he.list.all").flags(CommandFlags::READONLY).keys(1, 1, 1), all)?;
    load.command(Command::new(c"he.aux").flags(CommandFlags::READONLY), aux)
}

fn texts(ctx: &Context<'_>) -> Result<TypeHandle<Texts>, Error> {
    TEXTS.borrow(ctx).ok_or(Error::module("not loaded"))
}

/// HE.LIST.PUSH key text ..
fn push<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let of = texts(ctx)?;
    let mut key = ctx.open_write(args.next_arg()?)?;
    if key.value(of)?.is_none() {
        key.set_value(of, Texts(Vec::new()))?;
    }
    let list = key.value_mut(of)?.ok_or(Error::NoSuchKey)?;
    while !args.is_empty() && (list.0.len() as u64) < TEXTS_MAX {
        list.0.push(args.next_arg()?.as_bytes().to_vec());
    }
    let len = list.0.len() as i64;
    ctx.replicate_verbatim()?;
    Ok(Reply::Int(len))
}

/// HE.LIST.ALL key
fn all<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let list = key.value(texts(ctx)?)?;
    Ok(list.map_or(Reply::Null, |list| Reply::array(list.0.clone())))
}

/// HE.AUX [text]: the state, and what it was before.
fn aux<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    if args.is_empty() {
        return Ok(Reply::Bulk(STATE.borrow(ctx).clone()));
    }
    Ok(Reply::Bulk(STATE.replace(ctx, args.next_arg()?.as_bytes().to_vec())?))
}
