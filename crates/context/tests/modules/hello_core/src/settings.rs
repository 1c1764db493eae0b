//! Configs of every kind.

use std::ffi::CStr;

use redis_context::config::{BoolConfig, ConfigEnum, ConfigFlags, EnumConfig, IntConfig, StringConfig};
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

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.configs(&[&TIMES, &LIMIT, &LOUD, &MOOD, &GREETING, &FIXED])?;
    if load.configs(&[]).is_ok() {
        return Err(Error::module("configs were loaded twice"));
    }
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
