//! Questions and answers over a connection that is used for something else afterwards.

use std::time::{Duration, Instant};

use crate::connection::{Credentials, auth_refusal};
use crate::resp::{Frame, Value};

use super::super::client::{ClientError, Link};
use super::super::stream::Stream;
use super::ANSWER_LIMITS;

pub(super) struct Talk {
    pub(super) link: Link,
    timeout: Duration,
}

impl Talk {
    /// Over `stream`; each answer may take `timeout`.
    pub(super) fn new(stream: Stream, timeout: Duration) -> Self {
        Talk { link: Link::new(stream, ANSWER_LIMITS), timeout }
    }

    pub(super) fn ask(&mut self, args: &[&[u8]]) -> Result<Value, ClientError> {
        let deadline = Instant::now() + self.timeout;
        self.link.send(&[args], deadline)?;
        loop {
            match self.link.decoder.poll_frame()? {
                Some(Frame::Reply(value)) => return Ok(value),
                Some(Frame::Push(_)) => {}
                None => self.link.read(deadline)?,
            }
        }
    }

    pub(super) fn authenticate(&mut self, credentials: &Credentials, auth: &str) -> Result<(), ClientError> {
        match self.ask(&credentials.auth_args_as(auth.as_bytes()))? {
            Value::Simple(_) => Ok(()),
            Value::Error(text) => Err(ClientError::Auth(auth_refusal(&text, credentials))),
            _ => Err(ClientError::UnexpectedReply),
        }
    }
}
