//! Sources that flood, lie or never end, one after the other in a process of their own: each ends in a named error or is
//! harmless, and none takes more memory than its limits allow. The most that each took is printed.

mod common;

use common::{Link, MARK, REPLID, Seen, command};
use redis_replica::resp::{self, Decoder, ProtocolError};
use redis_replica::{Config, Limits};

const MIB: usize = 1 << 20;

/// The largest command or value that is let through.
const UNIT_BYTES: usize = 4 * MIB;

/// What a link may take in all: what is received, what is read ahead of it, one value unpacked, marks for its elements,
/// and the allocator's slack.
const TAKEN_BYTES_MAX: u64 = (4 * UNIT_BYTES) as u64;

/// A flood has an end.
const FLOOD_BYTES: usize = 4 * UNIT_BYTES;

/// What about one read brings.
const READ_BYTES: usize = 64 << 10;

/// How many of the keys told are looked at.
const KEYS_KEPT: usize = 4;

/// How far the source behaves.
enum Until {
    Psync,
    Snapshot,
    Stream,
}

/// How a script must end.
enum Expect {
    /// In an error with these words.
    Error(&'static str),
    /// With these keys told.
    Keys(&'static [&'static str]),
    /// With so many commands told.
    Commands(usize),
}

struct Script {
    name: &'static str,
    until: Until,
    sent: Vec<u8>,
    /// What is sent behind it again and again.
    flood: Vec<u8>,
    expect: Expect,
}

impl Script {
    fn new(name: &'static str, until: Until, sent: &[u8], expect: Expect) -> Self {
        Script { name, until, sent: sent.to_vec(), flood: Vec::new(), expect }
    }

    fn flood(self, piece: &[u8]) -> Self {
        Script { flood: piece.repeat(per_flood(piece)), ..self }
    }

    fn play(&self) {
        let limits = Limits::for_units_of(UNIT_BYTES);
        let mut link = Link::new(Config { limits, ..Config::default() });
        match self.until {
            Until::Psync => drop(link.shake_hands()),
            Until::Stream => link.synchronize(0),
            Until::Snapshot => {
                link.shake_hands();
                link.feed(format!("+FULLRESYNC {REPLID} 0\r\n$EOF:").as_bytes());
                link.feed(MARK);
                link.feed(b"\r\nREDIS0013\xfe\x00");
            }
        }
        let mut commands = 0;
        for piece in self.pieces() {
            if link.failure.is_some() {
                break;
            }
            link.feed(piece);
            commands += link.seen.extract_if(.., |seen| matches!(seen, Seen::Command { .. })).count();
            link.seen.retain(|seen| matches!(seen, Seen::Key(..)));
            // What is told is the consumer's to keep, or not.
            link.seen.truncate(KEYS_KEPT);
        }
        self.check(&link, commands);
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let times = if self.flood.is_empty() { 0 } else { FLOOD_BYTES / self.flood.len() };
        let flood = std::iter::repeat_n(self.flood.as_slice(), times);
        self.sent.chunks(READ_BYTES).chain(flood)
    }

    fn check(&self, link: &Link, commands: usize) {
        let failure = link.failure.as_ref().map(ToString::to_string);
        match self.expect {
            Expect::Error(words) => {
                let text = failure.unwrap_or_else(|| panic!("{}: no error", self.name));
                assert!(text.contains(words), "{}: {text}", self.name);
            }
            Expect::Keys(keys) => {
                let told: Vec<Seen> = keys.iter().map(|key| Seen::Key(0, (*key).into())).collect();
                assert_eq!((failure, &link.seen), (None, &told), "{}", self.name);
            }
            Expect::Commands(count) => {
                assert_eq!((failure, commands), (None, count), "{}", self.name);
            }
        }
    }
}

/// How often a piece is sent at once.
fn per_flood(piece: &[u8]) -> usize {
    READ_BYTES / piece.len() + 1
}

/// A length in its 64-bit form.
fn long(length: u64) -> Vec<u8> {
    [&[0x81][..], &length.to_be_bytes()].concat()
}

/// A key `k` with this value.
fn entry(type_byte: u8, value: &[&[u8]]) -> Vec<u8> {
    [&[type_byte, 1, b'k'], value.concat().as_slice()].concat()
}

/// What shows that a snapshot went on.
const BEHIND: &[u8] = b"\x00\x06behind\x01v";

fn streams() -> Vec<Script> {
    use Expect::{Commands, Error};
    let stream = |name, sent: &[u8], expect| Script::new(name, Until::Stream, sent, expect);
    let set = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000\r\n".as_slice(), &[b'v'; 10_000], b"\r\n"].concat();
    let floods = |piece: &[u8]| FLOOD_BYTES / (piece.len() * per_flood(piece)) * per_flood(piece);
    vec![
        stream("*2147483647", b"*2147483647\r\n", Error("2147483647 elements exceed")),
        stream("arguments without end", b"*262144\r\n", Error("exceeds the limit"))
            .flood(b"$10\r\n0123456789\r\n"),
        stream("$-2", b"*1\r\n$-2\r\n", Error("a length is negative")),
        stream("$9e18", b"*1\r\n$9e18\r\n", Error("not a valid number")),
        stream("a bulk of 2^63 - 1", b"*1\r\n$9223372036854775807\r\n", Error("exceeds the limit")),
        stream("10^5 nested arrays", &b"*1\r\n".repeat(100_000), Error("not a bulk string")),
        stream("an endless inline line", b"", Error("a line is longer than")).flood(b"word "),
        stream("an endless number", b"*", Error("a line is longer than")).flood(b"1"),
        stream("SELECT 2^31", &command("SELECT 2147483648"), Error("an invalid database")),
        stream("EXEC without MULTI", &command("EXEC"), Error("EXEC without MULTI")),
        stream("MULTI within MULTI", &command("MULTI").repeat(2), Error("nests MULTI")),
        stream("MULTI never closed", &command("MULTI"), Commands(floods(&set))).flood(&set),
        stream("unknown commands", &command("NO.SUCH COMMAND"), Commands(1 + floods(&command("X"))))
            .flood(&command("X")),
        stream("*0", b"*0\r\n", Commands(0)).flood(b"*0\r\n"),
        stream("*-1", b"*-1\r\n", Commands(0)).flood(b"*-1\r\n"),
        stream("PING and nothing else", b"", Commands(0)).flood(&command("PING")),
    ]
}

fn handshakes() -> Vec<Script> {
    use Expect::Error;
    let reply = |name, sent: &str, expect| Script::new(name, Until::Psync, sent.as_bytes(), expect);
    vec![
        reply("+FULLRESYNC and nothing", "+FULLRESYNC\r\n", Error("without a valid replication id")),
        reply(
            "+FULLRESYNC and garbage",
            "+FULLRESYNC \x01\x7f -- 1e9\r\n",
            Error("without a valid replication id"),
        ),
        reply(
            "+FULLRESYNC at -1",
            &format!("+FULLRESYNC {REPLID} -1\r\n"),
            Error("without a valid replication id"),
        ),
        reply(
            "+FULLRESYNC at 2^64",
            &format!("+FULLRESYNC {REPLID} 18446744073709551616\r\n"),
            Error("without a valid replication id"),
        ),
        reply("+FULLRESYNC without end", "+FULLRESYNC ", Error("a line is longer than")).flood(b"a"),
        reply("+CONTINUE that nobody asked for", "+CONTINUE\r\n", Error("never begun")),
        reply("newlines without end", "", Expect::Commands(0)).flood(b"\n"),
        reply(
            "a snapshot of 2^64 bytes",
            &format!("+FULLRESYNC {REPLID} 0\r\n$18446744073709551616\r\n"),
            Error("unknown form"),
        ),
        reply(
            "an end mark without end",
            &format!("+FULLRESYNC {REPLID} 0\r\n$EOF:"),
            Error("a line is longer"),
        )
        .flood(b"M"),
    ]
}

fn snapshots() -> Vec<Script> {
    use Expect::{Commands, Error, Keys};
    let rdb = |name, sent: Vec<u8>, expect| Script::new(name, Until::Snapshot, &sent, expect);
    let gib_4 = long(4 << 30);
    // 255 literals of a run, then references as far as they go: 4 MiB from 48 KiB.
    let unfold = [&[0, b'a'][..], &[0xe0, 0xff, 0].repeat(UNIT_BYTES / 264 - 1)].concat();
    let unfolded = (1 + (UNIT_BYTES / 264 - 1) * 264) as u64;
    let bomb = |type_byte, count: &[u8]| {
        entry(type_byte, &[count, &[0xc3], &long(unfold.len() as u64), &long(unfolded), &unfold])
    };
    vec![
        rdb("a length of 2^63", entry(0, &[&long(1 << 63)]), Error("exceeds the limit")),
        rdb(
            "a 4 GB LZF bomb of 3 bytes",
            [entry(0, &[&[0xc3, 3], &gib_4, b"\x00a\xe0"]).as_slice(), BEHIND].concat(),
            Keys(&["behind"]),
        ),
        rdb(
            "a 4 GB LZF bomb that comes",
            entry(0, &[&[0xc3], &long(FLOOD_BYTES as u64), &gib_4]),
            Commands(0),
        )
        .flood(&[0xe0, 0xff, 0]),
        rdb("a string that unfolds to a unit", [&bomb(0, &[]), BEHIND].concat(), Keys(&["k", "behind"])),
        rdb("a member that unfolds to a unit", [&bomb(2, &[1]), BEHIND].concat(), Keys(&["k", "behind"])),
        rdb("2^33 elements", entry(1, &[&long(1 << 33)]), Commands(0)).flood(b"\x01v"),
        rdb("2^60 pairs of nothing", entry(4, &[&long(1 << 60)]), Commands(0)).flood(b"\x00\x00"),
        rdb("a module's value without end", entry(7, &[&long(1 << 58)]), Commands(0)).flood(b"\x02\x07"),
        rdb("metadata without end", [&[243][..], &long(1 << 60)].concat(), Commands(0)).flood(b"abcd\x00"),
        rdb("a key without end", [&[0][..], &long(1 << 36)].concat(), Commands(0)).flood(b"k"),
        rdb("an aux field without end", [&[250][..], &long(1 << 36)].concat(), Commands(0)).flood(b"a"),
        rdb("expiries and no key", Vec::new(), Commands(0)).flood(b"\xfc\0\0\0\0\0\0\0\0"),
        rdb("databases without end", Vec::new(), Commands(0)).flood(b"\xfe\x01\xfb\x00\x00"),
        rdb("a database beyond all", [&[254][..], &long(1 << 40)].concat(), Error("database number")),
        rdb("keys without end", Vec::new(), Commands(0)).flood(b"\x00\x01k\x01v"),
    ]
}

/// The most memory this process had since [`forget_peak`], in bytes (proc(5)).
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().expect("a number") * 1024
}

/// VmHWM begins anew (proc(5), clear_refs).
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("our own process");
}

fn taken_by(name: &str, play: impl FnOnce()) -> u64 {
    let before = memory("VmRSS:");
    forget_peak();
    play();
    let taken = memory("VmHWM:").saturating_sub(before);
    println!("{name}: {} KiB", taken / 1024);
    assert!(taken <= TAKEN_BYTES_MAX, "{name}: {taken} bytes taken");
    taken
}

/// Replies of another connection to the source are nested, too.
fn nested_replies() {
    let mut decoder = Decoder::new(resp::Limits::default());
    decoder.receive(&b"*1\r\n".repeat(100_000));
    assert_eq!(decoder.poll_frame(), Err(ProtocolError::TooDeep { limit: 64 }));
}

/// One test, as memory is the process's: nothing else may run beside it.
#[test]
fn every_script_ends_and_takes_no_more_than_allowed() {
    let scripts = [streams(), handshakes(), snapshots()].into_iter().flatten().collect::<Vec<_>>();
    let mut most = (taken_by("10^5 nested replies", nested_replies), "10^5 nested replies");
    for script in &scripts {
        most = most.max((taken_by(script.name, || script.play()), script.name));
    }
    println!(
        "{} scripts: at most {} KiB ({}) of {}",
        scripts.len() + 1,
        most.0 / 1024,
        most.1,
        TAKEN_BYTES_MAX / 1024
    );
}
