//! Measures the command parser, and the whole connection, on a stream of small commands.
//!
//! ```text
//! cargo run --release -p redis-replica --example parse_speed
//! ```

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use redis_replica::resp::{CommandParser, Limits, Parsed, encode_command};
use redis_replica::{Config, Connection, Event, Position};

const COMMANDS: usize = 1_000_000;
const ROUNDS: usize = 7;
/// What one read of a socket gives.
const READ_BYTES: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    for value_bytes in [8, 64, 1024] {
        let stream = sets(value_bytes);
        let parser = best(|| parse(&stream))?;
        let connection = best(|| follow(&stream))?;
        report("parser", value_bytes, stream.len(), parser);
        report("connection", value_bytes, stream.len(), connection);
    }
    Ok(())
}

fn sets(value_bytes: usize) -> Vec<u8> {
    let value = vec![b'v'; value_bytes];
    let mut stream = Vec::new();
    for index in 0..COMMANDS {
        encode_command(&[b"SET", format!("key:{index:012}").as_bytes(), &value], &mut stream);
    }
    stream
}

fn best(mut run: impl FnMut() -> Result<Duration, Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let times = (0..ROUNDS).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    Ok(times.into_iter().min().unwrap_or_default())
}

fn parse(stream: &[u8]) -> Result<Duration, Box<dyn Error>> {
    let begin = Instant::now();
    let mut parser = CommandParser::new(Limits::default());
    let mut rest = stream;
    while let Parsed::Command(len) = parser.parse(rest)? {
        black_box(parser.view(&rest[..len]).get(2));
        rest = &rest[len..];
    }
    assert!(rest.is_empty());
    Ok(begin.elapsed())
}

fn follow(stream: &[u8]) -> Result<Duration, Box<dyn Error>> {
    let begin = Instant::now();
    let resume = Position { replid: "0".repeat(40).parse()?, offset: 0, db: 0 };
    let mut connection = Connection::new(Config { resume: Some(resume), ..Config::default() }, begin);
    connection.receive(b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+CONTINUE\r\n", begin);
    let mut commands = 0;
    for read in stream.chunks(READ_BYTES) {
        connection.receive(read, begin);
        while let Some(event) = connection.poll_event()? {
            if let Event::Command(command) = event {
                black_box(command.view.get(2));
                commands += 1;
            }
        }
    }
    assert_eq!(commands, COMMANDS);
    Ok(begin.elapsed())
}

fn report(what: &str, value_bytes: usize, stream_bytes: usize, time: Duration) {
    let per_command = time.as_nanos() as f64 / COMMANDS as f64;
    let rate = stream_bytes as f64 / time.as_secs_f64() / 1e9;
    println!("{what:<10} SET of {value_bytes:>4} bytes: {per_command:>6.1} ns/command, {rate:.2} GB/s");
}
