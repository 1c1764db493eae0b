//! The bytes received and not yet consumed.
//!
//! ```text
//!   0          start              len        capacity
//!   | consumed | not yet consumed | free     |
//! ```
//!
//! Consuming only moves `start`, so slices handed out stay in place until more bytes are received. The
//! consumed part is reclaimed when it is at least as long as the rest: each byte is moved at most once per
//! byte consumed, whatever the sizes of reads and values.

/// Capacity a buffer may keep without being asked why, in bytes.
const KEPT: usize = 256 << 10;

/// A buffer is shrunk when it is this many times larger than what it must hold.
const SLACK: usize = 8;

/// The limit of a buffer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
pub(super) struct Buffer {
    data: Vec<u8>,
    start: usize,
    limit: usize,
}

impl Buffer {
    pub(super) fn new(limit: usize) -> Self {
        Buffer { data: Vec::new(), start: 0, limit }
    }

    /// Appends `bytes`, unless more than the limit would then wait.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let held = self.len() + bytes.len();
        if held > self.limit {
            return Err(Full);
        }
        self.reclaim(held);
        self.make_room(bytes.len());
        self.data.extend_from_slice(bytes);
        Ok(())
    }

    /// A vector that grows by itself would take up to twice the limit.
    fn make_room(&mut self, more: usize) {
        if self.data.len() + more > self.limit {
            self.move_to_front();
        }
        let needed = self.data.len() + more;
        if needed > self.data.capacity() {
            let capacity = self.data.capacity().saturating_mul(2).min(self.limit).max(needed);
            self.data.reserve_exact(capacity - self.data.len());
        }
    }

    fn move_to_front(&mut self) {
        let waiting = self.len();
        self.data.copy_within(self.start.., 0);
        self.data.truncate(waiting);
        self.start = 0;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.data[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.data.len() - self.start
    }

    /// Lets it hold more. What it holds may need the limit it has, so that is never lowered.
    pub(super) fn raise_limit(&mut self, limit: usize) {
        self.limit = self.limit.max(limit);
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Consumes the first `count` bytes and returns them.
    pub(super) fn consume(&mut self, count: usize) -> &[u8] {
        let begin = self.start;
        self.start = (begin + count).min(self.data.len());
        &self.data[begin..self.start]
    }

    /// The waiting bytes beside the mark of what is consumed, for a reader that borrows the one while the
    /// other moves.
    pub(super) fn split(&mut self) -> (&[u8], &mut usize) {
        (&self.data[self.start..], &mut self.start)
    }

    fn reclaim(&mut self, held: usize) {
        let waiting = self.len();
        if waiting == 0 {
            self.data.clear();
        } else if self.start >= waiting {
            self.move_to_front();
        } else {
            return;
        }
        self.start = 0;
        if self.data.capacity() > KEPT && self.data.capacity() / SLACK > held {
            self.data.shrink_to(held.max(KEPT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_across_reclaims() {
        let mut buffer = Buffer::new(1 << 20);
        let (mut written, mut read) = (0u32, 0u32);
        for round in 1..400usize {
            for _ in 0..round % 7 + 1 {
                buffer.push(&written.to_le_bytes()).unwrap();
                written += 1;
            }
            while buffer.len() >= 4 * (round % 5 + 1) {
                assert_eq!(buffer.consume(4), read.to_le_bytes());
                read += 1;
            }
        }
        assert!(read > 1000);
    }

    #[test]
    fn refuses_more_than_the_limit_and_stays_usable() {
        let mut buffer = Buffer::new(4);
        buffer.push(b"abc").unwrap();
        assert_eq!(buffer.push(b"de"), Err(Full));
        assert_eq!(buffer.bytes(), b"abc");
        buffer.consume(3);
        buffer.push(b"defg").unwrap();
    }

    #[test]
    fn shrinks_after_a_big_value() {
        let mut buffer = Buffer::new(1 << 30);
        buffer.push(&vec![0; 32 << 20]).unwrap();
        buffer.consume(32 << 20);
        buffer.push(b"x").unwrap();
        assert!(buffer.data.capacity() <= 2 * KEPT);
    }

    #[test]
    fn takes_no_more_memory_than_its_limit() {
        let limit = 3 << 20;
        let mut buffer = Buffer::new(limit);
        buffer.push(&[0; 1000]).unwrap();
        while buffer.push(&[1; 100_000]).is_ok() {
            buffer.consume(10);
            assert!(buffer.data.capacity() <= limit, "{}", buffer.data.capacity());
        }
        assert!(buffer.len() > limit - 100_000);
        assert_eq!(buffer.bytes().last(), Some(&1));
    }

    /// Byte by byte through a long value, then byte by byte out again: the moved bytes stay linear.
    #[test]
    fn moves_each_byte_a_bounded_number_of_times() {
        let mut buffer = Buffer::new(1 << 20);
        let mut moved = 0;
        for _ in 0..100_000 {
            buffer.push(b"x").unwrap();
        }
        for _ in 0..100_000 {
            buffer.consume(1);
            let before = buffer.start;
            buffer.push(b"x").unwrap();
            if buffer.start < before {
                moved += buffer.len();
            }
        }
        assert!(moved <= 2 * 100_000, "{moved}");
    }
}
