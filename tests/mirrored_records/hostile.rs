//! Sources that send record stores that are none.

use redis_mirror_test_support::{
    FakeSource, Installed, Options, Play, Server, Status, any_server, cmd, digest, server, wait,
};

/// A value of the data type as a real server saves it: type byte and body, without the footer of DUMP.
fn saved(puts: usize) -> Vec<u8> {
    // Plain bytes are easier to damage.
    let server = Server::start(any_server(), Options::new().set("rdbcompression", "no").mirror(""));
    for number in 0..puts {
        server.client().run(cmd!("RECORD.PUT", "k", "SET", "type", number, "data"));
    }
    let mut payload = server.client().bytes(cmd!("DUMP", "k")).expect("a payload");
    payload.truncate(payload.len() - 10);
    payload
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&[0x80][..], &u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

/// A snapshot of one key, then a command: whoever reads on applies it.
fn snapshot(value: &[u8]) -> Play {
    let rdb =
        [b"REDIS0011\xfe\x00", &value[..1], &string(b"r"), &value[1..], b"\xff\0\0\0\0\0\0\0\0"].concat();
    let play = Play::new().full_resync().snapshot(&rdb).command(&[b"SELECT", b"0"]);
    play.command(&[b"SET", b"behind", b"1"]).stall()
}

fn stream(commands: &[&[&[u8]]]) -> Play {
    let begun = Play::new().full_resync().empty_snapshot().command(&[b"SELECT", b"0"]);
    let play = commands.iter().fold(begun, |play, args| play.command(args));
    play.command(&[b"SET", b"behind", b"1"]).stall()
}

/// A server with data of its own, and mirrors of sources that mean harm.
struct Target {
    server: Server,
    digest: String,
}

impl Target {
    fn start(installed: &Installed) -> Self {
        let options =
            Options::new().mirror("").set("mirror.unit-max", "2mb").set("mirror.unit-ops-max", 1000);
        let server = Server::start(installed, options);
        server.client().run(cmd!("RECORD.PUT", "own", "SET", "t", "1", "data"));
        let digest = digest::of(&mut server.client()).expect("DEBUG DIGEST");
        Target { server, digest }
    }

    /// Plays a script until its last command is applied, and has its end looked at.
    fn play(&mut self, name: &str, play: Play, end: impl Fn(&Status) -> bool) {
        let source = FakeSource::start(play);
        self.server.client().run(cmd!("MIRROR.CREATE", "m", source.url(), "DB", 0, "TO", 9));
        let mut other = self.server.client();
        other.run(cmd!("SELECT", 9));
        wait::wait_for(name, || {
            let status = Status::read(&mut self.server.client(), "m").map_err(|error| error.to_string())?;
            let is_there = other.int(cmd!("EXISTS", "behind")) == 1;
            if is_there && end(&status) { Ok(()) } else { Err(format!("{status:?}")) }
        });
        assert!(self.server.is_running(), "{name}");
        self.server.client().run(cmd!("MIRROR.DROP", "m", "PURGE"));
        assert_eq!(digest::of(&mut self.server.client()).expect("DEBUG DIGEST"), self.digest, "{name}");
    }
}

fn targets() -> Vec<Target> {
    ["redis70", "redis86", "valkey9"].into_iter().filter_map(server).map(Target::start).collect()
}

fn is_named(reason: &'static str) -> impl Fn(&Status) -> bool {
    move |status| status.number("quarantined") == 1 && status.text("quarantined_keys").contains(reason)
}

fn is_under_repair(status: &Status) -> bool {
    status.number("under_repair") == 1
}

#[test]
fn damaged_values_of_a_snapshot_never_reach_the_server() {
    let whole = saved(20);
    let flipped = |at: usize| {
        let mut value = whole.clone();
        value[at] ^= 0x01;
        value
    };
    // Type byte, id of nine bytes, opcode, length of two; behind the chunk an empty string and the end mark.
    let (chunk_at, end) = (1 + 9 + 1 + 2, whole.len() - 3);
    let without_end = [&whole[..end], b"\x00"].concat();
    let number_within = [&whole[..end], b"\x02\x07\x05\x00\x00"].concat();
    let newer = {
        let mut value = whole.clone();
        value[9] = value[9].wrapping_add(1);
        value
    };
    let foreign = flipped(4);
    for mut target in targets() {
        target.play("another format of chunks", snapshot(&flipped(chunk_at)), is_named("malformed"));
        target.play("a part out of its order", snapshot(&flipped(chunk_at + 1)), is_named("malformed"));
        target.play("no empty string at the end", snapshot(&without_end), is_named("malformed"));
        target.play("a number among the chunks", snapshot(&number_within), is_named("malformed"));
        target.play("a newer format", snapshot(&newer), is_named("newer format"));
        target.play("another module", snapshot(&foreign), is_named("other modules"));
        target.play("the whole value", snapshot(&whole), |status| status.number("quarantined") == 0);
    }
}

#[test]
fn values_that_would_take_far_more_memory_than_bytes_are_left_out() {
    let Some(mut target) = targets().pop() else { return };
    // A store of many small records, near the limit of two megabytes, and its memory beyond four times that.
    let value = saved_small(90_000);
    assert!(value.len() < 2 << 20, "{} bytes", value.len());
    target.play("small records", snapshot(&value), is_named("its memory"));
}

/// A store of many empty records with short names.
fn saved_small(count: usize) -> Vec<u8> {
    let server = Server::start(any_server(), Options::new().set("rdbcompression", "no").mirror(""));
    let mut client = server.client();
    let ids: Vec<String> = (0..count).map(|number| format!("{number:x}")).collect();
    for batch in ids.chunks(5000) {
        let put =
            batch.iter().fold(cmd!("RECORD.PUT", "k"), |put, id| put.args(["SET", "t", id.as_str(), ""]));
        client.run(put);
    }
    let mut payload = client.bytes(cmd!("DUMP", "k")).expect("a payload");
    payload.truncate(payload.len() - 10);
    payload
}

/// A commit as version 1 encodes it: format, base, epoch, time, then its items.
fn commit(base: u8, items: &[u8]) -> Vec<u8> {
    [&[1, base, 0, 1][..], items].concat()
}

#[test]
fn commits_that_can_not_be_followed_put_the_key_under_repair() {
    // Epoch 7 at 0; then a change of version 1: set t/a to x.
    let good = commit(0, b"\x01\x07\x00\x04\x01\x01\x00\x00\x01t\x01a\x01x");
    let bomb = commit(0, &[b"\x01\x07\x00".as_slice(), &b"\x09\x01a".repeat(1000)].concat());
    let apply = |form: &'static [u8], bytes: &[u8]| {
        let args: [&[u8]; 4] = [b"RECORD.APPLY", b"r", form, bytes];
        stream(&[&args])
    };
    for mut target in targets() {
        let exact = |status: &Status| status.number("quarantined") + status.number("under_repair") == 0;
        target.play("a good one", apply(b"COMMIT", &good), exact);
        target.play("garbage", apply(b"COMMIT", b"\x01\xff\xff garbage"), is_under_repair);
        target.play("nothing", apply(b"COMMIT", b""), is_under_repair);
        target.play("a chunk of a dump", apply(b"LOAD", &good), is_under_repair);
        target.play("another form", apply(b"OTHER", &good), is_under_repair);
        target.play("another base", apply(b"COMMIT", &commit(5, &good[4..])), is_under_repair);
        target.play("a contradiction", apply(b"COMMIT", &commit(0, &good[7..])), is_under_repair);
        target.play("more items than a unit may have", apply(b"COMMIT", &bomb), is_under_repair);
        let on_string: [&[&[u8]]; 2] = [&[b"SET", b"r", b"x"], &[b"RECORD.APPLY", b"r", b"COMMIT", &good]];
        target.play("a key of another type", stream(&on_string), is_under_repair);
        let no_form: [&[u8]; 2] = [b"RECORD.APPLY", b"r"];
        target.play("no form at all", stream(&[&no_form]), |status| status.number("refused") == 1);
    }
}

#[test]
fn commits_outside_the_scope_are_passed_over() {
    for target in targets() {
        let own: [&[u8]; 4] = [b"RECORD.APPLY", b"own", b"COMMIT", b"\x01\xff garbage"];
        let source = FakeSource::start(stream(&[&own, &[b"SET", b"in:behind", b"1"]]));
        target.server.client().run(cmd!("MIRROR.CREATE", "m", source.url(), "MATCH", "in:*"));
        wait::wait_until("the stream is applied", || {
            target.server.client().int(cmd!("EXISTS", "in:behind")) == 1
        });
        let status = Status::read(&mut target.server.client(), "m").expect("a status");
        assert_eq!((status.number("under_repair"), status.number("refused")), (0, 0), "{status:?}");
        target.server.client().run(cmd!("MIRROR.DROP", "m", "PURGE"));
        assert_eq!(digest::of(&mut target.server.client()).expect("DEBUG DIGEST"), target.digest);
    }
}
