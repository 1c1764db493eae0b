//! The first words of a connection.

use std::time::Instant;

use crate::connection::{Credentials, Error, auth_refusal};
use crate::resp::Value;

use super::link::Link;
use super::pushes::Pushes;
use super::{ClientError, ask};

/// Begins RESP3 over `link` and returns the server's id of this client.
pub(super) fn greet(
    link: &mut Link,
    pushes: &mut Pushes,
    credentials: Option<&Credentials>,
    deadline: Instant,
) -> Result<Option<i64>, ClientError> {
    let reply = ask(link, pushes, &hello_args(credentials), deadline)?;
    read_hello(reply, credentials)
}

/// `HELLO 3`, with AUTH in it if there are credentials: one round trip, and no moment without authentication.
/// A password alone is the user `default`'s, as with AUTH (helloCommand, networking.c).
fn hello_args(credentials: Option<&Credentials>) -> Vec<&[u8]> {
    let mut args: Vec<&[u8]> = vec![b"HELLO", b"3"];
    match credentials.map(Credentials::auth_args).as_deref() {
        Some([auth, password]) => args.extend([auth, b"default".as_slice(), password]),
        Some(auth) => args.extend(auth),
        None => {}
    }
    args
}

/// The server's id of this client, out of the reply to HELLO.
fn read_hello(reply: Value, credentials: Option<&Credentials>) -> Result<Option<i64>, ClientError> {
    match reply {
        Value::Map(fields) => Ok(field(&fields, b"id").and_then(Value::as_integer)),
        Value::Error(line) => Err(refusal(line, credentials)),
        _ => Err(ClientError::UnexpectedReply),
    }
}

fn refusal(line: Vec<u8>, credentials: Option<&Credentials>) -> ClientError {
    let reply = Value::Error(line);
    let line = reply.as_error().unwrap_or_default();
    if reply.is_error_code("NOPROTO") || line.windows(15).any(|window| window == b"unknown command") {
        return ClientError::Resp3Unsupported;
    }
    match credentials.map(|credentials| auth_refusal(line, credentials)) {
        Some(Error::AuthRefused) => {}
        Some(error) => return ClientError::Auth(error),
        None if reply.is_error_code("NOAUTH") => return ClientError::Auth(Error::AuthRequired),
        None => {}
    }
    ClientError::Refused { request: "HELLO", reply }
}

fn field<'a>(fields: &'a [(Value, Value)], name: &[u8]) -> Option<&'a Value> {
    fields.iter().find(|(key, _)| key.as_bytes() == Some(name)).map(|(_, value)| value)
}
