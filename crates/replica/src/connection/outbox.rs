//! Bytes to send. They may hold a password: what was sent is wiped.

use zeroize::{Zeroize, Zeroizing};

#[derive(Default)]
pub(super) struct Outbox {
    bytes: Zeroizing<Vec<u8>>,
    sent: usize,
}

impl Outbox {
    /// Where to append.
    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is left to send, if anything.
    pub(super) fn pending(&self) -> Option<&[u8]> {
        self.bytes.get(self.sent..).filter(|bytes| !bytes.is_empty())
    }

    /// Drops the first `count` bytes: they were sent.
    pub(super) fn transmitted(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.bytes.len() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.zeroize();
        self.sent = 0;
    }
}
