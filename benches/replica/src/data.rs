//! The bytes that are read: a stream of SETs, and snapshots of a real server, as it writes them and in the encodings that
//! redis-event knows.

use redis_mirror_test_support::sets::SETS;
use redis_mirror_test_support::{Options, Server, any_server, cmd};
use redis_replica::rdb::{Entry, Item, Limits, Reader, Step, Target};
use redis_replica::resp::encode_command;

const COMMANDS: usize = 1_000_000;

/// A snapshot with its name.
pub struct Snapshot {
    pub name: String,
    pub rdb: Vec<u8>,
}

pub fn sets(share: f64) -> Vec<u8> {
    let mut stream = Vec::new();
    for number in 0..(COMMANDS as f64 * share) as usize {
        encode_command(&[b"SET", format!("key:{number:012}").as_bytes(), &[b'v'; 64]], &mut stream);
    }
    stream
}

/// Each set as the server wrote it, and again in types that servers before 7.0 wrote.
pub fn snapshots(share: f64) -> impl Iterator<Item = Snapshot> {
    SETS.iter().flat_map(move |set| {
        let server = Server::start(any_server(), Options::new());
        let mut client = server.client();
        set.load(&mut client, share).expect("the server takes it");
        client.run(cmd!("SAVE"));
        let file = server.dir().join("dump.rdb");
        let rdb = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let old = Snapshot { name: format!("{}, old types", set.name), rdb: in_old_types(&rdb) };
        [Snapshot { name: set.name.to_owned(), rdb }, old]
    })
}

/// The same keys as Redis 6.2 would have written them, without checksum.
fn in_old_types(rdb: &[u8]) -> Vec<u8> {
    let mut out = b"REDIS0009\xfe\x00".to_vec();
    let mut reader = Reader::new(Limits::default());
    let mut rest = rdb;
    loop {
        match reader.next(rest).expect("a server's snapshot") {
            Step::Need(bytes) => panic!("{bytes} bytes are missing"),
            Step::Item { item: Item::End, .. } => break,
            Step::Item { item, consumed } => {
                if let Item::Entry(entry) = &item {
                    push_entry(entry, &mut out);
                }
                rest = &rest[consumed..];
            }
        }
    }
    out.push(255);
    out.extend([0; 8]);
    out
}

fn push_entry(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    entry.object.reencode(Target::redis(6, 2, 0), &mut payload).expect("no module values here");
    // Behind the value come its version and checksum.
    payload.truncate(payload.len() - 10);
    out.push(payload[0]);
    out.push(0x80);
    out.extend((entry.key.len() as u32).to_be_bytes());
    out.extend_from_slice(&entry.key);
    out.extend_from_slice(&payload[1..]);
}
