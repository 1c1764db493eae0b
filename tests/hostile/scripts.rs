//! What the sources do.

use redis_mirror_test_support::{FAKE_REPLID, Play};

use super::{MIB, UNIT_MAX};

/// A value a little smaller, with the command around it.
const WITHIN: usize = UNIT_MAX as usize - 100;

/// How a script must end.
pub enum Expect {
    /// `last_error` holds these words.
    Error(&'static str),
    /// A key is named as not held here, for a reason with these words, and the mirror goes on.
    Quarantined(&'static str),
    /// So many commands are refused, and the mirror goes on.
    Refused(i64),
    /// Keys were put under repair: the server refused what was asked of it.
    Repair,
    /// This key arrives after all.
    Key(&'static str),
    /// The mirror stays in this state.
    State(&'static str, u64),
    /// This many bytes are read.
    Read(u64),
}

/// What a source does, and how it must end.
pub struct Script {
    /// For messages.
    pub name: &'static str,
    /// What the source does, connection by connection.
    pub plays: Vec<Play>,
    /// How it must end.
    pub expect: Expect,
}

fn script(name: &'static str, play: Play, expect: Expect) -> Script {
    Script { name, plays: vec![play], expect }
}

/// A stream behind an empty snapshot.
fn stream() -> Play {
    Play::new().full_resync().empty_snapshot()
}

fn streamed(name: &'static str, bytes: &[u8], expect: Expect) -> Script {
    script(name, stream().send(bytes).stall(), expect)
}

/// A snapshot of these items, then a command: whoever reads on applies it.
fn snapshot(name: &'static str, items: &[u8], expect: Expect) -> Script {
    let rdb = [b"REDIS0011\xfe\x00".as_slice(), items, b"\xff\0\0\0\0\0\0\0\0"].concat();
    let play = Play::new().full_resync().snapshot(&rdb).command(&[b"SELECT", b"0"]);
    script(name, play.command(&[b"SET", b"behind", b"1"]).stall(), expect)
}

fn commands(name: &'static str, all: &[&[&[u8]]], expect: Expect) -> Script {
    let play = all.iter().fold(stream().command(&[b"SELECT", b"0"]), |play, args| play.command(args));
    script(name, play.command(&[b"SET", b"behind", b"1"]).stall(), expect)
}

/// A key and its value: a type byte, the key, the serialized value.
fn entry(type_byte: u8, key: &str, body: &[u8]) -> Vec<u8> {
    [&[type_byte][..], &string(key.as_bytes()), body].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&[0x80][..], &u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

/// A length in its 64-bit form.
fn long(length: u64) -> Vec<u8> {
    [&[0x81][..], &length.to_be_bytes()].concat()
}

/// An empty stream with one pending entry that two consumers own.
fn shared_nack() -> Vec<u8> {
    let id = [0u8; 16];
    let consumer = |name: &[u8]| [&string(name), &[0; 8][..], &[1], &id].concat();
    let pending = [&[1][..], &id, &[0; 8], &[1]].concat();
    let group = [string(b"g"), vec![0, 0], pending, vec![2], consumer(b"a"), consumer(b"b")].concat();
    [vec![0, 0, 0, 0, 1], group].concat()
}

fn members(count: u32) -> Vec<u8> {
    let members = (0..count).flat_map(|n| string(&n.to_be_bytes()));
    [0x80].into_iter().chain(count.to_be_bytes()).chain(members).collect()
}

/// Runs far beyond its registers.
fn hyperloglog() -> Vec<u8> {
    [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0".as_slice(), &[0x7f, 0xff].repeat(140_000)].concat()
}

/// Bytes that are no stream, or one beyond all limits.
pub fn broken_streams() -> Vec<Script> {
    use Expect::Error;
    vec![
        streamed("2^31 arguments", b"*2147483647\r\n", Error("2147483647 arguments of at most 524288")),
        streamed("a length of -2", b"*1\r\n$-2\r\n", Error("a length is negative")),
        streamed("a length of 9e18", b"*1\r\n$9e18\r\n", Error("not a valid number")),
        streamed(
            "a huge length",
            b"*2\r\n$3\r\nGET\r\n$9000000000000000000\r\n",
            Error("of at most 8388608"),
        ),
        streamed(
            "a huge value",
            b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000000\r\n",
            Error("raise mirror.unit-max"),
        ),
        streamed("10^5 nested arrays", &b"*1\r\n".repeat(100_000), Error("not a bulk string")),
        streamed("an inline command", b"SET evil 1\r\n", Error("inline command")),
        script("an endless line", stream().repeat("evil", 8 * MIB).stall(), Error("a line is longer than")),
        streamed("SELECT 2^31", b"*2\r\n$6\r\nSELECT\r\n$10\r\n2147483648\r\n", Error("an invalid database")),
        streamed("EXEC without MULTI", b"*1\r\n$4\r\nEXEC\r\n", Error("EXEC without MULTI")),
        streamed("MULTI in MULTI", &b"*1\r\n$5\r\nMULTI\r\n".repeat(2), Error("nests MULTI")),
        script(
            "MULTI never closed",
            stream().command(&[b"MULTI"]).repeat(large_set(), 64 * MIB).stall(),
            Error("a transaction of the source is too large"),
        ),
        script(
            "10^7 tiny commands",
            stream().command(&[b"MULTI"]).repeat("*2\r\n$4\r\nINCR\r\n$1\r\na\r\n", 210 * MIB).stall(),
            Error("20001 commands of at most 20000"),
        ),
    ]
}

fn large_set() -> Vec<u8> {
    [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000\r\n".as_slice(), &[b'v'; 10_000], b"\r\n"].concat()
}

/// A stream in form, and malicious in meaning.
pub fn bad_commands() -> Vec<Script> {
    use Expect::{Error, Key, Read, Refused, Repair};
    let within = stream().command(&[b"MULTI"]).command(&[b"SET", b"behind", b"1"]);
    let within = (0..WITHIN / 11_000).fold(within, |play, _| play.send(large_set()));
    vec![
        streamed("nothing", b"*0\r\n*-1\r\n*3\r\n$3\r\nSET\r\n$6\r\nbehind\r\n$1\r\n1\r\n", Key("behind")),
        script(
            "PING and nothing else",
            stream().repeat("*1\r\n$4\r\nPING\r\n", 32 * MIB).stall(),
            Read(32 * MIB),
        ),
        commands(
            "commands of others' business",
            &[
                &[b"CONFIG", b"SET", b"dir", b"/evil"],
                &[b"DEBUG", b"SEGFAULT"],
                &[b"SHUTDOWN", b"NOSAVE"],
                &[b"REPLICAOF", b"evil", b"1"],
                &[b"ACL", b"SETUSER", b"evil", b"on"],
                &[b"EVAL", b"return redis.call('FLUSHALL')", b"0"],
                &[b"MODULE", b"LOAD", b"/evil.so"],
                &[b"evil\r\n\x1b[2J", b"x"],
            ],
            Refused(8),
        ),
        commands(
            "numbers that are none",
            &[
                &[b"SET", b"k", b"1"],
                &[b"INCRBYFLOAT", b"k", b"inf"],
                &[b"HINCRBYFLOAT", b"h", b"f", b"nan"],
                &[b"ZINCRBY", b"z", b"nan", b"m"],
            ],
            Repair,
        ),
        Script {
            name: "words that errors repeat",
            plays: vec![
                stream()
                    .command(&[b"SELECT", b"0"])
                    .command(&[b"XCLAIM", b"evil\r\n", b"evil", b"evil", b"0", b"0-1"])
                    .stall(),
                // What the server says of it stays shown until the fetch gives up.
                Play::new().stall(),
            ],
            expect: Error("this server refused an operation: NOGROUP No such key"),
        },
        commands(
            "a crafted HyperLogLog that is used",
            &[&[b"PFADD", b"g", b"x"], &[b"SET", b"h", &hyperloglog()], &[b"PFMERGE", b"d", b"h", b"g"]],
            Repair,
        ),
        commands(
            "a HyperLogLog crafted in parts",
            &[
                &[b"PFADD", b"g", b"x"],
                &[b"SET", b"h", &hyperloglog()[..20]],
                &[b"APPEND", b"h", &hyperloglog()[20..]],
                &[b"PFMERGE", b"d", b"h", b"g"],
            ],
            Repair,
        ),
        commands("flushes", &[&[b"FLUSHALL"], &[b"FLUSHDB"]], Key("behind")),
        commands("a swap of dbs", &[&[b"SWAPDB", b"0", b"1"]], Error("the source swapped dbs")),
        commands("a value just within", &[&[b"SET", b"k", &vec![b'v'; WITHIN]]], Key("behind")),
        script("a transaction just within", within.command(&[b"EXEC"]).stall(), Key("behind")),
    ]
}

/// Snapshots that are none, or are too much.
pub fn broken_snapshots() -> Vec<Script> {
    use Expect::{Error, Key, Quarantined, Read};
    let begun = |items: &[u8]| {
        Play::new().full_resync().begin_snapshot().send([b"REDIS0011\xfe\x00".as_slice(), items].concat())
    };
    let unfinished = begun(&[&[0][..], &string(b"big"), &[0x80], &600_000_000u32.to_be_bytes()].concat());
    let bomb = [&[0xc3][..], &long(3), &long(4 << 30), &[0, b'a', 0xe0]].concat();
    let wide = [&[0xc3][..], &long(60 * MIB), &long(4 << 30)].concat();
    vec![
        snapshot("garbage", b"\xf0evil", Error("unknown type byte or opcode 240")),
        snapshot("a length of 2^63", &entry(0, "k", &long(1 << 63)), Error("exceeds the limit")),
        snapshot("a bomb that can't be", &entry(0, "k", &bomb), Quarantined("too large")),
        script(
            "a bomb of 4 GB",
            begun(&entry(0, "k", &wide))
                .repeat([0xff], 60 * MIB)
                .send(entry(0, "after", &string(b"x")))
                .stall(),
            Quarantined("too large"),
        ),
        snapshot(
            "2^63 keys announced",
            &[&[251][..], &long(1 << 63), &long(u64::MAX)].concat(),
            Key("behind"),
        ),
        snapshot("a db beyond all", &[&[254][..], &long(1 << 40)].concat(), Error("database number")),
        script(
            "half a gigabyte of value",
            unfinished.repeat([b'v'], 64 * MIB).close(),
            Quarantined("size of 600"),
        ),
        script(
            "half a gigabyte of key",
            begun(&[&[0][..], &[0x80], &500_000_000u32.to_be_bytes()].concat())
                .repeat([b'k'], 64 * MIB)
                .close(),
            Quarantined("size of 500"),
        ),
        script(
            "a snapshot without end",
            begun(&[]).repeat(entry(0, "k", &string(b"v")), 48 * MIB).stall(),
            Read(48 * MIB),
        ),
        snapshot("a string just within", &entry(0, "k", &string(&vec![b'v'; WITHIN])), Key("behind")),
        snapshot("a set just within", &entry(2, "k", &members(250_000)), Key("behind")),
        snapshot("a set just beyond", &entry(2, "k", &members(270_000)), Quarantined("number of elements")),
        snapshot("2^33 elements", &entry(1, "k", &long(1 << 33)), Quarantined("number of elements")),
        snapshot("a shared NACK", &entry(15, "k", &shared_nack()), Quarantined("malformed")),
        snapshot("a crafted HyperLogLog", &entry(0, "k", &string(&hyperloglog())), Quarantined("malformed")),
        snapshot(
            "a module's value",
            &entry(7, "k", &[long(1 << 58), vec![5], string(b"evil"), vec![0]].concat()),
            Quarantined("modules"),
        ),
        snapshot("a listpack of lies", &entry(16, "k", &string(&[0xff; 40])), Quarantined("malformed")),
        snapshot(
            "two equal fields",
            &entry(4, "k", &[vec![2], string(b"f").repeat(4)].concat()),
            Quarantined("malformed"),
        ),
    ]
}

/// Peers that are no source.
pub fn strangers() -> Vec<Script> {
    use Expect::{Error, State};
    let psync = |reply: &str| Play::new().answer_until("PSYNC").send(reply);
    vec![
        script("silence", Play::new().stall(), State("handshake", 0)),
        script("a web server", Play::new().send("HTTP/1.1 400 evil\r\n\r\n").stall(), Error("reply to PING")),
        script("a refusal", Play::new().send("-ERR evil\r\x1b[2J\r\n").stall(), Error("refused PING")),
        script("a refusal later", psync("-ERR evil\r\x07\r\n").stall(), Error("refused to replicate")),
        script("no id", psync("+FULLRESYNC evil evil\r\n").stall(), Error("without a valid replication id")),
        script(
            "an id and no offset",
            psync(&format!("+FULLRESYNC {FAKE_REPLID} -1\r\n")).stall(),
            Error("offset"),
        ),
        script("a stream nobody asked for", psync("+CONTINUE\r\n").stall(), Error("never begun")),
        script("no snapshot", Play::new().full_resync().send("+evil\r\n").stall(), Error("unknown form")),
        script(
            "an error for a snapshot",
            Play::new().full_resync().send("-evil\r\n").stall(),
            Error("gave up"),
        ),
        script("endless newlines", Play::new().repeat("\n", 8 * MIB).stall(), State("handshake", 8 * MIB)),
        script(
            "an endless greeting",
            Play::new().repeat("+", 8 * MIB).stall(),
            Error("a line is longer than"),
        ),
        script("a closed door", Play::new().close(), Error("")),
        Script {
            name: "a second connection that never answers",
            plays: vec![
                stream()
                    .command(&[b"SELECT", b"0"])
                    .command(&[b"HINCRBYFLOAT", b"h", b"f", b"nan"])
                    .answer_until("REPLCONF")
                    .answer_until("REPLCONF")
                    .command(&[b"SET", b"behind", b"1"])
                    .stall(),
                Play::new().stall(),
            ],
            expect: Expect::Key("behind"),
        },
    ]
}
