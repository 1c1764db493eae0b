//! A synchronization over two connections, in both dialects, of which one is cut at each of its bytes: the link after it
//! is cut on the other one, and the third ends with what the source has, each command once, in order, in its database.

use std::time::Instant;

use redis_replica::{Config, Connection, Credentials, DualChannel};

use super::common::{Wrapping, parse_all};
use super::every_type;
use super::history::Source;
use super::replica::{Replica, sent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Valkey,
    Redis,
}

impl Dialect {
    /// A source that makes such snapshots.
    fn source(self) -> Source {
        let mut source = Source::new(self.content(), u64::MAX);
        (0..10).for_each(|_| source.write());
        source
    }

    fn content(self) -> Wrapping {
        if self == Dialect::Valkey { Wrapping::Mark } else { Wrapping::Length }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Main,
    Beside,
}

/// How one link goes.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// The bytes of this channel end after so many; the other one goes with it.
    cut: Option<(Channel, usize)>,
    /// How many bytes a read brings, of either channel.
    read_bytes: [usize; 2],
}

/// How often the source writes during a link that isn't cut before.
const WRITES: u32 = 24;

/// One link's view of the source, over both connections.
#[derive(Default)]
struct Serving {
    /// How much of the history was sent; None before its stream has begun.
    sent: Option<u64>,
    /// What is on its way, and how much has arrived.
    main: Vec<u8>,
    beside: Vec<u8>,
    arrived: [usize; 2],
    written: u32,
    rounds: u32,
}

impl Serving {
    fn answer_main(&mut self, dialect: Dialect, source: &Source, request: &str) {
        let words: Vec<&str> = request.split(' ').collect();
        let answer = match words[..] {
            ["REPLCONF", "ACK", _] => String::new(),
            ["PING"] => "+PONG\r\n".into(),
            ["REPLCONF", "version", _] => "-ERR Unrecognized REPLCONF option: version\r\n".into(),
            ["PSYNC", id, next] => match next.parse().ok().filter(|next| source.continues(id, *next)) {
                Some(next) => {
                    self.sent = Some(next - 1);
                    format!("+CONTINUE {}\r\n", source.replid())
                }
                None if dialect == Dialect::Valkey => "+DUALCHANNELSYNC\r\n".into(),
                None => "+RDBCHANNELSYNC 42\r\n".into(),
            },
            _ => "+OK\r\n".into(),
        };
        self.main.extend(answer.into_bytes());
    }

    fn answer_beside(&mut self, source: &mut Source, request: &str) {
        let (end, id) = (source.end(), source.replid());
        let answer = match request {
            "SYNC" => format!("\n$ENDOFF:{end} {id} -1 77\r\n\n"),
            "PSYNC ? -1" => {
                // The stream is sent from here on, while the snapshot is.
                self.sent = Some(end);
                format!("\n+FULLRESYNC {id} {end}\r\n\n")
            }
            _ => return self.beside.extend(b"+OK\r\n"),
        };
        self.beside.extend(answer.into_bytes());
        self.beside.extend(source.snapshot(Wrapping::Mark));
    }

    /// Writes now and then while bytes are on their way, and else whenever nothing is; false if that was all.
    fn go_on(&mut self, source: &mut Source) -> bool {
        self.rounds += 1;
        let is_idle = self.main.is_empty() && self.beside.is_empty();
        if self.written < WRITES && (is_idle || self.rounds.is_multiple_of(4)) {
            self.written += 1;
            source.write();
        }
        if let Some(sent) = &mut self.sent {
            self.main.extend(source.stream_from(*sent));
            *sent = source.end();
        }
        !self.main.is_empty() || !self.beside.is_empty() || self.written < WRITES
    }

    /// The next read of a channel; None when it is cut there.
    fn read(&mut self, channel: Channel, link: Link) -> Option<Vec<u8>> {
        let waiting = if channel == Channel::Main { &mut self.main } else { &mut self.beside };
        let arrived = &mut self.arrived[channel as usize];
        let left = match link.cut {
            Some((cut, at)) if cut == channel => at - *arrived,
            _ => usize::MAX,
        };
        if left == 0 {
            return None;
        }
        let read: Vec<u8> =
            waiting.drain(..waiting.len().min(left).min(link.read_bytes[channel as usize])).collect();
        *arrived += read.len();
        Some(read)
    }
}

/// Follows the source until the link is cut or the source has nothing more to say. Returns how many bytes arrived.
fn follow(dialect: Dialect, source: &mut Source, replica: &mut Replica, link: Link) -> [usize; 2] {
    let now = Instant::now();
    let config = Config {
        credentials: Some(Credentials::user("mirror", "secret")),
        resume: replica.position,
        dual_channel: DualChannel::Announced { held_bytes_max: 1 << 20 },
        ..Config::default()
    };
    let (mut connection, mut serving, mut is_open) =
        (Connection::new(config, now), Serving::default(), false);
    replica.link_begins();
    loop {
        for request in parse_all(&sent(&mut connection)) {
            serving.answer_main(dialect, source, &request);
        }
        for request in parse_all(&sent_beside(&mut connection)) {
            serving.answer_beside(source, &request);
        }
        if !serving.go_on(source) {
            return serving.arrived;
        }
        let Some(read) = serving.read(Channel::Main, link) else { return serving.arrived };
        connection.receive(&read, now);
        take_all(&mut connection, replica);
        if connection.wants_channel() {
            if !std::mem::replace(&mut is_open, true) {
                connection.channel_opened(now);
            }
            let Some(read) = serving.read(Channel::Beside, link) else { return serving.arrived };
            connection.receive_channel(&read, now);
            take_all(&mut connection, replica);
        }
    }
}

fn take_all(connection: &mut Connection, replica: &mut Replica) {
    while let Some(event) = connection.poll_event().unwrap() {
        replica.take(event);
        connection.set_applied(replica.position.map_or(0, |position| position.offset));
    }
}

fn sent_beside(connection: &mut Connection) -> Vec<u8> {
    let bytes = connection.poll_channel_transmit().unwrap_or_default().to_vec();
    connection.channel_transmitted(bytes.len());
    bytes
}

/// What a run of links came to.
#[derive(Debug, Default)]
struct Tally {
    cuts: u32,
    full_resyncs: u32,
    continuations: u32,
}

/// Three links, the first two of them cut.
fn check(dialect: Dialect, links: [Link; 2], tally: &mut Tally) {
    let (mut source, mut replica) = (dialect.source(), Replica::default());
    for link in links {
        let arrived = follow(dialect, &mut source, &mut replica, link);
        tally.cuts += u32::from(link.cut.is_some_and(|(channel, at)| arrived[channel as usize] == at));
        (0..3).for_each(|_| source.write());
    }
    follow(dialect, &mut source, &mut replica, Link { cut: None, read_bytes: [usize::MAX; 2] });
    let at = format!("{dialect:?}, {links:?}");
    assert_eq!(replica.logs, source.logs, "{at}");
    assert_eq!(replica.position, Some(source.position()), "{at}");
    assert_eq!(replica.others, every_type::values_in(dialect.content()), "{at}");
    tally.full_resyncs += replica.full_resyncs;
    tally.continuations += replica.continuations;
}

/// Reads of either channel in three rhythms: the snapshot slower than the stream, the stream slower, and both by much.
const RHYTHMS: [[usize; 2]; 3] = [[97, 7], [3, 997], [61, 61]];

/// Cuts one channel at each of its bytes, and the other one wherever that leads to.
fn cut_everywhere(dialect: Dialect) -> Tally {
    let mut tally = Tally::default();
    for read_bytes in RHYTHMS {
        let uncut = Link { cut: None, read_bytes };
        let bytes = follow(dialect, &mut dialect.source(), &mut Replica::default(), uncut);
        for (channel, other) in [(Channel::Main, Channel::Beside), (Channel::Beside, Channel::Main)] {
            for first in 0..bytes[channel as usize] {
                let second = first * 7919 % bytes[other as usize];
                let cuts = [(channel, first), (other, second)];
                check(dialect, cuts.map(|cut| Link { cut: Some(cut), read_bytes }), &mut tally);
            }
        }
    }
    println!("{dialect:?}: {tally:?}");
    tally
}

#[test]
fn either_of_valkeys_channels_can_be_cut_at_every_byte() {
    let tally = cut_everywhere(Dialect::Valkey);
    assert!(tally.cuts >= 10_000 && tally.continuations >= 2_000 && tally.full_resyncs >= 5_000, "{tally:?}");
}

#[test]
fn either_of_redis_channels_can_be_cut_at_every_byte() {
    let tally = cut_everywhere(Dialect::Redis);
    assert!(tally.cuts >= 10_000 && tally.continuations >= 2_000 && tally.full_resyncs >= 5_000, "{tally:?}");
}
