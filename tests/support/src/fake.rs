use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a read or write may block before the end of the source is looked for.
const PATIENCE: Duration = Duration::from_millis(50);

/// The largest piece written at once.
const WRITE_BYTES: usize = 64 << 10;

/// The replication id that [`Play::full_resync`] announces.
pub const FAKE_REPLID: &str = "f4cef4cef4cef4cef4cef4cef4cef4cef4cef4ce";

/// The mark that ends the snapshots of [`Play::snapshot`].
const MARK: &[u8; 40] = b"ffffffffffffffffffffffffffffffffffffffff";

/// One step of a script.
#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Repeat { piece: Vec<u8>, total: u64 },
    Expect(Vec<u8>),
    Answer,
    Stall,
    Close,
}

/// What a fake source does on a connection, in order: answers, bytes, silence, an end.
///
/// ```no_run
/// # use redis_mirror_test_support::{FakeSource, Play};
/// let source = FakeSource::start(Play::new().full_resync().snapshot(b"REDIS0011\xff\0\0\0\0\0\0\0\0").stall());
/// println!("{}", source.url());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Play {
    steps: Vec<Step>,
}

impl Play {
    /// Does nothing, and closes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a replica's handshake as a server does, up to and with the reply to PSYNC: a full resync at offset 0.
    #[must_use]
    pub fn full_resync(self) -> Self {
        self.answer_until("PSYNC").send(format!("+FULLRESYNC {FAKE_REPLID} 0\r\n"))
    }

    /// A snapshot, wrapped as a source without disk wraps it.
    #[must_use]
    pub fn snapshot(self, rdb: &[u8]) -> Self {
        self.begin_snapshot().send(rdb).send(MARK)
    }

    /// The header of a snapshot whose bytes are sent by other steps.
    #[must_use]
    pub fn begin_snapshot(self) -> Self {
        self.send(b"$EOF:").send(MARK).send(b"\r\n")
    }

    /// An empty snapshot: the stream follows.
    #[must_use]
    pub fn empty_snapshot(self) -> Self {
        self.snapshot(b"REDIS0011\xff\0\0\0\0\0\0\0\0")
    }

    /// Sends bytes.
    #[must_use]
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Step::Send(bytes.as_ref().to_vec()))
    }

    /// Sends a command.
    #[must_use]
    pub fn command(self, args: &[&[u8]]) -> Self {
        let mut wire = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            wire.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            wire.extend_from_slice(arg);
            wire.extend_from_slice(b"\r\n");
        }
        self.send(wire)
    }

    /// Sends a piece again and again until `total` bytes are sent; a flood has an end.
    #[must_use]
    pub fn repeat(self, piece: impl AsRef<[u8]>, total: u64) -> Self {
        self.then(Step::Repeat { piece: piece.as_ref().to_vec(), total })
    }

    /// Answers `+PONG` and `+OK` until a command of this name comes, which is left to the next step.
    #[must_use]
    pub fn answer_until(self, name: &str) -> Self {
        self.then(Step::Expect(name.to_ascii_uppercase().into_bytes()))
    }

    /// From here on answers every command with `+OK`.
    #[must_use]
    pub fn answer_all(self) -> Self {
        self.then(Step::Answer)
    }

    /// Reads on and says nothing, until the peer closes.
    #[must_use]
    pub fn stall(self) -> Self {
        self.then(Step::Stall)
    }

    /// Closes the connection here: the rest is not played. Also what the end of a script does.
    #[must_use]
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

#[derive(Debug)]
struct Shared {
    scripts: Mutex<Vec<Play>>,
    accepted: AtomicU64,
    sent: AtomicU64,
    ended: AtomicBool,
}

/// A peer that plays a script on each connection: the first on the first, and so on; the last one again on all that
/// follow. It is no server: it knows what the script says and nothing else.
#[derive(Debug)]
pub struct FakeSource {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl FakeSource {
    /// Listens on a free port and plays the same on every connection.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start(play: Play) -> Self {
        Self::start_with(vec![play])
    }

    /// Plays one script after the other, each on a connection of its own.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start_with(plays: Vec<Play>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.unwrap_or_else(|error| panic!("fake source: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("fake source: {error}"));
        let shared = Arc::new(Shared {
            scripts: Mutex::new(plays),
            accepted: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &acceptor));
        FakeSource { shared, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address in the form MIRROR.CREATE takes.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How many connections came.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many bytes were taken by the peers, over all connections.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

impl Drop for FakeSource {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The acceptor waits for somebody; it fails only when it has ended already.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        let play = shared.next_play(number);
        let shared = Arc::clone(shared);
        thread::spawn(move || Stage { socket, shared, heard: Vec::new() }.perform(&play));
    }
}

impl Shared {
    fn next_play(&self, number: u64) -> Play {
        let scripts: MutexGuard<'_, Vec<Play>> = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(number).unwrap_or(usize::MAX).min(scripts.len().saturating_sub(1));
        scripts.get(at).cloned().unwrap_or_default()
    }
}

/// One connection. An error or an end of the peer ends its script.
struct Stage {
    socket: TcpStream,
    shared: Arc<Shared>,
    heard: Vec<u8>,
}

impl Stage {
    fn perform(&mut self, play: &Play) {
        let timed = self.socket.set_read_timeout(Some(PATIENCE));
        if timed.and_then(|()| self.socket.set_write_timeout(Some(PATIENCE))).is_ok() {
            // The first step that can't be carried out was the last.
            let _ = play.steps.iter().try_for_each(|step| self.take(step));
        }
        // The peer may have closed it before.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    fn take(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Send(bytes) => self.write(bytes),
            Step::Repeat { piece, total } => self.repeat(piece, *total),
            Step::Expect(name) => loop {
                let line = self.next_command()?;
                if line == *name {
                    return Some(());
                }
                self.write(if line == b"PING" { b"+PONG\r\n" } else { b"+OK\r\n" })?;
            },
            Step::Answer => loop {
                self.next_command()?;
                self.write(b"+OK\r\n")?;
            },
            Step::Stall => loop {
                self.heard.clear();
                self.read()?;
            },
            Step::Close => None,
        }
    }

    fn repeat(&mut self, piece: &[u8], total: u64) -> Option<()> {
        let whole = piece.repeat((WRITE_BYTES / piece.len().max(1)).max(1));
        let mut left = total;
        while left > 0 {
            let step = whole.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.write(&whole[..step])?;
            left -= step as u64;
        }
        Some(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            match self.socket.write(&bytes[..bytes.len().min(WRITE_BYTES)]) {
                Ok(0) => return None,
                Ok(count) => {
                    self.shared.sent.fetch_add(count as u64, Ordering::SeqCst);
                    bytes = &bytes[count..];
                }
                Err(error) => self.unless_ended(&error)?,
            }
        }
        Some(())
    }

    /// The name of the next command, in capitals.
    fn next_command(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((name, length)) = parse(&self.heard) {
                self.heard.drain(..length);
                return Some(name);
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => None,
            Ok(count) => {
                self.heard.extend_from_slice(&buffer[..count]);
                Some(())
            }
            Err(error) => self.unless_ended(&error),
        }
    }

    fn unless_ended(&self, error: &std::io::Error) -> Option<()> {
        let waits =
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted);
        (waits && !self.shared.ended.load(Ordering::SeqCst)).then_some(())
    }
}

/// The first command and its length, once it is complete; newlines between commands are a replica's keepalives.
fn parse(heard: &[u8]) -> Option<(Vec<u8>, usize)> {
    let blanks = heard.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (count, mut at) = header(heard, blanks)?;
    let mut name = Vec::new();
    for number in 0..count {
        let (length, start) = header(heard, at)?;
        let arg = heard.get(start..start + length)?;
        heard.get(start + length..start + length + 2)?;
        if number == 0 {
            name = arg.to_ascii_uppercase();
        }
        at = start + length + 2;
    }
    Some((name, at))
}

/// The number of a line `*n` or `$n` at an offset, and the offset behind it.
fn header(heard: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = heard.get(at + 1..)?;
    let end = line.iter().position(|byte| *byte == b'\n')?;
    let digits = std::str::from_utf8(&line[..end]).ok()?.trim_end();
    Some((digits.parse().ok()?, at + 1 + end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, Value, cmd};

    #[test]
    fn commands_are_read_one_by_one() {
        let heard = b"\n*2\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n*1\r\n$4\r\nping\r\n*1\r\n$4\r\nPI";
        assert_eq!(parse(heard), Some((b"PSYNC".to_vec(), 23)));
        assert_eq!(parse(&heard[23..]), Some((b"PING".to_vec(), 14)));
        assert_eq!(parse(&heard[37..]), None);
    }

    #[test]
    fn scripts_are_played_in_order_and_the_last_one_again() {
        let source = FakeSource::start_with(vec![
            Play::new().answer_until("GET").send("$1\r\nx\r\n").close(),
            Play::new().answer_all(),
        ]);
        let mut first = Client::connect(source.address()).expect("it listens");
        assert_eq!(first.text(cmd!("PING")), "PONG");
        assert_eq!(first.text(cmd!("GET", "k")), "x");
        assert!(first.call(cmd!("PING")).is_err(), "it has closed");
        for _ in 0..2 {
            let mut next = Client::connect(source.address()).expect("it listens");
            assert!(matches!(next.call(cmd!("GET", "k")), Ok(Value::Bytes(_))));
        }
        assert_eq!(source.accepted(), 3);
    }

    #[test]
    fn a_flood_ends_at_its_limit() {
        let source = FakeSource::start(Play::new().repeat("+OK\r\n", 1_000_000).stall());
        let mut client = Client::connect(source.address()).expect("it listens");
        for _ in 0..200_000 {
            client.receive().expect("a status");
        }
        assert_eq!(source.sent(), 1_000_000);
    }
}
