//! A synchronization over two connections, in both dialects: what arrives on which of them first changes nothing, and the
//! stream that was held back can be resumed between any two of its commands.

use std::time::Instant;

use redis_replica::{AckPolicy, Config, Connection, DualChannel, Error, Position};

use super::link::{BUFFER_BYTES, Trace, class, commands_in, follow, limits};
use super::pieces::Pieces;

/// Replies to PING and five times REPLCONF.
const REPLIES: &[u8] = b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n";

/// What a source says on one connection and on the other.
struct Said {
    main: Vec<u8>,
    beside: Vec<u8>,
}

pub fn check(data: &[u8]) {
    let [choice, seed, rest @ ..] = data else { return };
    let Some(said) = said(*choice, rest) else { return };
    let config = config(*choice);
    let whole = follow_both(&config, &said, 0, Turns::MainFirst);
    for turns in [Turns::BesideFirst, Turns::Alternating] {
        for cut in [0, 1, *seed] {
            assert_alike(&follow_both(&config, &said, cut, turns), &whole);
        }
    }
    check_resumed(&config, &whole, &said, usize::from(*seed));
}

/// Two bytes say how much of the rest comes on the first connection.
fn said(choice: u8, data: &[u8]) -> Option<Said> {
    let [high, low, bytes @ ..] = data else { return None };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    let (main, beside) = bytes.split_at(len % (bytes.len() + 1));
    let (announced, agreed): (&[u8], &[u8]) = match choice & 1 {
        0 => (b"+DUALCHANNELSYNC\r\n", b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n"),
        _ => (b"+RDBCHANNELSYNC 42\r\n", b"+OK\r\n+OK\r\n"),
    };
    let agreed = if choice & 2 == 0 { agreed } else { b"" };
    Some(Said { main: [REPLIES, announced, main].concat(), beside: [agreed, beside].concat() })
}

fn config(choice: u8) -> Config {
    let ack = if choice & 4 != 0 { AckPolicy::Exact } else { AckPolicy::BehindByOne };
    let held_bytes_max = if choice & 8 != 0 { 200 } else { BUFFER_BYTES };
    Config {
        ack,
        dual_channel: DualChannel::Announced { held_bytes_max },
        limits: limits(),
        ..Config::default()
    }
}

/// Which connection is read when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    MainFirst,
    BesideFirst,
    Alternating,
}

/// What is left to arrive.
struct Feed<'a> {
    main: Pieces<'a>,
    beside: Pieces<'a>,
    turns: Turns,
    is_mains_turn: bool,
}

enum Arrived<'a> {
    Main(&'a [u8]),
    Beside(&'a [u8]),
}

impl<'a> Feed<'a> {
    fn new(said: &'a Said, seed: u8, turns: Turns) -> Self {
        let (main, beside) = (Pieces::new(&said.main, seed), Pieces::new(&said.beside, seed));
        Feed { main, beside, turns, is_mains_turn: true }
    }

    /// The next bytes. Nothing arrives on a connection that isn't there.
    fn next(&mut self, connection: &Connection) -> Option<Arrived<'a>> {
        self.is_mains_turn = match self.turns {
            Turns::MainFirst => true,
            Turns::BesideFirst => false,
            Turns::Alternating => !self.is_mains_turn,
        };
        if !connection.wants_channel() {
            return self.main.next().map(Arrived::Main);
        }
        match self.is_mains_turn {
            true => self.main.next().map(Arrived::Main).or_else(|| self.beside.next().map(Arrived::Beside)),
            false => self.beside.next().map(Arrived::Beside).or_else(|| self.main.next().map(Arrived::Main)),
        }
    }
}

/// Feeds both connections until there is no more on either.
fn follow_both(config: &Config, said: &Said, seed: u8, turns: Turns) -> Trace {
    let now = Instant::now();
    let mut connection = Connection::new(config.clone(), now);
    let (mut trace, mut feed) = (Trace::default(), Feed::new(said, seed, turns));
    let (mut fed, mut is_open, mut asked_beside) = (0, false, Vec::new());
    trace.send(&mut connection);
    while let Some(arrived) = feed.next(&connection) {
        match arrived {
            Arrived::Beside(piece) => connection.receive_channel(piece, now),
            Arrived::Main(piece) => {
                connection.receive(piece, now);
                fed += piece.len();
            }
        }
        while trace.failure.is_none() && trace.take(&mut connection, fed) {}
        assert!(connection.buffered() <= 2 * BUFFER_BYTES);
        if trace.failure.is_some() {
            trace.check_failed(&mut connection);
            assert!(connection.poll_channel_transmit().is_none() && !connection.wants_channel());
            break;
        }
        trace.check_offset(&connection, fed);
        trace.send(&mut connection);
        if connection.wants_channel() && !is_open {
            connection.channel_opened(now);
            is_open = true;
        }
        send_beside(&mut connection, &mut asked_beside);
    }
    assert_requests(&asked_beside);
    trace
}

fn send_beside(connection: &mut Connection, asked: &mut Vec<String>) {
    while let Some(bytes) = connection.poll_channel_transmit() {
        let words = |command: Vec<Vec<u8>>| String::from_utf8_lossy(&command.join(&b' ')).into_owned();
        asked.extend(commands_in(bytes).into_iter().map(words));
        let len = bytes.len();
        connection.channel_transmitted(len);
    }
}

/// Each request of one of the dialects at most once, in order, then only keepalives.
fn assert_requests(asked: &[String]) {
    let valkey = [
        "REPLCONF capa eof",
        "REPLCONF version 9.1.0",
        "REPLCONF rdb-only 1",
        "REPLCONF rdb-channel 1",
        "SYNC",
    ];
    let redis = ["REPLCONF capa eof", "REPLCONF rdb-channel 1 main-ch-client-id 42", "PSYNC ? -1"];
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    assert!(valkey.starts_with(&asked) || redis.starts_with(&asked), "{asked:?}");
}

/// Whichever connection was read first, and in whatever pieces. Of two failures either may be found first.
fn assert_alike(trace: &Trace, whole: &Trace) {
    let common = trace.told.len().min(whole.told.len());
    assert_eq!(trace.told[..common], whole.told[..common], "the order of arrival changes nothing");
    let is_held_too_long = |trace: &Trace| matches!(trace.failure, Some(Error::HeldStreamFull { .. }));
    match (&trace.failure, &whole.failure) {
        (None, None) => assert_eq!((trace.told.len(), trace.start), (whole.told.len(), whole.start)),
        (Some(_), Some(_)) => {}
        _ if is_held_too_long(trace) || is_held_too_long(whole) => {}
        _ => assert!(
            trace.foresees(whole) || whole.foresees(trace),
            "{:?} and {:?}",
            trace.failure,
            whole.failure
        ),
    }
}

fn check_resumed(config: &Config, whole: &Trace, said: &Said, which: usize) {
    let (Some(start), false) = (whole.start, whole.positions.is_empty()) else { return };
    let (told_before, position): (usize, Position) = whole.positions[which % whole.positions.len()];
    let from = start.at + (position.offset - start.offset) as usize;
    let rest = [REPLIES, b"+CONTINUE\r\n", &said.main[from..]].concat();
    let resumed = follow(Config { resume: Some(position), ..config.clone() }, &rest, 0);
    assert_eq!(resumed.told[1..], whole.told[told_before..], "resumed at {position:?}");
    assert_eq!(resumed.failure.as_ref().map(class), whole.failure.as_ref().map(class));
}
