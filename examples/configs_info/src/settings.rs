//! The module's own settings.

use std::ffi::CStr;

use redis_context::config::{
    BoolConfig, Config, ConfigEnum, ConfigFlags, EnumConfig, FlagsConfig, IntConfig, StringConfig, UintConfig,
};
use redis_context::{
    Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, MainCell, Reply,
};

/// How the work is done.
#[derive(Debug, Clone, Copy)]
pub enum Strategy {
    Lazy,
    Eager,
}

impl ConfigEnum for Strategy {
    const CHOICES: &'static [(&'static CStr, Self)] = &[(c"lazy", Self::Lazy), (c"eager", Self::Eager)];
}

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    Reads,
    Writes,
}

impl ConfigEnum for What {
    const CHOICES: &'static [(&'static CStr, Self)] = &[(c"reads", Self::Reads), (c"writes", Self::Writes)];
}

pub static WORKERS: IntConfig = IntConfig::new(c"workers", 1).range(1, 64);
pub static CACHE_MAX: IntConfig = IntConfig::memory(c"cache-max", 1 << 20);
static SEED: UintConfig =
    UintConfig::new(c"seed", 42).range(0, i64::MAX as u64).flags(ConfigFlags::IMMUTABLE);
static TRACE: BoolConfig = BoolConfig::new(c"trace", false).flags(ConfigFlags::HIDDEN);
static STRATEGY: EnumConfig<Strategy> = EnumConfig::new(c"strategy");
static RECORD: FlagsConfig<What> = FlagsConfig::new(c"record", "writes");
pub static BANNER: StringConfig = StringConfig::new(c"banner", c"hello")
    .check(|text| if text.is_empty() { Err("a banner says something".into()) } else { Ok(()) });

const ALL: &[&dyn Config] = &[&WORKERS, &CACHE_MAX, &SEED, &TRACE, &STRATEGY, &RECORD, &BANNER];

/// How often the settings were shown.
pub static SHOWN: MainCell<u64> = MainCell::new(0);

static SHOW: CommandInfo = CommandInfo {
    summary: Some(c"Shows the module's settings as the module sees them."),
    complexity: Some(c"O(1)"),
    arity: 1,
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let fast = CommandFlags::READONLY | CommandFlags::FAST;
    load.command(Command::new(c"configs_info.show").flags(fast).info(&SHOW), show)?;
    // One worker for each processor, unless the administrator says otherwise.
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get().min(64) as i64);
    match load.configs_after_defaults(ALL, |defaults| defaults.int(&WORKERS, processors)) {
        Err(Error::Unsupported { .. }) => load.configs(ALL),
        settled => settled,
    }
}

/// `CONFIGS_INFO.SHOW`
fn show(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    *SHOWN.try_borrow_mut(ctx)? += 1;
    let strategy = match STRATEGY.get() {
        Strategy::Lazy => "lazy",
        Strategy::Eager => "eager",
    };
    let mut record = Vec::new();
    for (what, name) in [(What::Reads, "reads"), (What::Writes, "writes")] {
        if RECORD.get().contains(what) {
            record.push(name.to_owned());
        }
    }
    Ok(Reply::map([
        ("workers", Reply::Int(WORKERS.get())),
        ("cache-max", Reply::Int(CACHE_MAX.get())),
        ("seed", Reply::Int(SEED.get() as i64)),
        ("trace", Reply::Bool(TRACE.get())),
        ("strategy", Reply::from(strategy)),
        ("record", Reply::from(record)),
        ("banner", Reply::bulk(BANNER.get())),
    ]))
}
