//! Faults for tests: with the feature `fault-injection`, `MIRROR.FAULT site` has the next pass of that place
//! panic. Never part of a release; without the feature nothing of it is compiled in.

/// Where a panic can be had.
#[cfg_attr(not(feature = "fault-injection"), allow(dead_code))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Site {
    /// A command's handler: MIRROR.FAULT itself.
    Command = 1,
    /// The timer of a closed gate.
    Timer,
    /// A server event, while a mirror is told of it.
    Event,
    /// A slice, in the middle of a unit.
    Slice,
    /// The thread of a link.
    Link,
    /// The writer of INFO.
    Info,
    /// The save of the state.
    Save,
}

/// Panics if a fault was asked for here.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
pub fn hit(_: Site) {}

#[cfg(feature = "fault-injection")]
pub use armed::{hit, register};

#[cfg(feature = "fault-injection")]
mod armed {
    use std::sync::atomic::{AtomicU8, Ordering};

    use redis_context::{
        Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, ErrorReply, LoadContext, Reply,
    };

    use super::Site;

    static ARMED: AtomicU8 = AtomicU8::new(0);

    static INFO: CommandInfo = CommandInfo {
        summary: Some(c"Has the next pass of a place in the module panic."),
        complexity: Some(c"O(1)"),
        since: Some(c"0.1.0"),
        arity: 2,
        args: &[Arg::string(c"site")],
        ..CommandInfo::EMPTY
    };

    /// Registers `MIRROR.FAULT command|timer|event|slice|link|info|save|none`.
    pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
        let command = Command::new(c"mirror.fault").flags(CommandFlags::ADMIN).info(&INFO);
        load.command(command.acl(c"admin dangerous slow"), run)
    }

    fn run(_: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, ErrorReply> {
        let site = match args.next_arg()?.as_bytes() {
            b"none" => 0,
            b"command" => Site::Command as u8,
            b"timer" => Site::Timer as u8,
            b"event" => Site::Event as u8,
            b"slice" => Site::Slice as u8,
            b"link" => Site::Link as u8,
            b"info" => Site::Info as u8,
            b"save" => Site::Save as u8,
            _ => return Err(ErrorReply::err("no such site")),
        };
        ARMED.store(site, Ordering::Release);
        hit(Site::Command);
        Ok(Reply::OK)
    }

    /// Panics if a fault was asked for here; once.
    pub fn hit(site: Site) {
        let is_armed = ARMED.load(Ordering::Acquire) == site as u8;
        assert!(
            !(is_armed && ARMED.swap(0, Ordering::AcqRel) == site as u8),
            "injected into {site:?}, as asked for"
        );
    }
}
