//! A dict that belongs to no key.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, DefragContext, Dict, Error, HeapSize, LoadContext,
    MainCell, RedisString, Reply,
};

struct Counts {
    visits: i64,
    rounds: i64,
    refusals: i64,
}

static DICT: MainCell<Option<Dict<Vec<u64>>>> = MainCell::new(None);
static FROM: MainCell<Option<RedisString>> = MainCell::new(None);
static COUNTS: MainCell<Counts> = MainCell::new(Counts { visits: 0, rounds: 0, refusals: 0 });

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"tp.dict").flags(CommandFlags::WRITE), fill)?;
    load.command(Command::new(c"tp.dictmoved").flags(CommandFlags::READONLY), moved)
}

fn key(at: u64) -> String {
    format!("{:x}:{at}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// TP.DICT n: a dict of n keys, after four times as many came and went.
fn fill<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let count = args.next_u64()?.min(1_000_000);
    let mut dict = Dict::new();
    for at in 0..count * 4 {
        dict.insert(key(at).as_bytes(), vec![at; 10])?;
    }
    for at in (0..count * 4).filter(|at| at % 4 != 0) {
        dict.remove(key(at).as_bytes());
    }
    FROM.replace(ctx, None)?;
    DICT.replace(ctx, Some(dict))?;
    Ok(Reply::OK)
}

/// TP.DICTMOVED: the dict's size if it is sound, else 0; visits, rounds and refusals.
fn moved<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let dict = DICT.borrow(ctx);
    let size = dict.as_ref().map_or(0, |dict| {
        let count = dict.len() as u64;
        let is_sound = (0..count).all(|at| dict.get(key(at * 4).as_bytes()) == Some(&vec![at * 4; 10]));
        if is_sound { dict.heap_size() as i64 } else { 0 }
    });
    let counts = COUNTS.borrow(ctx);
    Ok(Reply::array([size, counts.visits, counts.rounds, counts.refusals]))
}

/// One step.
pub fn defrag(ctx: &Context<'_>, defrag: &mut DefragContext<'_>) {
    let mut dict = DICT.borrow_mut(ctx);
    let Some(dict) = &mut *dict else { return };
    let mut from = FROM.borrow_mut(ctx);
    let result = defrag.dict(dict, &mut from, |defrag, value| {
        VISITS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        defrag.vec(value);
    });
    let mut counts = COUNTS.borrow_mut(ctx);
    counts.visits = VISITS.load(std::sync::atomic::Ordering::Relaxed);
    match result {
        Ok(()) => counts.rounds += i64::from(from.is_none()),
        Err(Error::Unsupported { .. }) => counts.refusals += 1,
        Err(error) => panic!("{error}"),
    }
}

static VISITS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
