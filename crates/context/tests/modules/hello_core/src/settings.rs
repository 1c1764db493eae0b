//! Configs of every kind.

use std::ffi::CStr;

use redis_context::config::{
    BoolConfig, Config, ConfigEnum, ConfigFlags, EnumConfig, FlagsConfig, IntConfig, StringConfig, UintConfig,
};
use redis_context::{Command, CommandFlags, Error, LoadContext, Reply};

#[derive(Clone, Copy, Debug)]
enum Mood {
    Happy,
    Grumpy,
}

impl ConfigEnum for Mood {
    const CHOICES: &'static [(&'static CStr, Self)] = &[(c"happy", Self::Happy), (c"grumpy", Self::Grumpy)];
}

static TIMES: IntConfig = IntConfig::new(c"times", 3)
    .range(1, 100)
    .check(|times| if times == 13 { Err("13 brings\nbad luck".into()) } else { Ok(()) });
static LIMIT: IntConfig = IntConfig::memory(c"limit", 1 << 20);
static LOUD: BoolConfig = BoolConfig::new(c"loud", false);
static MOOD: EnumConfig<Mood> = EnumConfig::new(c"mood");
static GREETING: StringConfig = StringConfig::new(c"greeting", c"hello").check(|text| {
    assert!(text != b"panic", "asked to");
    if text.is_empty() { Err("a greeting says something".into()) } else { Ok(()) }
});
static FIXED: BoolConfig = BoolConfig::new(c"fixed", true).flags(ConfigFlags::IMMUTABLE);

static MOODS: FlagsConfig<Mood> = FlagsConfig::new(c"moods", "grumpy happy");
static NARROW: UintConfig = UintConfig::new(c"narrow", 7)
    .range(5, i64::MAX as u64)
    .check(|n| if n == 13 { Err("13 again".into()) } else { Ok(()) });
static WIDE: UintConfig = UintConfig::new(c"wide", u64::MAX);
static UNSEEN: BoolConfig = BoolConfig::new(c"unseen", false).flags(ConfigFlags::HIDDEN);
static GUARDED: BoolConfig = BoolConfig::new(c"guarded", false).flags(ConfigFlags::PROTECTED);
static EARLY: IntConfig =
    IntConfig::new(c"early", 1).flags(ConfigFlags::DENY_LOADING.union(ConfigFlags::SENSITIVE));
static BARE: IntConfig = IntConfig::new(c"hello-bare|hello-other.name", 1).flags(ConfigFlags::UNPREFIXED);

/// With the arguments `CONFIGS name`: settings that not every server takes.
pub fn register_odd(load: &LoadContext<'_>, name: &[u8]) -> Result<(), Error> {
    let odd: &'static dyn Config = match name {
        b"wide" => &WIDE,
        b"bare" => &BARE,
        b"late" => {
            return load.configs_after_defaults(
                &[&TIMES, &GREETING, &MOOD, &LOUD, &MOODS, &NARROW],
                |defaults| {
                    defaults.bool(&LOUD, true)?;
                    defaults.text(&GREETING, b"good %s\0\xff")?;
                    defaults.choice(&MOOD, "GRUMPY")?;
                    defaults.choices(&MOODS, "happy")?;
                    defaults.uint(&NARROW, 8)?;
                    assert!(defaults.uint(&NARROW, 4).is_err() && defaults.choices(&MOODS, "sad").is_err());
                    assert!(defaults.int(&TIMES, 13).is_err() && defaults.int(&TIMES, 101).is_err());
                    defaults.int(&TIMES, TIMES.get() * 10)
                },
            );
        }
        b"unmoved" => {
            return load.configs_after_defaults(&[&TIMES], |_| Err(Error::module("no defaults will do")));
        }
        b"panic" => return load.configs_after_defaults(&[&TIMES], |_| panic!("between")),
        _ => return Err(Error::Syntax),
    };
    load.configs(&[odd])
}

/// `HELLO.ODD`: what they are.
fn odd() -> Reply {
    Reply::array([
        Reply::bulk(MOODS.get().iter().map(|mood| format!("{mood:?}")).collect::<Vec<_>>().join(" ")),
        Reply::from(NARROW.get().to_string()),
        Reply::from(WIDE.get().to_string()),
        Reply::Int(BARE.get()),
        Reply::Bool(UNSEEN.get()),
        Reply::Bool(GUARDED.get()),
        Reply::Int(EARLY.get()),
    ])
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let mut args = load.args();
    match args.take_option("CONFIGS")? {
        Some(name) => register_odd(load, name.as_bytes())?,
        None => load.configs(&[
            &TIMES, &LIMIT, &LOUD, &MOOD, &GREETING, &FIXED, &MOODS, &NARROW, &UNSEEN, &GUARDED, &EARLY,
        ])?,
    }
    if load.configs(&[]).is_ok() {
        return Err(Error::module("configs were loaded twice"));
    }
    load.command(Command::new(c"hello.odd").flags(CommandFlags::READONLY), |_, _| Ok::<_, Error>(odd()))?;
    load.command(Command::new(c"hello.settings").flags(CommandFlags::READONLY), |_, _| {
        let greeting = GREETING.get();
        Ok::<_, Error>(Reply::array([
            Reply::Int(TIMES.get()),
            Reply::Int(LIMIT.get()),
            Reply::Int(LOUD.get().into()),
            Reply::from(format!("{:?}", MOOD.get())),
            Reply::bulk(&*greeting),
            Reply::Int(FIXED.get().into()),
        ]))
    })
}
