//! Clients that wait until an offset of the source is applied (MIRROR.WAIT).

use redis_context::Unblocker;

/// How many clients may wait for one mirror.
pub const WAITERS_MAX: usize = 10_000;

/// What ends a wait: the offset that was reached, or why it never will be.
pub type Outcome = Result<u64, String>;

/// The clients that wait for one mirror.
#[derive(Default)]
pub struct Waiters {
    waiting: Vec<Waiter>,
    next: u64,
}

struct Waiter {
    number: u64,
    /// What must be applied; `None` until the source said where it stands.
    offset: Option<u64>,
    client: Unblocker<Outcome>,
}

impl Waiters {
    /// Adds a client; the number names it when the source's offset comes.
    pub fn add(&mut self, offset: Option<u64>, client: Unblocker<Outcome>) -> u64 {
        self.next += 1;
        self.waiting.push(Waiter { number: self.next, offset, client });
        self.next
    }

    /// The source's offset for the clients up to a number that asked for "now", or why it could not be had.
    pub fn set_offset(&mut self, up_to: u64, offset: Result<u64, String>) {
        let is_asked = |waiter: &Waiter| waiter.number <= up_to && waiter.offset.is_none();
        match offset {
            Ok(offset) => {
                let asked = self.waiting.iter_mut().filter(|waiter| is_asked(waiter));
                asked.for_each(|waiter| waiter.offset = Some(offset));
            }
            Err(why) => self
                .waiting
                .extract_if(.., |waiter| is_asked(waiter))
                .for_each(|waiter| waiter.client.unblock(Err(why.clone()))),
        }
    }

    /// Whether no more clients may wait; those that left or whose time is over don't count.
    pub fn is_full(&mut self) -> bool {
        if self.waiting.len() >= WAITERS_MAX {
            self.waiting.retain(|waiter| !waiter.client.is_client_gone());
        }
        self.waiting.len() >= WAITERS_MAX
    }

    /// Lets go of the clients whose offset is applied, and forgets those that left.
    pub fn applied(&mut self, applied: u64) {
        let mut at = 0;
        while let Some(waiter) = self.waiting.get(at) {
            if waiter.offset.is_some_and(|offset| offset <= applied) {
                self.waiting.swap_remove(at).client.unblock(Ok(applied));
            } else if waiter.client.is_client_gone() {
                drop(self.waiting.swap_remove(at));
            } else {
                at += 1;
            }
        }
    }

    /// Ends all waits with an error.
    pub fn fail_all(&mut self, why: &str) {
        for waiter in self.waiting.drain(..) {
            waiter.client.unblock(Err(why.to_owned()));
        }
    }
}
