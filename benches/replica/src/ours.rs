//! redis-replica: a connection that is fed from memory or from a socket.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use redis_replica::rdb::Item;
use redis_replica::{Config, Connection, Event, Position};

use crate::source::{Play, REPLID};
use crate::{Reading, timed};

/// What one read of a socket gives.
const READ_BYTES: usize = 64 << 10;

/// Commands and keys.
#[derive(Default)]
struct Count {
    commands: u64,
    keys: u64,
    snapshot_ended: bool,
}

impl Count {
    fn take(&mut self, connection: &mut Connection) {
        while let Some(event) = connection.poll_event().expect("the source sends what is right") {
            match event {
                Event::Command(command) => {
                    black_box(command.view.get(2));
                    self.commands += 1;
                }
                Event::Snapshot(Item::Entry(entry)) => {
                    black_box(&entry.object);
                    self.keys += 1;
                }
                Event::Snapshot(Item::Rejected(rejected)) => panic!("refused: {}", rejected.defect),
                Event::SnapshotEnd { .. } => self.snapshot_ended = true,
                _ => {}
            }
        }
    }
}

fn config(play: &Play) -> Config {
    let replid = REPLID.parse().expect("40 digits");
    let resume = (!play.is_snapshot()).then_some(Position { replid, offset: 0, db: 0 });
    Config { resume, ..Config::default() }
}

/// A connection that has been answered up to where the payload begins.
fn prepared(play: &Play) -> (Connection, Count) {
    let now = Instant::now();
    let mut connection = Connection::new(config(play), now);
    connection.receive(b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n", now);
    connection.receive(play.reply(), now);
    let mut count = Count::default();
    count.take(&mut connection);
    (connection, count)
}

fn feed(play: &Play) -> Count {
    let (mut connection, mut count) = prepared(play);
    let now = Instant::now();
    for read in play.payload().chunks(READ_BYTES) {
        connection.receive(read, now);
        count.take(&mut connection);
    }
    count
}

pub fn stream(play: &Play) -> Reading {
    timed(|| feed(play).commands)
}

pub fn snapshot(play: &Play) -> Reading {
    timed(|| {
        let count = feed(play);
        assert!(count.snapshot_ended);
        count.keys
    })
}

pub fn socket(play: &Play) -> Reading {
    play.play_to(|address| {
        let mut socket = TcpStream::connect(address).expect("the source listens");
        let mut chunk = vec![0; READ_BYTES];
        timed(|| {
            let mut connection = Connection::new(config(play), Instant::now());
            let mut count = Count::default();
            loop {
                while let Some(bytes) = connection.poll_transmit() {
                    let sent = socket.write(bytes).expect("the source reads");
                    connection.transmitted(sent);
                }
                let len = socket.read(&mut chunk).expect("the source sends");
                if len == 0 || play.is_snapshot() && count.snapshot_ended {
                    break;
                }
                connection.receive(&chunk[..len], Instant::now());
                count.take(&mut connection);
            }
            if play.is_snapshot() { count.keys } else { count.commands }
        })
    })
}
