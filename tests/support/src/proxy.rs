use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long one write may wait for a peer that doesn't read, and then how long the others have the lock.
const WRITE_PATIENCE: Duration = Duration::from_millis(2);

/// Which way bytes flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From who connected to the server behind the proxy.
    ToServer,
    /// From the server behind the proxy to who connected.
    FromServer,
}

/// How much of what is there goes on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Full,
    OneByte,
    Stalled,
}

/// One direction's faults and its count.
#[derive(Debug)]
struct Lane {
    forwarded: u64,
    cut_at: Option<u64>,
    pace: Pace,
}

#[derive(Debug)]
struct State {
    lanes: [Lane; 2],
    refusing: bool,
    closed: bool,
    accepted: u64,
    cuts: u64,
    // By their number; a connection that isn't here has ended.
    connections: HashMap<u64, [TcpStream; 2]>,
    target: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A TCP proxy that does to a link what networks do: cuts it at an exact byte, stalls it, sends bytes one by
/// one, refuses connections. Everything can be changed while connections are open; bytes are counted over all
/// connections, each direction by itself.
///
/// A cut delivers every byte before it, then ends the connection on both sides.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// Listens on a free port and connects whoever comes to `target`.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn new(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.unwrap_or_else(|error| panic!("proxy: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("proxy: {error}"));
        let shared = Arc::new(Shared { state: Mutex::new(State::new(target)), changed: Condvar::new() });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || acceptor.accept(&listener));
        Proxy { shared, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address in the form MIRROR.CREATE takes.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Cuts every open connection now.
    pub fn cut(&self) {
        self.shared.change(State::cut);
    }

    /// Cuts all connections as soon as `bytes` more have passed in a direction; once.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.shared.change(|state| {
            let lane = &mut state.lanes[direction as usize];
            lane.cut_at = Some(lane.forwarded + bytes);
            state.cut_where_due();
        });
    }

    /// Lets nothing pass in a direction, with the connections open.
    pub fn stall(&self, direction: Direction) {
        self.set_pace(direction, Pace::Stalled);
    }

    /// Sends every byte of a direction in a segment of its own.
    pub fn trickle(&self, direction: Direction) {
        self.set_pace(direction, Pace::OneByte);
    }

    /// Ends stalls and trickles of a direction.
    pub fn flow(&self, direction: Direction) {
        self.set_pace(direction, Pace::Full);
    }

    fn set_pace(&self, direction: Direction, pace: Pace) {
        self.shared.change(|state| state.lanes[direction as usize].pace = pace);
    }

    /// Ends new connections as soon as they are made; open ones stay.
    pub fn refuse(&self) {
        self.shared.change(|state| state.refusing = true);
    }

    /// Takes connections again.
    pub fn accept(&self) {
        self.shared.change(|state| state.refusing = false);
    }

    /// Connects from now on to another server; open connections stay.
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.change(|state| state.target = target);
    }

    /// How many bytes have passed in a direction, over all connections.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.shared.lock().lanes[direction as usize].forwarded
    }

    /// How many connections have been accepted, refused ones aside.
    pub fn connections(&self) -> u64 {
        self.shared.lock().accepted
    }

    /// How many times connections were cut, by [`Proxy::cut`] or [`Proxy::cut_after`].
    pub fn cuts(&self) -> u64 {
        self.shared.lock().cuts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.closed = true;
            state.cut();
        });
        // Wakes the acceptor, which then sees that it is closed. It may have ended already.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl State {
    fn new(target: SocketAddr) -> Self {
        let lane = || Lane { forwarded: 0, cut_at: None, pace: Pace::Full };
        State {
            lanes: [lane(), lane()],
            refusing: false,
            closed: false,
            accepted: 0,
            cuts: 0,
            connections: HashMap::new(),
            target,
        }
    }

    /// Both sockets of a connection end in both directions: their pumps see it and leave.
    fn cut(&mut self) {
        self.cuts += u64::from(!self.connections.is_empty());
        for socket in self.connections.drain().flat_map(|(_, pair)| pair) {
            // It may have been closed by its peer before.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn cut_where_due(&mut self) {
        let due = |lane: &Lane| lane.cut_at.is_some_and(|at| lane.forwarded >= at);
        if self.lanes.iter().any(due) {
            self.lanes.iter_mut().filter(|lane| due(lane)).for_each(|lane| lane.cut_at = None);
            self.cut();
        }
    }
}

impl Lane {
    /// How many of `ready` bytes may go now.
    fn allowed(&self, ready: usize) -> usize {
        let before_cut = self.cut_at.map_or(u64::MAX, |at| at.saturating_sub(self.forwarded));
        let ready = ready.min(usize::try_from(before_cut).unwrap_or(usize::MAX));
        match self.pace {
            Pace::Full => ready,
            Pace::OneByte => ready.min(1),
            Pace::Stalled => 0,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            let (closed, refusing, target) = {
                let state = self.lock();
                (state.closed, state.refusing, state.target)
            };
            if closed {
                return;
            }
            if refusing {
                continue;
            }
            // A server that is down looks like a connection that ends at once.
            if let Ok(server) = TcpStream::connect_timeout(&target, Duration::from_secs(5)) {
                // Nothing is left to tell when a socket breaks this early: who connected sees it end.
                let _ = self.connect(client, server);
            }
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream, server: TcpStream) -> std::io::Result<()> {
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_write_timeout(Some(WRITE_PATIENCE))?;
        }
        let pair = [client.try_clone()?, server.try_clone()?];
        let back = [server.try_clone()?, client.try_clone()?];
        let mut state = self.lock();
        state.accepted += 1;
        let number = state.accepted;
        state.connections.insert(number, pair);
        drop(state);
        self.pump(number, [client, server], Direction::ToServer);
        self.pump(number, back, Direction::FromServer);
        Ok(())
    }

    fn pump(self: &Arc<Self>, number: u64, [mut from, mut to]: [TcpStream; 2], direction: Direction) {
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Some(bytes) = read_some(&mut from, &mut buffer) {
                if !shared.forward(number, &mut to, bytes, direction) {
                    break;
                }
            }
            shared.end(number);
        });
    }

    /// Writes under the lock, so that a byte is counted if and only if it was sent, and a cut falls exactly.
    /// A peer that doesn't read would hold the lock: what it takes is asked without blocking.
    fn forward(&self, number: u64, to: &mut TcpStream, mut bytes: &[u8], direction: Direction) -> bool {
        while !bytes.is_empty() {
            let mut state = self.lock();
            if !state.connections.contains_key(&number) {
                return false;
            }
            let allowed = state.lanes[direction as usize].allowed(bytes.len());
            if allowed == 0 {
                drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            let Ok(sent) = write_some(to, &bytes[..allowed]) else { return false };
            state.lanes[direction as usize].forwarded += sent as u64;
            state.cut_where_due();
            drop(state);
            self.changed.notify_all();
            bytes = &bytes[sent..];
            if sent == 0 {
                thread::sleep(WRITE_PATIENCE);
            }
        }
        true
    }

    /// Ends a connection on both sides; its other pump leaves too.
    fn end(&self, number: u64) {
        self.change(|state| {
            for socket in state.connections.remove(&number).into_iter().flatten() {
                // It may have been closed by its peer before.
                let _ = socket.shutdown(Shutdown::Both);
            }
        });
    }
}

fn read_some<'a>(from: &mut TcpStream, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    loop {
        match from.read(buffer) {
            Ok(0) => return None,
            Ok(count) => return Some(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// What the socket takes now; 0 when its buffer is full.
fn write_some(to: &mut TcpStream, bytes: &[u8]) -> std::io::Result<usize> {
    match to.write(bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(0),
        outcome => outcome,
    }
}
