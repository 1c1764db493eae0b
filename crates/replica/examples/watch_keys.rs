//! Prints which keys of a server change, as it tells them to a client that tracks all of them.
//!
//! ```text
//! cargo run -p redis-replica --example watch_keys -- redis://127.0.0.1:6379 [PREFIX..]
//! ```

mod common;

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use redis_replica::push::{
    HandlerContext, HandlerFailure, Invalidated, Notification, Protection, Push, handler,
};
use redis_replica::transport::{
    Client, ClientConfig, ClientError, Protocol, PushConfig, SourceUrl, TrackedKeys, Tracking, connect,
    resolve,
};

const USAGE: &str = "usage: watch_keys redis[s]://[[user]:password@]host[:port] [PREFIX..]

Prints each key that changes, in whatever database, one a line; only those with one of the prefixes if there are any, of
which none may begin with another. The server must be Redis 6.0 or newer, or any Valkey.";

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
    common::run("watch_keys", USAGE, common::More::Any, |url, prefixes| {
        let Err(error) = watch(&url, prefixes);
        Err(match error.downcast_ref::<ClientError>() {
            Some(ClientError::Refused { reply, .. }) => {
                let words = reply.as_error().unwrap_or_default().escape_ascii();
                format!("{error}: {words}").into()
            }
            _ => error,
        })
    })
}

fn watch(url: &SourceUrl, prefixes: Vec<String>) -> Result<Infallible, Box<dyn Error>> {
    let stream = connect(&resolve(&url.endpoint, TIMEOUT)?, TIMEOUT)?;
    let stream = common::secured(url, stream, TIMEOUT)?;
    let protocol = Protocol::Resp3(PushConfig::default());
    let credentials = url.credentials.clone();
    let mut client = Client::new(stream, &ClientConfig { protocol, credentials, ..ClientConfig::default() })?;
    client.processor().register("invalidate", Some(handler(print)), Protection::Removable)?;
    let prefixes = prefixes.into_iter().map(String::into_bytes).collect();
    client.track(Tracking { keys: TrackedKeys::Broadcast(prefixes), ..Tracking::default() })?;
    eprintln!("watching {}:{}", url.endpoint.host, url.endpoint.port);
    loop {
        client.next_event(TIMEOUT)?;
        // A server that is gone answers nothing, and would not be missed otherwise.
        client.command(&[b"PING"])?;
    }
}
