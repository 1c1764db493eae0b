//! What follows a handshake, from the reply to PSYNC on: snapshot and stream. Pieces change nothing, and a link that is
//! cut between any two commands and resumed tells the rest, once.

use redis_replica::{AckPolicy, Config, Position};

use super::link::{Trace, class, follow, limits};

/// Replies to PING and three times REPLCONF.
const REPLIES: &[u8] = b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n";

pub fn check(data: &[u8]) {
    let [choice, seed, bytes @ ..] = data else { return };
    let config = config(*choice);
    let bytes = [REPLIES, bytes].concat();
    let whole = follow(config.clone(), &bytes, 0);
    for cut in [1, *seed] {
        follow(config.clone(), &bytes, cut).assert_same(&whole);
    }
    check_resumed(&config, &whole, &bytes, usize::from(*seed));
}

fn config(choice: u8) -> Config {
    let replid = "0123456789abcdef0123456789abcdef01234567".parse().expect("40 digits");
    let resume = (choice & 1 != 0).then_some(Position { replid, offset: 1234, db: 7 });
    let ack = if choice & 2 != 0 { AckPolicy::Exact } else { AckPolicy::BehindByOne };
    Config { resume, ack, limits: limits(), ..Config::default() }
}

fn check_resumed(config: &Config, whole: &Trace, bytes: &[u8], which: usize) {
    let (Some(start), false) = (whole.start, whole.positions.is_empty()) else { return };
    let (told_before, position) = whole.positions[which % whole.positions.len()];
    let from = start.at + (position.offset - start.offset) as usize;
    let rest = [REPLIES, b"+CONTINUE\r\n", &bytes[from..]].concat();
    let resumed = follow(Config { resume: Some(position), ..config.clone() }, &rest, 0);
    assert_eq!(resumed.told[1..], whole.told[told_before..], "resumed at {position:?}");
    assert_eq!(resumed.failure.as_ref().map(class), whole.failure.as_ref().map(class));
}
