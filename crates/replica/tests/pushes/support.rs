//! Pushes as bytes, and handlers that remember.

use std::sync::{Arc, Mutex};

use redis_replica::push::{Handler, HandlerContext, HandlerFailure, Notification};
use redis_replica::resp::{Decoder, Limits, Value};

pub fn bulk(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

/// A push of strings, as bytes.
pub fn push(words: &[&str]) -> Vec<u8> {
    let mut out = format!(">{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    out
}

pub fn notification(words: &[&str]) -> Notification {
    Notification::new(words.iter().map(|word| bulk(word)).collect())
}

/// A decoder that has received these bytes.
pub fn received(bytes: &[u8]) -> Decoder {
    let mut decoder = Decoder::new(Limits::default());
    decoder.receive(bytes);
    decoder
}

/// Remembers what it is told.
#[derive(Debug, Default)]
pub struct Recorder {
    told: Mutex<Vec<Notification>>,
    breaks: Mutex<u64>,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn told(&self) -> Vec<Notification> {
        self.told.lock().unwrap().clone()
    }

    pub fn breaks(&self) -> u64 {
        *self.breaks.lock().unwrap()
    }
}

impl Handler for Recorder {
    fn handle(&self, notification: &Notification, _: &HandlerContext<'_>) -> Result<(), HandlerFailure> {
        self.told.lock().unwrap().push(notification.clone());
        Ok(())
    }

    fn disconnected(&self, _: &HandlerContext<'_>) {
        *self.breaks.lock().unwrap() += 1;
    }
}
