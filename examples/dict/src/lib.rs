//! The radix tree of the server.
//!
//! A glossary that is no key: words in order, with their explanations, in a [`Dict`] of the module's own.
//!
//! ```text
//! > DICT.SET apple "a fruit"           (nil)          # or the explanation it had
//! > DICT.SET apricot "another fruit"   (nil)
//! > DICT.SET bean "a seed"             (nil)
//! > DICT.ADD bean "a person"           (integer) 0    # it is there already
//! > DICT.GET apple                     "a fruit"
//! > DICT.STARTING ap
//! 1) "apple"
//! 2) "a fruit"
//! 3) "apricot"
//! 4) "another fruit"
//! > DICT.NEAR banana                   # the words before and after
//! 1) "apricot"
//! 2) "bean"
//! > DICT.DEL bean                      "a seed"
//! > DICT.LEN                           (integer) 2
//! ```
//!
//! It is gone with the server: for what should stay see the example `native_type`.
#![forbid(unsafe_code)]

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Dict, DictSeek, Error, LoadContext,
    MainCell, Reply,
};

redis_context::module! {
    name: "dict",
    version: 1,
    init: init,
}

/// Made at load: a dict is the server's, and there is no server before.
static WORDS: MainCell<Option<Dict<Vec<u8>>>> = MainCell::new(None);

const WORD: Arg = Arg::string(c"word");

static SET: CommandInfo = CommandInfo {
    summary: Some(c"Explains a word, and returns the explanation it had."),
    complexity: Some(c"O(N) with N bytes of the word"),
    arity: 3,
    args: &[WORD, Arg::string(c"explanation")],
    ..CommandInfo::EMPTY
};

static ADD: CommandInfo =
    CommandInfo { summary: Some(c"Explains a word that has no explanation yet."), ..SET };

static GET: CommandInfo = CommandInfo {
    summary: Some(c"Returns the explanation of a word."),
    complexity: Some(c"O(N) with N bytes of the word"),
    arity: 2,
    args: &[WORD],
    ..CommandInfo::EMPTY
};

static DEL: CommandInfo =
    CommandInfo { summary: Some(c"Removes a word, and returns its explanation."), ..GET };

static NEAR: CommandInfo = CommandInfo { summary: Some(c"Returns the words before and after one."), ..GET };

static STARTING: CommandInfo = CommandInfo {
    summary: Some(c"Returns the words that begin so, with their explanations."),
    complexity: Some(c"O(N) with N bytes returned"),
    arity: 2,
    args: &[Arg::string(c"prefix")],
    ..CommandInfo::EMPTY
};

static LEN: CommandInfo = CommandInfo {
    summary: Some(c"Tells how many words there are."),
    complexity: Some(c"O(1)"),
    arity: 1,
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    WORDS.replace(load, Some(Dict::new()))?;
    let fast = |name| Command::new(name).flags(CommandFlags::FAST);
    load.command(fast(c"dict.set").info(&SET), set)?;
    load.command(fast(c"dict.add").info(&ADD), add)?;
    load.command(fast(c"dict.get").info(&GET), get)?;
    load.command(fast(c"dict.del").info(&DEL), del)?;
    load.command(fast(c"dict.near").info(&NEAR), near)?;
    load.command(fast(c"dict.len").info(&LEN), |ctx, _| with_words(ctx, |words| Ok(words.len() as i64)))?;
    load.command(Command::new(c"dict.starting").info(&STARTING), starting)
}

fn with_words<R>(
    ctx: &CommandContext<'_>,
    body: impl FnOnce(&mut Dict<Vec<u8>>) -> Result<R, Error>,
) -> Result<R, Error> {
    let mut words = WORDS.try_borrow_mut(ctx)?;
    body(words.get_or_insert_default())
}

/// DICT.SET word explanation
fn set<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (word, explanation) = (args.next_arg()?, args.next_arg()?.as_bytes().to_vec());
    with_words(ctx, |words| Ok(words.insert(word, explanation)?.into()))
}

/// DICT.ADD word explanation
fn add<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (word, explanation) = (args.next_arg()?, args.next_arg()?.as_bytes().to_vec());
    with_words(ctx, |words| Ok(Reply::Int(words.insert_new(word, explanation)?.into())))
}

/// DICT.GET word
fn get<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let word = args.next_arg()?;
    with_words(ctx, |words| Ok(words.get(word).cloned().into()))
}

/// DICT.DEL word
fn del<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let word = args.next_arg()?;
    with_words(ctx, |words| Ok(words.remove(word).into()))
}

/// DICT.NEAR word
fn near<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let word = args.next_arg()?;
    with_words(ctx, |words| {
        let mut walk = words.seek(DictSeek::below(word));
        let before = walk.prev().map(|(word, _)| word.to_vec());
        walk.reseek(DictSeek::above(word));
        let after = walk.next().map(|(word, _)| word.to_vec());
        Ok(Reply::array([before, after]))
    })
}

/// DICT.STARTING prefix
fn starting<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let prefix = args.next_arg()?.as_bytes();
    with_words(ctx, |words| {
        let mut found = Vec::new();
        let mut walk = words.seek(DictSeek::from(prefix));
        while let Some((word, explanation)) = walk.next() {
            if !word.starts_with(prefix) {
                break;
            }
            found.extend([Reply::bulk(word), Reply::bulk(explanation)]);
        }
        Ok(Reply::array(found))
    })
}
