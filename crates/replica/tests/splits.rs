//! However the bytes are cut into reads, the events are the same.

mod common;

use common::{Link, REPLID, Seen, Wrapping, commands, snapshot, wrap};
use proptest::prelude::*;
use redis_replica::Config;

/// All that a source sends behind the handshake.
fn transcript(lines: &[String], wrapping: Wrapping) -> Vec<u8> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut bytes = format!("\n+FULLRESYNC {REPLID} 10\r\n\n\n").into_bytes();
    bytes.extend(wrap(&snapshot(&[("a", "1"), ("b", "2")], &[("x", "y")]), wrapping));
    bytes.extend(commands(&lines));
    bytes
}

/// The events of `bytes` read in pieces that end at `cuts`. Progress is left out: it is told whenever the bytes at
/// hand end, so it shows where reads end, and is meant to.
fn events(bytes: &[u8], cuts: &[prop::sample::Index]) -> (Vec<Seen>, u64, u32) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut link = Link::new(Config::default());
    link.shake_hands();
    let mut begin = 0;
    for end in cuts.into_iter().chain([bytes.len()]) {
        link.feed(&bytes[begin..end]);
        begin = end;
    }
    assert_eq!(link.failure, None);
    link.seen.retain(|seen| !matches!(seen, Seen::Progress(..)));
    (link.seen, link.connection.offset(), link.connection.db())
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::from("PING")),
        Just(String::from("REPLCONF GETACK *")),
        (0..20u32).prop_map(|db| format!("SELECT {db}")),
        "[A-Z]{1,12}( [a-z0-9]{0,120}){0,12}".prop_filter("not one of the stream's own", |line| {
            !["MULTI", "EXEC", "SELECT", "PING", "REPLCONF"].contains(&line.split(' ').next().unwrap_or(""))
        }),
        ("[a-z]{1,3}", 0..200_000usize).prop_map(|(key, len)| format!("SET {key} {}", "v".repeat(len))),
    ]
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::collection::vec(line(), 0..4), 0..8).prop_map(|groups| {
        let in_transaction = |group: Vec<String>| {
            let (first, last) = (String::from("MULTI"), String::from("EXEC"));
            std::iter::once(first).chain(group).chain(std::iter::once(last)).collect()
        };
        groups
            .into_iter()
            .enumerate()
            .flat_map(|(index, group)| if index % 2 == 0 { group } else { in_transaction(group) })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_events(
        lines in lines(),
        diskless in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let wrapping = if diskless { Wrapping::Mark } else { Wrapping::Length };
        let bytes = transcript(&lines, wrapping);
        prop_assert_eq!(events(&bytes, &cuts), events(&bytes, &[]));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), skip in 0..3usize) {
        let mut link = Link::new(Config::default());
        if skip > 0 {
            link.shake_hands();
        }
        if skip > 1 {
            link.feed(format!("+FULLRESYNC {REPLID} 0\r\n").as_bytes());
            link.feed(&wrap(&snapshot(&[], &[]), Wrapping::Length));
        }
        link.feed_by(&bytes, 7);
    }
}

/// Byte by byte, and in one piece.
#[test]
fn byte_by_byte_gives_the_same_events() {
    let lines = ["SELECT 1", "SET a 1", "MULTI", "INCR b", "EXEC", "PING"].map(String::from);
    let bytes = transcript(&lines, Wrapping::Mark);
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed_by(&bytes, 1);
    link.seen.retain(|seen| !matches!(seen, Seen::Progress(..)));
    assert_eq!((link.seen, link.connection.offset(), link.connection.db()), events(&bytes, &[]));
}
