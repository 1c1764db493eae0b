use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use super::{Live, Summary};
use crate::Client;

/// Commands between two looks at whether to stop.
const BURST: usize = 200;

/// Sends live commands from a thread of its own until it is stopped or dropped. A server that goes away is
/// tried again: it may come back.
#[derive(Debug)]
pub struct Writer {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Summary>>,
}

impl Writer {
    /// Starts at full speed.
    pub fn start(server: SocketAddr, live: Live) -> Self {
        Self::start_with_pause(server, live, Duration::ZERO)
    }

    /// Starts with a pause after every 200 commands.
    pub fn start_with_pause(server: SocketAddr, live: Live, pause: Duration) -> Self {
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopping, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = spawn(move || write(server, live, pause, &stopping, &count));
        Writer { stop, sent, thread: Some(thread) }
    }

    /// How many commands have been answered so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Stops, and waits until the last command is answered.
    ///
    /// # Panics
    /// When the thread did.
    pub fn stop(mut self) -> Summary {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap_or_else(|| unreachable!("only stop and drop take the thread"));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; dropping must not add another.
            let _ = thread.join();
        }
    }
}

fn write(
    server: SocketAddr,
    mut live: Live,
    pause: Duration,
    stop: &AtomicBool,
    sent: &AtomicUsize,
) -> Summary {
    let mut summary = Summary::default();
    let mut client = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(connected) = client.as_mut() else {
            client = Client::connect(server).ok();
            live.reconnected();
            sleep(Duration::from_millis(5));
            continue;
        };
        match live.run(connected, BURST) {
            Ok(part) => {
                sent.fetch_add(part.commands, Ordering::Relaxed);
                summary.add(part);
                sleep(pause);
            }
            Err(_) => client = None,
        }
    }
    summary
}
