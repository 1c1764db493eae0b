//! Prints which keys of a server change, as it tells them to a client that tracks all of them.
//!
//! ```text
//! cargo run -p redis-replica --example watch_keys -- 127.0.0.1 6379 [PREFIX..]
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use redis_replica::push::{
    HandlerContext, HandlerFailure, Invalidated, Notification, Protection, Push, handler,
};
use redis_replica::transport::{
    Client, ClientConfig, Endpoint, Protocol, PushConfig, TrackedKeys, Tracking, connect, resolve,
};

const TIMEOUT: Duration = Duration::from_secs(10);

fn print(notification: &Notification, _: &HandlerContext<'_>) -> Result<(), HandlerFailure> {
    let mut out = io::stdout().lock();
    match notification.read()? {
        Push::Invalidate(Invalidated::Keys(keys)) => {
            for key in keys.iter() {
                writeln!(out, "{}", key.escape_ascii())?;
            }
        }
        Push::Invalidate(Invalidated::Everything) => writeln!(out, "# all keys: the server was flushed")?,
        other => writeln!(out, "# {other:?}")?,
    }
    Ok(out.flush()?)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, prefixes @ ..] = args.as_slice() else {
        eprintln!("usage: watch_keys HOST PORT [PREFIX..]");
        return ExitCode::from(2);
    };
    let Err(error) = watch(host, port, prefixes);
    eprintln!("{host}:{port}: {error}");
    ExitCode::FAILURE
}

fn watch(host: &str, port: &str, prefixes: &[String]) -> Result<Infallible, Box<dyn Error>> {
    let endpoint = Endpoint::new(host, port.parse()?);
    let stream = connect(&resolve(&endpoint, TIMEOUT)?, TIMEOUT)?;
    let protocol = Protocol::Resp3(PushConfig::default());
    let mut client = Client::new(stream, &ClientConfig { protocol, ..ClientConfig::default() })?;
    client.processor().register("invalidate", Some(handler(print)), Protection::Removable)?;
    let prefixes = prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect();
    client.track(Tracking { keys: TrackedKeys::Broadcast(prefixes), ..Tracking::default() })?;
    loop {
        client.next_event(TIMEOUT)?;
        // A server that is gone answers nothing, and would not be missed otherwise.
        client.command(&[b"PING"])?;
    }
}
