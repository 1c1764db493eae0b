//! What the examples share: the command line, and from a URL to a replica's options.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

#[cfg(feature = "tls")]
use redis_replica::transport::tls::{TlsConfig, TlsConnector};
use redis_replica::transport::{Options, Scheme, SourceUrl, Stream};

/// What a user asks of a program.
pub enum Asked {
    /// Its text of help.
    Help,
    Follow(SourceUrl, Vec<String>),
}

/// Runs `program` on the source that the first argument names and on the arguments behind it, if there may be any.
/// Errors are told under the program's name; the exit code is 1, and 2 for a wrong command line.
pub fn run(
    name: &str,
    usage: &str,
    more: More,
    program: impl FnOnce(SourceUrl, Vec<String>) -> Result<(), Box<dyn Error>>,
) -> ExitCode {
    let asked = asked(std::env::args().skip(1).collect(), more);
    let outcome = match asked {
        Ok(Asked::Help) => {
            println!("{usage}");
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Follow(url, arguments)) => program(url, arguments),
        Err(reason) => {
            eprintln!("{name}: {reason}; see --help");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether there may be arguments behind the source.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "not every program needs each")]
pub enum More {
    None,
    Any,
}

fn asked(mut arguments: Vec<String>, more: More) -> Result<Asked, String> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(Asked::Help);
    }
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        return Err(format!("unknown option {option}"));
    }
    if arguments.is_empty() {
        return Err("no source".into());
    }
    let rest = arguments.split_off(1);
    if more == More::None && !rest.is_empty() {
        return Err("more than one source".into());
    }
    let url = SourceUrl::parse(&arguments.remove(0)).map_err(|error| error.to_string())?;
    Ok(Asked::Follow(url, rest))
}

/// Options for the source that a URL names. Tells that a source may let us wait, lest nothing at all is seen.
#[allow(dead_code, reason = "not every program is a replica")]
pub fn options(url: SourceUrl) -> Result<Options, Box<dyn Error>> {
    eprintln!(
        "following {}:{}; the source may wait for some seconds before it sends (repl-diskless-sync-delay)",
        url.endpoint.host, url.endpoint.port
    );
    let mut options = Options::new(url.endpoint.host, url.endpoint.port);
    options.driver.connection.credentials = url.credentials;
    if url.scheme == Scheme::Tls {
        secure(&mut options)?;
    }
    Ok(options)
}

/// Tells why a link ended if it is tried again; else it is the program's last word anyway.
#[allow(dead_code, reason = "not every program is a replica")]
pub fn closed(reason: &(dyn Error + 'static), retry_in: Option<Duration>) {
    if let Some(delay) = retry_in {
        eprintln!("{reason}; again in {:.1} s", delay.as_secs_f32());
    }
}

#[cfg(feature = "tls")]
fn secure(options: &mut Options) -> Result<(), Box<dyn Error>> {
    options.driver.tls = Some(TlsConnector::new(TlsConfig::default())?);
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn secure(_: &mut Options) -> Result<(), Box<dyn Error>> {
    Err(WITHOUT_TLS.into())
}

/// The stream, encrypted if the URL says so.
#[cfg(feature = "tls")]
#[allow(dead_code, reason = "a replica does so itself")]
pub fn secured(url: &SourceUrl, stream: Stream, timeout: Duration) -> Result<Stream, Box<dyn Error>> {
    if url.scheme != Scheme::Tls {
        return Ok(stream);
    }
    Ok(TlsConnector::new(TlsConfig::default())?.secure(stream, &url.endpoint.host, timeout)?)
}

#[cfg(not(feature = "tls"))]
#[allow(dead_code, reason = "a replica does so itself")]
pub fn secured(url: &SourceUrl, stream: Stream, _: Duration) -> Result<Stream, Box<dyn Error>> {
    if url.scheme == Scheme::Tls { Err(WITHOUT_TLS.into()) } else { Ok(stream) }
}

#[cfg(not(feature = "tls"))]
const WITHOUT_TLS: &str = "this program was built without TLS: build it with --features tls";
