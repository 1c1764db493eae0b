//! The three timers of a connection.

use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// A reply to a step of the handshake is late.
    Reply,
    /// No byte arrived for too long.
    Silence,
    /// The next acknowledgement or keepalive is due.
    Ack,
}

impl Timer {
    const ALL: [Timer; 3] = [Timer::Reply, Timer::Silence, Timer::Ack];
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: [Option<Instant>; 3],
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.due[timer as usize] = Some(at);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = None;
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.due[timer as usize].is_some()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    /// Stops and returns one timer that is due.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let timer =
            Timer::ALL.into_iter().find(|timer| self.due[*timer as usize].is_some_and(|at| at <= now))?;
        self.stop(timer);
        Some(timer)
    }
}
