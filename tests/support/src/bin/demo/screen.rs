use std::cell::Cell;
use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use redis_mirror_test_support::Status;

/// Without a terminal, a line of progress is printed this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(1);

/// Tells the story line by line; in a terminal the last line is drawn anew as the mirror moves.
pub struct Screen {
    start: Instant,
    terminal: bool,
    last: Cell<Option<Sample>>,
    printed: Cell<Option<Instant>>,
}

/// What the rate is reckoned from.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    applied: i64,
}

impl Screen {
    pub fn new() -> Self {
        let terminal = stdout().is_terminal();
        Screen { start: Instant::now(), terminal, last: Cell::new(None), printed: Cell::new(None) }
    }

    /// One line that stays.
    pub fn say(&self, line: &str) {
        println!("{:5.1} s  {line}", self.start.elapsed().as_secs_f64());
    }

    /// The mirror's state, drawn over the last one.
    pub fn show(&self, status: &Status) {
        let line = format!("        {}", self.describe(status));
        if self.terminal {
            print!("\r\x1b[2K{line}");
            // A terminal that has gone away is no reason to stop.
            let _ = stdout().flush();
        } else if self.printed.get().is_none_or(|at| at.elapsed() >= PLAIN_INTERVAL) {
            println!("{line}");
            self.printed.set(Some(Instant::now()));
        }
    }

    /// Leaves the drawn line as it is.
    pub fn settle(&self) {
        if self.terminal {
            println!();
        }
    }

    fn describe(&self, status: &Status) -> String {
        let keys = (status.number("keys_done"), status.number("keys_total_est"));
        let consistent = if status.text("consistent") == "yes" { "consistent" } else { "not yet consistent" };
        let mut line = format!("{:<12}", status.state());
        if status.state() == "loading" {
            line += &format!("{} of about {} keys  ", keys.0, keys.1);
        } else {
            let (operations, lag) = (status.number("ops_per_sec"), status.number("lag_bytes"));
            let megabytes = self.rate(status) / 1e6;
            line += &format!(
                "{} keys copied, {operations} operations/s, {megabytes:.2} MB/s, lag {lag} bytes  ",
                keys.0
            );
        }
        line + consistent
    }

    /// Bytes of the stream applied per second since the last line.
    fn rate(&self, status: &Status) -> f64 {
        let now = Sample { at: Instant::now(), applied: status.number("applied_offset") };
        let Some(last) = self.last.replace(Some(now)) else { return 0.0 };
        let seconds = now.at.duration_since(last.at).as_secs_f64();
        // The count starts anew with a full resync.
        (now.applied - last.applied).max(0) as f64 / seconds.max(1e-3)
    }
}
