//! What belongs to no key, and is defragmented all the same.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, DefragContext, DefragProgress, Error, LoadContext,
    MainCell, RedisString, Reply,
};

#[repr(align(64))]
struct Aligned([u8; 192]);

/// One of each kind, in allocations of about two hundred bytes.
struct Block {
    boxed: Box<[u64; 25]>,
    slice: Box<[u8]>,
    text: String,
    string: RedisString,
    aligned: Box<Aligned>,
    nothing: Box<()>,
}

impl Block {
    fn new(seed: u64) -> Self {
        let text = format!("{seed:0>200}");
        Self {
            boxed: Box::new([seed; 25]),
            slice: vec![seed as u8; 200].into_boxed_slice(),
            string: RedisString::new(text.as_bytes()),
            text,
            aligned: Box::new(Aligned([seed as u8; 192])),
            nothing: Box::new(()),
        }
    }

    fn is_sound(&self) -> bool {
        let seed = self.boxed[0];
        *self.boxed == [seed; 25]
            && self.slice.iter().chain(&self.aligned.0).all(|&byte| byte == seed as u8)
            && self.text == format!("{seed:0>200}")
            && self.string.as_bytes() == self.text.as_bytes()
            && std::ptr::from_ref(&*self.aligned).addr().is_multiple_of(64)
    }
}

#[derive(Default)]
struct Counts {
    calls: i64,
    boxed: i64,
    slices: i64,
    texts: i64,
    strings: i64,
    /// What must stay where it is.
    others: i64,
    rebuilt: i64,
    unsupported: i64,
    begins: i64,
    ends: i64,
}

static BLOCKS: MainCell<Vec<Block>> = MainCell::new(Vec::new());
static SHARED: MainCell<Option<(RedisString, RedisString)>> = MainCell::new(None);
static COUNTS: MainCell<Option<Counts>> = MainCell::new(None);
static PANIC: MainCell<bool> = MainCell::new(false);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    COUNTS.replace(load, Some(Counts::default()))?;
    load.on_defrag(defrag)?;
    match load.on_defrag_cycle(
        |ctx| {
            count(ctx, |counts| counts.begins += 1);
            assert!(!*PANIC.borrow(ctx), "in the begin of a cycle");
        },
        |ctx| count(ctx, |counts| counts.ends += 1),
    ) {
        Ok(()) | Err(Error::Unsupported { .. }) => (),
        Err(error) => return Err(error),
    }
    load.command(Command::new(c"tp.blocks").flags(CommandFlags::WRITE), blocks)?;
    load.command(Command::new(c"tp.moved").flags(CommandFlags::READONLY), moved)
}

fn count(ctx: &Context<'_>, change: impl FnOnce(&mut Counts)) {
    if let Some(counts) = &mut *COUNTS.borrow_mut(ctx) {
        change(counts);
    }
}

/// TP.BLOCKS n [PANIC]: makes 16 n blocks and keeps each sixteenth, which leaves holes.
fn blocks<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let kept = args.next_u64()?.min(100_000);
    *PANIC.borrow_mut(ctx) = args.take_keyword("panic");
    let all: Vec<Block> = (0..kept * 16).map(Block::new).collect();
    let mut blocks: Vec<Block> = all.into_iter().step_by(16).collect();
    blocks.shrink_to_fit();
    let string = RedisString::new(&[b's'; 200]);
    SHARED.replace(ctx, Some((string.clone(), string)))?;
    BLOCKS.replace(ctx, blocks)?;
    Ok(Reply::OK)
}

/// TP.MOVED: what was counted; an error if a block is damaged.
fn moved<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    if !BLOCKS.borrow(ctx).iter().all(Block::is_sound) {
        return Err(Error::module("a block is damaged"));
    }
    let counts = COUNTS.borrow(ctx);
    let Some(counts) = &*counts else { return Ok(Reply::Null) };
    Ok(Reply::map([
        ("calls", Reply::Int(counts.calls)),
        ("boxed", Reply::Int(counts.boxed)),
        ("slices", Reply::Int(counts.slices)),
        ("texts", Reply::Int(counts.texts)),
        ("strings", Reply::Int(counts.strings)),
        ("others", Reply::Int(counts.others)),
        ("rebuilt", Reply::Int(counts.rebuilt)),
        ("unsupported", Reply::Int(counts.unsupported)),
        ("begins", Reply::Int(counts.begins)),
        ("ends", Reply::Int(counts.ends)),
    ]))
}

fn defrag(ctx: &Context<'_>, defrag: &mut DefragContext<'_>) -> DefragProgress {
    let mut seen = Counts::default();
    assert!(defrag.key().is_none() && defrag.db().is_none(), "this is about no key");
    // A thousand blocks at a time, where the server calls again.
    let mut blocks = BLOCKS.borrow_mut(ctx);
    let first = defrag.resume_at();
    for block in blocks.iter_mut().skip(first) {
        seen.boxed += i64::from(defrag.boxed(&mut block.boxed));
        seen.slices += i64::from(defrag.boxed_slice(&mut block.slice));
        seen.texts += i64::from(defrag.string(&mut block.text));
        seen.strings += i64::from(defrag.redis_string(&mut block.string) == Ok(true));
        seen.others += i64::from(defrag.boxed(&mut block.aligned) | defrag.boxed(&mut block.nothing));
    }
    if let Some((one, two)) = &mut *SHARED.borrow_mut(ctx) {
        seen.others += i64::from(defrag.redis_string(one) != Ok(false)) + i64::from(one != two);
    }
    rebuild(defrag, &mut seen);
    crate::dicts::defrag(ctx, defrag);
    drop(blocks);
    count(ctx, |counts| {
        counts.calls += 1;
        counts.boxed += seen.boxed;
        counts.slices += seen.slices;
        counts.texts += seen.texts;
        counts.strings += seen.strings;
        counts.others += seen.others;
        counts.rebuilt += seen.rebuilt;
        counts.unsupported += seen.unsupported;
    });
    assert!(!*PANIC.borrow(ctx), "in the defragmentation of the module's own");
    DefragProgress::Done
}

/// Boxes of every kind through memory of the server's choice.
fn rebuild(defrag: &mut DefragContext<'_>, seen: &mut Counts) {
    match defrag.new_box([7u64; 20]).and_then(|boxed| defrag.take_box(boxed)) {
        Ok(values) => seen.rebuilt += i64::from(values == [7; 20]),
        Err(Error::Unsupported { .. }) => seen.unsupported += 1,
        Err(error) => panic!("{error}"),
    }
    // A box may come and go by the usual ways, too.
    let _ = defrag.new_box([7u8; 33]).map(drop);
    let _ = defrag.take_box(Box::new(String::from("dropped")));
    let aligned = defrag.new_box(Aligned([1; 192])).and_then(|boxed| defrag.take_box(boxed));
    assert!(aligned.is_err() || aligned.is_ok_and(|aligned| aligned.0 == [1; 192]));
    let _ = defrag.new_box(()).and_then(|nothing| defrag.take_box(nothing));
}
