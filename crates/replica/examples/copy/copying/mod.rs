//! What `copy` does, apart from the process around it.

mod arguments;
mod observer;
mod target;

use std::error::Error;
use std::io::Write;

use redis_replica::transport::{Driver, DriverConfig, FileConfig, Reconnect, replay};
use redis_replica::{Config, Goal};

use arguments::{Arguments, Place, USAGE};
use observer::Copying;
use target::Target;

/// All is there.
pub const COPIED: u8 = 0;
/// It is not all there: the last line says why.
pub const FAILED: u8 = 1;
/// The arguments are wrong.
pub const WRONG_USAGE: u8 = 2;
/// The target has data, and `--replace` was not given.
pub const NOT_EMPTY: u8 = 3;
/// All is there but for what was named.
pub const WITH_LOSSES: u8 = 4;

/// The text of help, if that is wanted.
pub fn help(arguments: &[String]) -> Option<&'static str> {
    arguments.iter().any(|argument| argument == "--help" || argument == "-h").then_some(USAGE)
}

/// Copies as `arguments` say, tells on `log` how it goes, and returns the exit code.
pub fn run(arguments: &[String], log: &mut impl Write) -> u8 {
    let arguments = match Arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(reason) => return say(log, &format!("copy: {reason}; see --help"), WRONG_USAGE),
    };
    match copy(&arguments, log) {
        Ok(code) => code,
        Err(error) => say(log, &format!("copy: {error}"), FAILED),
    }
}

fn say(log: &mut impl Write, text: &str, code: u8) -> u8 {
    // Nobody is left to tell when even this fails.
    let _ = writeln!(log, "{text}");
    code
}

fn copy(arguments: &Arguments, log: &mut impl Write) -> Result<u8, Box<dyn Error>> {
    let mut target = Target::connect(&arguments.target, arguments.mode)?;
    if target.holds_what_may_not_be_touched()? {
        let text =
            "copy: the target has data: empty it, or give --replace to write over keys of the same name";
        return Ok(say(log, text, NOT_EMPTY));
    }
    let mut copying = Copying::new(target, log);
    match &arguments.source {
        Place::Server(server) => {
            let mut config = DriverConfig::new(server.endpoint.clone());
            #[cfg(feature = "tls")]
            {
                config.tls = server.tls()?;
            }
            config.connection =
                Config { credentials: server.credentials.clone(), goal: Goal::Snapshot, ..Config::default() };
            // Half a copy and another whole one on top of it would not be what the source had at one time.
            config.reconnect = Reconnect::Never;
            Driver::new(config).run(&mut copying)?;
        }
        Place::Path(path) => {
            let replayed = replay(path, &FileConfig::default(), &mut copying)?;
            copying.left_out(replayed.left_out_bytes);
        }
    }
    Ok(if copying.finish()? { COPIED } else { WITH_LOSSES })
}
