//! Noticing that another server became the primary, at once and not when the old one's connection breaks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::resp::{Frame, Value};

use super::super::client::ClientError;
use super::super::connect::Endpoint;
use super::super::wake::RingOnDrop;
use super::find::make;
use super::talk::Talk;
use super::{SentinelError, Sentinels};

const CHANNEL: &[u8] = b"+switch-master";

/// How soon the thread notices that nobody is interested any more.
const PATIENCE: Duration = Duration::from_millis(200);

/// Between two rounds over all Sentinels, none of which could be watched.
const ROUND: Duration = Duration::from_secs(1);

/// A subscription on a thread of its own. It ends some time after it is dropped.
#[derive(Debug)]
pub(in super::super) struct Watch(Arc<State>);

#[derive(Debug, Default)]
struct State {
    has_moved: AtomicBool,
    is_over: AtomicBool,
}

impl Watch {
    /// Watches for another primary than `primary`; `ring` rings when there is one.
    pub(in super::super) fn begin(
        sentinels: Sentinels,
        primary: Endpoint,
        ring: RingOnDrop,
    ) -> io::Result<Watch> {
        let state = Arc::new(State::default());
        let watched = Arc::clone(&state);
        thread::Builder::new().name(String::from("sentinel-watch")).spawn(move || {
            let _ring = ring;
            while !watched.is_decided() {
                sentinels.watch(&primary, &watched);
            }
        })?;
        Ok(Watch(state))
    }

    /// Whether there is another primary.
    pub(in super::super) fn has_moved(&self) -> bool {
        self.0.has_moved.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}

impl State {
    fn is_decided(&self) -> bool {
        self.is_over.load(Ordering::Acquire) || self.has_moved.load(Ordering::Acquire)
    }

    fn judge(&self, primary: &Endpoint, now: &Endpoint) {
        if primary != now {
            self.has_moved.store(true, Ordering::Release);
        }
    }
}

impl Sentinels {
    /// One round: each Sentinel is watched for as long as it can be.
    fn watch(&self, primary: &Endpoint, state: &State) {
        for sentinel in self.order() {
            if state.is_decided() {
                return;
            }
            // Whatever ends it, the next one goes on.
            let _ = self.watch_one(&sentinel, primary, state);
        }
        // Not all of it in one sleep: nobody may be interested any more.
        for _ in 0..ROUND.as_millis() / PATIENCE.as_millis() {
            if !state.is_decided() {
                thread::sleep(PATIENCE);
            }
        }
    }

    fn watch_one(&self, sentinel: &Endpoint, primary: &Endpoint, state: &State) -> Result<(), SentinelError> {
        let failed = |reason: ClientError| SentinelError::failed(sentinel, reason);
        let mut subscriber = self.connect(sentinel)?;
        if subscriber.ask(&[b"SUBSCRIBE", CHANNEL]).map_err(failed)?.as_error().is_some() {
            return Err(SentinelError::Refused { sentinel: sentinel.clone() });
        }
        // What happened before the subscription was told to nobody.
        state.judge(primary, &self.ask_primary(sentinel, &mut self.connect(sentinel)?)?);
        self.listen(subscriber, primary, state).map_err(failed)
    }

    fn listen(&self, mut talk: Talk, primary: &Endpoint, state: &State) -> Result<(), ClientError> {
        while !state.is_decided() {
            talk.link.read_within(PATIENCE)?;
            while let Some(frame) = talk.link.decoder.poll_frame()? {
                if let Frame::Reply(Value::Array(message)) | Frame::Push(message) = frame
                    && let Some(now) = self.switched_to(&message)
                {
                    state.judge(primary, &now);
                }
            }
        }
        Ok(())
    }

    /// `message +switch-master "<group> <old host> <old port> <new host> <new port>"` (sentinel.c).
    fn switched_to(&self, message: &[Value]) -> Option<Endpoint> {
        let [kind, channel, text] = message else { return None };
        if kind.as_bytes() != Some(b"message") || channel.as_bytes() != Some(CHANNEL) {
            return None;
        }
        let words: Vec<&[u8]> = text.as_bytes()?.split(|byte| *byte == b' ').collect();
        match words.as_slice() {
            [group, _, _, host, port] if *group == self.group.as_bytes() => make(host, port),
            _ => None,
        }
    }
}
