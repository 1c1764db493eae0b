//! Two channels without sockets: what each connection sends and expects, cut and split anywhere.

use std::time::{Duration, Instant};

use redis_replica::{Config, Connection, Credentials, DualChannel, Error, Event, Retry, State, rdb};

use crate::common::{MARK, REPLID, Wrapping, command, commands, parse_all, snapshot, wrap};

const HELD_MAX: usize = 1 << 20;

fn config() -> Config {
    Config { dual_channel: DualChannel::Announced { held_bytes_max: HELD_MAX }, ..Config::default() }
}

struct Pair {
    connection: Connection,
    told: Vec<String>,
    failure: Option<Error>,
    now: Instant,
}

impl Pair {
    fn new(config: Config) -> Self {
        let now = Instant::now();
        Pair { connection: Connection::new(config, now), told: Vec::new(), failure: None, now }
    }

    /// Up to the answer to PSYNC; the source has answered with `reply`.
    fn asked(config: Config, reply: &str) -> Self {
        let mut pair = Pair::new(config);
        while !pair.sent().last().unwrap().starts_with("PSYNC") {
            pair.main(b"+OK\r\n");
        }
        pair.main(format!("{reply}\r\n").as_bytes());
        pair
    }

    fn sent(&mut self) -> Vec<String> {
        let bytes = self.connection.poll_transmit().unwrap_or_default().to_vec();
        self.connection.transmitted(bytes.len());
        parse_all(&bytes)
    }

    fn sent_beside(&mut self) -> Vec<String> {
        let bytes = self.connection.poll_channel_transmit().unwrap_or_default().to_vec();
        self.connection.channel_transmitted(bytes.len());
        parse_all(&bytes)
    }

    fn main(&mut self, bytes: &[u8]) {
        self.connection.receive(bytes, self.now);
        self.poll();
    }

    fn beside(&mut self, bytes: &[u8]) {
        self.connection.receive_channel(bytes, self.now);
        self.poll();
    }

    fn poll(&mut self) {
        loop {
            let told = match self.connection.poll_event() {
                Ok(Some(Event::FullResync { offset, .. })) => format!("start {offset}"),
                Ok(Some(Event::Snapshot(rdb::Item::Entry(entry)))) => {
                    format!("key {}", entry.key.escape_ascii())
                }
                Ok(Some(Event::SnapshotEnd { offset, db, .. })) => format!("live {offset} {db}"),
                Ok(Some(Event::Command(command))) => format!("{} {:?}", command.db, command.view),
                Ok(Some(_)) => continue,
                Ok(None) => return,
                Err(error) => {
                    self.failure = Some(error);
                    return;
                }
            };
            self.told.push(told);
        }
    }
}

const ENDOFF: &str = "$ENDOFF:100 0123456789abcdef0123456789abcdef01234567 -1 77\r\n";

fn body() -> Vec<u8> {
    wrap(&snapshot(&[("k", "v")], &[("repl-stream-db", "4")]), Wrapping::Mark)
}

fn expected() -> Vec<String> {
    ["start 100", "key k", "live 100 4", "4 [\"SET\", \"a\", \"1\"]", "6 [\"SET\", \"b\", \"2\"]"]
        .map(String::from)
        .to_vec()
}

fn stream() -> Vec<u8> {
    commands(&["SET a 1", "SELECT 6", "SET b 2"])
}

#[test]
fn it_is_announced_only_when_asked_for() {
    let mut plain = Pair::new(Config::default());
    let mut asked = Vec::new();
    while !plain.connection.poll_transmit().unwrap_or_default().windows(5).any(|word| word == b"PSYNC") {
        asked.extend(plain.sent());
        plain.main(b"+OK\r\n");
    }
    assert!(asked.iter().all(|request| !request.contains("channel")), "{asked:?}");
    let refused = Pair::asked(Config::default(), "+DUALCHANNELSYNC");
    assert_eq!(refused.failure, Some(Error::UnexpectedReply { step: "PSYNC" }));
    assert!(!refused.connection.wants_channel());
}

#[test]
fn valkeys_dialect_is_spoken_on_both() {
    let credentials = Some(Credentials::user("u", "p"));
    let mut pair = Pair::asked(Config { credentials, ..config() }, "+DUALCHANNELSYNC");
    assert!(pair.connection.wants_channel());
    assert_eq!(pair.sent_beside(), [""; 0], "nothing before it is connected");
    pair.connection.channel_opened(pair.now);
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.extend(pair.sent_beside());
        pair.beside(b"+OK\r\n");
    }
    asked.extend(pair.sent_beside());
    assert_eq!(
        asked,
        [
            "AUTH u p",
            "REPLCONF capa eof",
            "REPLCONF version 9.1.0",
            "REPLCONF rdb-only 1",
            "REPLCONF rdb-channel 1",
            "SYNC"
        ]
    );
    pair.beside(b"\n");
    pair.beside(ENDOFF.as_bytes());
    assert_eq!(pair.sent(), ["REPLCONF set-rdb-client-id 77"]);
    pair.beside(&body());
    pair.main(b"+OK\r\n");
    assert_eq!(pair.sent(), [format!("PSYNC {REPLID} 101")]);
    assert_eq!(pair.told, ["start 100", "key k"], "the stream is not there yet");
    pair.main(&[format!("+CONTINUE {REPLID}\r\n").as_bytes(), &stream()].concat());
    assert_eq!((pair.failure.clone(), &pair.told), (None, &expected()));
    assert!(!pair.connection.wants_channel());
    assert_eq!(pair.sent(), ["REPLCONF ACK 0"]);
}

#[test]
fn redis_dialect_is_spoken_on_both() {
    let mut pair = Pair::asked(config(), "+RDBCHANNELSYNC 42");
    pair.connection.channel_opened(pair.now);
    let mut asked = pair.sent_beside();
    for _ in 0..2 {
        pair.beside(b"+OK\r\n");
        asked.extend(pair.sent_beside());
    }
    assert_eq!(asked, ["REPLCONF capa eof", "REPLCONF rdb-channel 1 main-ch-client-id 42", "PSYNC ? -1"]);
    pair.main(&stream()[..20]);
    pair.beside(&[format!("+FULLRESYNC {REPLID} 100\r\n").as_bytes(), &body()].concat());
    pair.main(&stream()[20..]);
    assert_eq!((pair.failure.clone(), &pair.told), (None, &expected()));
}

/// Whatever arrives when, in whatever pieces: the same is told.
#[test]
fn bytes_may_come_in_any_order_of_the_two() {
    let main = [format!("+CONTINUE {REPLID}\r\n").as_bytes(), &stream()].concat();
    let beside = [ENDOFF.as_bytes(), &body()].concat();
    for split in 0..beside.len() {
        for chunk in [1, 7, 1000] {
            let mut pair = Pair::asked(config(), "+DUALCHANNELSYNC");
            pair.connection.channel_opened(pair.now);
            (0..4).for_each(|_| pair.beside(b"+OK\r\n"));
            beside[..split].chunks(chunk).for_each(|part| pair.beside(part));
            if split >= ENDOFF.len() {
                pair.main(b"+OK\r\n");
                main.chunks(chunk).for_each(|part| pair.main(part));
            }
            beside[split..].chunks(chunk).for_each(|part| pair.beside(part));
            if split < ENDOFF.len() {
                pair.main(b"+OK\r\n");
                main.chunks(chunk).for_each(|part| pair.main(part));
            }
            assert_eq!((pair.failure.clone(), &pair.told), (None, &expected()), "{split} {chunk}");
        }
    }
}

#[test]
fn the_stream_is_held_up_to_a_limit() {
    let mut pair = Pair::asked(
        Config { dual_channel: DualChannel::Announced { held_bytes_max: 1000 }, ..Config::default() },
        "+RDBCHANNELSYNC 42",
    );
    pair.connection.channel_opened(pair.now);
    pair.main(&vec![b'x'; 1000]);
    assert_eq!(pair.failure, None);
    pair.main(b"x");
    let full = Error::HeldStreamFull { limit: 1000 };
    assert_eq!((pair.failure.clone(), full.retry()), (Some(full), Retry::NeedsUser));
}

#[test]
fn refusals_have_names() {
    let cases: [(&str, &[&str], Error); 6] = [
        (
            "+DUALCHANNELSYNC",
            &["+OK", "+OK", "-ERR Unrecognized"],
            Error::DualChannelRefused { step: "REPLCONF" },
        ),
        ("+DUALCHANNELSYNC", &["+OK", "+OK", "+OK", "+OK", "-LOADING x"], Error::Loading),
        ("+DUALCHANNELSYNC", &["+OK", "+OK", "+OK", "+OK", "$ENDOFF:x"], Error::InvalidDualChannel),
        (
            "+RDBCHANNELSYNC 1",
            &["+OK", "-ERR Unrecognized RDB client id: 1"],
            Error::DualChannelRefused { step: "REPLCONF" },
        ),
        ("+RDBCHANNELSYNC 1", &["+OK", "+OK", "+CONTINUE"], Error::DualChannelRefused { step: "PSYNC" }),
        ("+RDBCHANNELSYNC x", &[], Error::InvalidDualChannel),
    ];
    for (reply, beside, error) in cases {
        let mut pair = Pair::asked(config(), reply);
        pair.connection.channel_opened(pair.now);
        beside.iter().for_each(|line| pair.beside(format!("{line}\r\n").as_bytes()));
        assert_eq!(pair.failure, Some(error), "{reply} {beside:?}");
        assert_eq!(pair.connection.state(), State::Failed);
    }
}

/// A chatty first connection must not hide that the second is dead.
#[test]
fn silence_is_judged_by_the_channel_with_the_snapshot() {
    let mut pair = Pair::asked(config(), "+RDBCHANNELSYNC 42");
    pair.connection.channel_opened(pair.now);
    for _ in 0..70 {
        pair.now += Duration::from_secs(1);
        pair.main(&command("PING"));
        pair.connection.handle_timeout(pair.now);
        pair.poll();
    }
    assert_eq!(pair.failure, Some(Error::Silence));
    assert_eq!(MARK.len(), 40);
}
