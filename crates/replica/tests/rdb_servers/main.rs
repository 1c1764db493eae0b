//! Snapshots and DUMPs of real servers, in every encoding, carried to every other server and compared there.
//!
//! Needs the servers: `REDIS_MIRROR_TEST_SERVERS` names a directory of `<name>-server` executables.

mod compare;
mod dataset;
mod json;
mod legacy;
mod mutate;
mod pieces;
mod server;
mod written;

use std::collections::BTreeSet;

use redis_replica::rdb::{Entry, Family, Item, Kind, Limits, Loss, Object, Reader, Step, Target, Validator};

use compare::{REBUILT, assert_same};
use dataset::PROFILES;
use server::{Reply, Server};

/// Database, key and expiry.
type Key = (u32, Vec<u8>, Option<u64>);

/// What a snapshot holds beside its values.
#[derive(Default)]
struct Read {
    entries: Vec<Key>,
    functions: usize,
    types: BTreeSet<u8>,
    plain_nodes: bool,
    ended: bool,
    qualified: usize,
}

/// Reads a snapshot that arrives in pieces of `piece` bytes and hands every entry to `each`.
fn read_all(rdb: &[u8], piece: usize, mut each: impl FnMut(&Entry<'_>)) -> Read {
    let mut reader = Reader::new(Limits::default());
    let (mut at, mut there) = (0, piece.min(rdb.len()));
    let mut read = Read::default();
    while !read.ended {
        match reader.next(&rdb[at..there]).expect("a real server's snapshot reads") {
            Step::Need(bytes) => {
                assert!(at + bytes <= rdb.len(), "needs more than there is");
                assert!(at + bytes > there, "needs what is there");
                there = (at + bytes).max(there + piece).min(rdb.len());
            }
            Step::Item { consumed, item } => {
                take(&mut read, item, &mut each);
                at += consumed;
            }
        }
    }
    assert_eq!((at, reader.offset()), (rdb.len(), rdb.len() as u64));
    read
}

fn take(read: &mut Read, item: Item<'_>, each: &mut impl FnMut(&Entry<'_>)) {
    match item {
        Item::Entry(entry) => {
            read.types.insert(entry.object.type_byte());
            read.plain_nodes |= begins_with_plain_node(&entry.object);
            read.qualified += usize::from(entry.idle_seconds.is_some() || entry.freq.is_some());
            read.entries.push((entry.db, entry.key.to_vec(), entry.expire_at_ms));
            each(&entry);
        }
        Item::Rejected(rejected) => panic!("refused {:?}: {}", rejected.key.escape_ascii(), rejected.defect),
        Item::Function(code) => {
            assert!(code.starts_with(b"#!lua"));
            read.functions += 1;
        }
        Item::End => read.ended = true,
        _ => {}
    }
}

/// A list whose first node is one element (quicklist.h: `QUICKLIST_NODE_CONTAINER_PLAIN`). Its length takes a byte.
fn begins_with_plain_node(object: &Object<'_>) -> bool {
    object.type_byte() == 18 && matches!(object.body(), [0..=0x3f, 1, ..])
}

/// The types that a server writes by itself, all of them.
fn types_of(target: Target) -> BTreeSet<u8> {
    let mut types = BTreeSet::from([0, 2, 4, 5, 11, 16, 17, 18]);
    types.insert(match target {
        _ if target.has_stream_idempotency() => 26,
        _ if target.has_consumer_active_time() => 21,
        _ => 19,
    });
    if target.has_consumer_active_time() {
        types.insert(20);
    }
    match target.family {
        _ if !target.has_field_expiry() => {}
        Family::Redis => types.extend([24, 25]),
        Family::Valkey => types.extend([22]),
    }
    types
}

fn servers() -> Vec<Server> {
    server::installed().iter().map(|(name, program)| Server::start(name, program)).collect()
}

/// Loads an object on `target` by RESTORE, with its original expiry.
fn restore(target: &mut Server, key: &[u8], object: &Object<'_>, expire_at_ms: Option<u64>) -> Vec<Loss> {
    let mut payload = Vec::new();
    let losses = object.payload_for(target.target, &mut payload).expect("no module values here");
    let at = expire_at_ms.unwrap_or(0).to_string();
    target.must(&[b"RESTORE", key, at.as_bytes(), &payload, b"ABSTTL", b"REPLACE"]);
    losses
}

fn rebuild(target: &mut Server, key: &[u8], object: &Object<'_>) -> Vec<Loss> {
    let value = object.decode().expect("validated");
    target.must(&[b"DEL", key]);
    let to = target.target;
    let mut sink = |command: &[&[u8]]| {
        target.must(command);
    };
    value.commands(key, to, &mut sink).expect("no module values here")
}

fn carry(source: &mut Server, target: &mut Server, entry: &Entry<'_>) {
    let key = entry.key.as_ref();
    let losses = restore(target, key, &entry.object, entry.expire_at_ms);
    assert_same(source, target, key, key, &losses, "RESTORE");
    assert_eq!(source.send(&[b"PEXPIRETIME", key]), target.send(&[b"PEXPIRETIME", key]));
    let mut losses = rebuild(target, b"rebuilt", &entry.object);
    losses.push(REBUILT);
    if let Some(at) = entry.expire_at_ms {
        target.must(&[b"PEXPIREAT", b"rebuilt", at.to_string().as_bytes()]);
    }
    assert_same(source, target, key, b"rebuilt", &losses, "commands");
    target.must(&[b"DEL", b"rebuilt", key]);
}

#[test]
fn every_encoding_of_every_server_reaches_every_other() {
    let mut servers = servers();
    for at in 0..servers.len() {
        let mut source = servers.remove(at);
        let (mut types, mut plain_nodes) = (BTreeSet::new(), false);
        for profile in &PROFILES {
            profile.apply(&mut source);
            dataset::fill(&mut source);
            let rdb = source.snapshot();
            let read = read_all(&rdb, 1 << 16, |entry| {
                if entry.db == 0 {
                    servers.iter_mut().for_each(|target| carry(&mut source, target, entry));
                }
            });
            assert_eq!(read.functions, 1, "{}", source.name);
            assert_eq!(read.entries.len(), dataset::keys(&mut source).len() + 1);
            let qualified = if profile.name.contains("LFU") || profile.name.contains("LRU") {
                read.entries.len()
            } else {
                0
            };
            assert_eq!(read.qualified, qualified, "{} {}", source.name, profile.name);
            types.extend(read.types);
            plain_nodes |= read.plain_nodes;
        }
        assert_eq!(types, types_of(source.target), "{}", source.name);
        assert!(plain_nodes, "{}", source.name);
        source.run(&["FLUSHALL"]);
        servers.insert(at, source);
    }
}

#[test]
fn dump_replies_pass_the_same_checks() {
    for mut source in servers() {
        for profile in &PROFILES {
            profile.apply(&mut source);
            dataset::fill(&mut source);
            let mut validator = Validator::new(Limits::default());
            for key in dataset::keys(&mut source) {
                let payload = source.must(&[b"DUMP", &key]).bytes();
                let object =
                    validator.dump(&payload, source.target.family).expect("a real server's DUMP passes");
                let mut again = Vec::new();
                object.dump_payload(source.target, &mut again).expect("its own type");
                let body = payload.len() - 10;
                assert_eq!(again[..body], payload[..body], "the value's bytes are kept");
                restore(&mut source, &key, &object, None);
            }
        }
    }
}

#[test]
fn pieces_of_any_size_give_the_same_items() {
    for mut source in servers() {
        PROFILES[2].apply(&mut source);
        dataset::fill(&mut source);
        let rdb = source.snapshot();
        let whole = read_all(&rdb, rdb.len(), |_| {});
        for piece in [1, 7, 100, 4096] {
            let pieces = read_all(&rdb, piece, |_| {});
            assert_eq!(pieces.entries, whole.entries, "{} in pieces of {piece}", source.name);
        }
    }
}

#[test]
fn what_passes_here_passes_a_servers_deep_checks() {
    let seed = std::env::var("REDIS_MIRROR_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    servers().iter_mut().for_each(|server| mutate::run(server, seed));
}

#[test]
fn encodings_of_old_are_read_by_every_server_as_here() {
    for mut server in servers() {
        legacy::packed(&mut server);
        legacy::reencoded(&mut server);
        server.run(&["DEL", "copy"]);
        legacy::reencoded_natively(&mut server);
    }
}

#[test]
fn what_we_write_in_any_version_and_encoding_every_server_loads_as_built_by_commands() {
    for mut server in servers() {
        let snapshots = written::every_version(&mut server);
        println!("{}: {snapshots} snapshots", server.name);
    }
}

#[test]
fn values_in_pieces_are_rebuilt_by_their_commands() {
    for mut server in servers() {
        pieces::rebuilt(&mut server);
    }
}

#[test]
fn the_json_example_prints_everything_of_every_server() {
    let program = json::build();
    for mut server in servers() {
        for profile in [&PROFILES[0], &PROFILES[2]] {
            profile.apply(&mut server);
            dataset::fill(&mut server);
            json::compare(&program, &server.snapshot());
        }
    }
    json::complaints(&program);
}

/// Vector sets (Redis 8) are values of a module that is always loaded: the one real module type at hand.
#[test]
fn a_modules_value_is_recognized_and_passed_on_untouched() {
    for mut server in servers() {
        if let Reply::Error(_) = server.call(&["VADD", "vectors", "VALUES", "3", "1", "2.5", "-3", "a"]) {
            continue;
        }
        server.run(&["VADD", "vectors", "VALUES", "3", "4", "5", "6", "b", "SETATTR", "{}"]);
        let read = read_all(&server.snapshot(), 10, |entry| {
            assert_eq!(entry.object.kind(), Kind::Module);
            assert_eq!(entry.object.module_type().map(|module| module.name()), Some("vectorset".to_owned()));
            let mut payload = Vec::new();
            entry.object.dump_payload(server.target, &mut payload).expect("module values pass as they are");
            server.must(&[b"RESTORE", b"copy", b"0", &payload]);
        });
        assert_eq!(read.entries.len(), 1);
        for command in [&["VDIM"][..], &["VCARD"], &["VEMB", "a"], &["VEMB", "b"], &["VGETATTR", "b"]] {
            let on = |key| [&command[..1], &[key], &command[1..]].concat();
            assert_eq!(server.run(&on("copy")), server.run(&on("vectors")), "{command:?}");
        }
    }
}
