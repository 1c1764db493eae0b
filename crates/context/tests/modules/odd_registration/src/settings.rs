//! Configs of any name, and those that are written and read again.

use std::ffi::CStr;

use redis_context::config::{
    BoolConfig, Config, ConfigEnum, ConfigFlags, EnumConfig, FlagsConfig, IntConfig, StringConfig, UintConfig,
};
use redis_context::{Args, Command, Error, LoadContext, Reply};

pub fn named(load: &LoadContext<'_>, name: &'static CStr) -> Result<(), Error> {
    load.configs(&[Box::leak(Box::new(IntConfig::new(name, 1)))])
}

/// Names without the module's in front; behind a `+` another one.
pub fn bare(load: &LoadContext<'_>, name: &'static CStr) -> Result<(), Error> {
    let config = IntConfig::new(name, 1).flags(ConfigFlags::UNPREFIXED);
    load.configs(&[Box::leak(Box::new(config))])
}

/// `kind default min max`
pub fn range(load: &LoadContext<'_>, args: &mut Args<'_>) -> Result<(), Error> {
    let is_size = args.next_str()? == "SIZE";
    let (default, min, max) = (args.next_i64()?, args.next_i64()?, args.next_i64()?);
    let config =
        if is_size { IntConfig::memory(c"range", default) } else { IntConfig::new(c"range", default) };
    load.configs(&[Box::leak(Box::new(config.range(min, max)))])
}

#[derive(Clone, Copy, PartialEq)]
pub struct Odd<const N: usize>(u8);

const NAMES: [&CStr; 9] = [
    c"",
    c"two words",
    c"\"quoted\"",
    c"it's",
    c"line\nbreak",
    c"\xff\xfe",
    c"back\\slash",
    c"PLAIN",
    c"tab\t",
];

impl<const N: usize> ConfigEnum for Odd<N> {
    const CHOICES: &'static [(&'static CStr, Self)] = &[(c"plain", Self(0)), (NAMES[N], Self(1))];
}

pub fn choice(load: &LoadContext<'_>, at: u64) -> Result<(), Error> {
    fn one<const N: usize>(load: &LoadContext<'_>) -> Result<(), Error> {
        let one: &'static EnumConfig<Odd<N>> = Box::leak(Box::new(EnumConfig::new(c"choice")));
        let several: &'static FlagsConfig<Odd<N>> =
            Box::leak(Box::new(FlagsConfig::new(c"choices", "plain")));
        if load.args().len() > 2 { load.configs(&[several]) } else { load.configs(&[one]) }
    }
    match at {
        0 => one::<0>(load),
        1 => one::<1>(load),
        2 => one::<2>(load),
        3 => one::<3>(load),
        4 => one::<4>(load),
        5 => one::<5>(load),
        6 => one::<6>(load),
        7 => one::<7>(load),
        _ => one::<8>(load),
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Choice {
    First,
    Hash,
    Percent,
    Quoteless,
}

impl ConfigEnum for Choice {
    const CHOICES: &'static [(&'static CStr, Self)] = &[
        (c"first", Choice::First),
        (c"#hash", Choice::Hash),
        (c"%s%n", Choice::Percent),
        (c"{a;b},c=d", Choice::Quoteless),
    ];
}

static WORD: EnumConfig<Choice> = EnumConfig::new(c"Word");
static WORDS: FlagsConfig<Choice> = FlagsConfig::new(c"words", "first");
static TEXT: StringConfig = StringConfig::new(c"text", c"\xff \"default\" #'\n");
static EMPTY: StringConfig = StringConfig::new(c"empty", c"");
static NUMBER: IntConfig = IntConfig::new(c"number", -1);
static SIZE: IntConfig = IntConfig::memory(c"size", 1 << 20);
static COUNT: UintConfig = UintConfig::new(c"count", 1).range(0, i64::MAX.cast_unsigned());
static SWITCH: BoolConfig = BoolConfig::new(c"switch", false);
static HIDDEN: StringConfig = StringConfig::new(c"hidden", c"x").flags(ConfigFlags::HIDDEN);

const ALL: &[&dyn Config] = &[&WORD, &WORDS, &TEXT, &EMPTY, &NUMBER, &SIZE, &COUNT, &SWITCH, &HIDDEN];

/// All kinds; ODD.VALUES shows them.
pub fn all(load: &LoadContext<'_>) -> Result<(), Error> {
    load.configs(ALL)?;
    load.command(Command::new(c"odd.values"), |_, _| {
        let words: Vec<String> = WORDS.get().iter().map(|word| format!("{word:?}")).collect();
        Ok::<_, Error>(Reply::array([
            Reply::from(format!("{:?}", WORD.get())),
            Reply::from(words.join(" ")),
            Reply::from(TEXT.get().to_vec()),
            Reply::from(EMPTY.get().to_vec()),
            Reply::Int(NUMBER.get()),
            Reply::Int(SIZE.get()),
            Reply::Int(COUNT.get().cast_signed()),
            Reply::Int(SWITCH.get().into()),
            Reply::from(HIDDEN.get().to_vec()),
        ]))
    })
}
