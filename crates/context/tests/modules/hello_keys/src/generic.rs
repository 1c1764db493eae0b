//! HK.KEY: steps on one open key of any type. HK.OPEN, HK.FLAGS, HK.EXISTS, HK.RANDOM.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, OpenFlags, Reply, WriteKey,
};

use crate::{answer, count};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let (write, read) = (CommandFlags::WRITE, CommandFlags::READONLY);
    load.command(Command::new(c"hk.key").flags(write).keys(1, 1, 1), key)?;
    load.command(Command::new(c"hk.open").flags(read).keys(1, 1, 1), open)?;
    load.command(Command::new(c"hk.flags").flags(read), flags)?;
    load.command(Command::new(c"hk.exists").flags(read).keys(1, 1, 1), exists)?;
    load.command(Command::new(c"hk.random").flags(read), random)?;
    load.command(Command::new(c"hk.signal").flags(write).keys(1, 1, 1), signal)
}

/// HK.KEY key step ..: EXPIREIN [ms] | EXPIREAT [ms] | PERSIST | IDLE [ms] | FREQ [n] | DB | NAME |
/// MINEXPIRE | PREFIX | OVERWRITE value
fn key<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write_with(args.next_arg()?, OpenFlags::NO_TOUCH)?;
    let mut answers = Vec::new();
    while !args.is_empty() {
        answers.push(answer(step(&mut key, &mut args)));
    }
    Ok(Reply::Array(answers))
}

fn step(key: &mut WriteKey<'_>, args: &mut Args<'_>) -> Result<Reply, Error> {
    let step = args.next_str()?;
    if step == "OVERWRITE" {
        return key.overwrite_string(args.next_arg()?.as_bytes()).map(|()| Reply::OK);
    }
    let value = args.peek().and_then(|arg| arg.to_str().ok()?.parse::<u64>().ok());
    if value.is_some() {
        args.next();
    }
    match (step, value) {
        ("EXPIREIN", None) => Ok(key.expire_in_ms().map(|ms| ms as i64).into()),
        ("EXPIREIN", Some(ms)) => key.set_expire_in(ms).map(|()| Reply::OK),
        ("IDLE", None) => Ok(key.idle_ms().map(|ms| ms as i64).into()),
        ("IDLE", Some(ms)) => key.set_idle_ms(ms).map(|()| Reply::OK),
        ("FREQ", None) => Ok(key.access_frequency().map(i64::from).into()),
        ("FREQ", Some(n)) => {
            key.set_access_frequency(u8::try_from(n).map_err(|_| Error::Syntax)?).map(|()| Reply::OK)
        }
        ("EXPIREAT", None) => Ok(key.expire_at_ms().map(|ms| ms as i64).into()),
        ("EXPIREAT", Some(ms)) => key.set_expire_at(ms).map(|()| Reply::OK),
        ("PERSIST", None) => key.remove_expire().map(|()| Reply::OK),
        ("MINEXPIRE", None) => Ok(key.hash_min_expire_at_ms()?.map(|ms| ms as i64).into()),
        ("PREFIX", None) => Ok(key.string_prefix::<3>()?.map(|prefix| prefix.to_vec()).into()),
        ("DB", None) => Ok(key.db().map(i64::from).into()),
        ("NAME", None) => Ok(key.name().map_or(Reply::Null, Reply::bulk)),
        _ => Err(Error::Syntax),
    }
}

/// HK.OPEN key flag ..: type, database, time to live, idle time, frequency of a key opened for reading
fn open<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let mut flags = OpenFlags::empty();
    for flag in args {
        flags |= OpenFlags::from_name(flag.to_str().unwrap_or_default()).ok_or(Error::Syntax)?;
    }
    let key = ctx.open_read_with(name, flags)?;
    let kind = format!("{:?}", key.key_type());
    let numbers = [key.db().map(i64::from), key.expire_in_ms().map(|ms| ms as i64)];
    let eviction = [key.idle_ms().map(|ms| ms as i64), key.access_frequency().map(i64::from)];
    Ok(Reply::Array(
        [kind.into()].into_iter().chain(numbers.map(Reply::from)).chain(eviction.map(Reply::from)).collect(),
    ))
}

fn flags<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    Ok(Reply::array(ctx.open_flags().iter_names().map(|(name, _)| name)))
}

/// HK.EXISTS key [OPEN other]
fn exists<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let name = args.next_arg()?;
    let open = args.take_option("open")?.map(|other| ctx.open_read(other)).transpose()?;
    let exists = ctx.key_exists(name)?;
    drop(open);
    Ok(count(exists))
}

/// HK.RANDOM [OPEN key]
fn random<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let open = args.take_option("open")?.map(|other| ctx.open_read(other)).transpose()?;
    let name = ctx.random_key()?;
    drop(open);
    Ok(name.map_or(Reply::Null, Reply::bulk))
}

fn signal<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    ctx.signal_modified(args.next_arg()?);
    Ok(Reply::OK)
}
