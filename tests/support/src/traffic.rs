use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::{Client, Command, Server, cmd, wait};

const PAUSE: Duration = Duration::from_micros(500);

/// Effects that show at once when one is lost or repeated: counters, list elements in order, transactions.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Traffic {
    /// Writes to a server from a thread of its own, hardly pausing.
    pub fn start(to: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut client = Client::connect(to).expect("the source is there");
            let mut round = 0_u64;
            while !theirs.load(Ordering::Relaxed) {
                let commands = Self::round(round);
                client.pipeline(&commands).expect("the source takes writes");
                round += 1;
                // Some ten thousand commands a second: a mirror that syncs each unit to disk keeps up.
                thread::sleep(PAUSE);
            }
            round
        });
        Traffic { stop, thread: Some(thread) }
    }

    fn round(round: u64) -> Vec<Command> {
        let list = format!("list:{}", round % 5);
        vec![
            cmd!("INCR", "counter"),
            cmd!("LPUSH", list.as_str(), round),
            cmd!("MULTI"),
            cmd!("INCR", "left"),
            cmd!("RPOPLPUSH", list.as_str(), "moved"),
            cmd!("INCRBY", "right", 2),
            cmd!("EXEC"),
            cmd!("APPEND", "log", format!("{round},")),
            cmd!("XADD", "stream", "*", "round", round),
            cmd!("SET", format!("key:{}", round % 1000), round),
        ]
    }

    /// Waits until this many more rounds were written to the source.
    ///
    /// # Panics
    /// When they are not in time.
    pub fn wait_rounds(source: &Server, rounds: i64) {
        let mut client = source.client();
        let counter = |client: &mut Client| {
            let text = client.bytes(cmd!("GET", "counter")).unwrap_or_default();
            String::from_utf8_lossy(&text).parse::<i64>().unwrap_or(0)
        };
        let goal = counter(&mut client) + rounds;
        wait::wait_until("the traffic goes on", || counter(&mut client) >= goal);
    }

    /// Ends it and tells how many rounds were written.
    ///
    /// # Panics
    /// When a write failed.
    pub fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map_or(0, |thread| thread.join().expect("no write failed"))
    }
}
