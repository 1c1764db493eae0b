//! `examples/native_type`, and what types can do that only tests want: the module `types_probe`.

mod callbacks;
mod defrag;
mod encoded;
mod memory;
mod numbers;
mod series;
mod snapshots;

use redis_mirror_test_support::{Client, Family, Installed, Options, Server, Value, servers};

use crate::example;
use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["native_type"], drive };

fn drive(_server: &Server, client: &mut Client) {
    let before = totals(client);
    assert_eq!(client.int("SERIES.ADD kitchen 20.5 21 19.5"), 3);
    client.run(redis_mirror_test_support::Command::new("SERIES.LABEL kitchen").arg("degrees Celsius"));
    assert_eq!(client.texts("SERIES.RANGE kitchen 0 -2"), ["20.5", "21"]);
    let stats = client.run("SERIES.STATS kitchen");
    let stats = stats.as_array().expect("a flat map");
    let texts: Vec<Option<String>> = stats.iter().map(Value::as_text).collect();
    assert_eq!((texts[1].as_deref(), texts[5].as_deref()), (Some("degrees Celsius"), Some("61")));
    assert_eq!(stats[3], Value::Int(3));
    assert_eq!(client.int("COPY kitchen hall"), 1);
    let digests = client.texts("DEBUG DIGEST-VALUE kitchen hall");
    assert!(digests[0] == digests[1] && digests[0] != "0".repeat(40), "{digests:?}");
    assert!(client.int("MEMORY USAGE kitchen") > 48);
    client.run("DEBUG RELOAD");
    assert_eq!(client.texts("SERIES.RANGE kitchen 0 -1"), ["20.5", "21", "19.5"]);
    assert_eq!(client.texts("DEBUG DIGEST-VALUE kitchen hall"), digests);
    assert_eq!(client.int("UNLINK hall"), 1);
    let after = totals(client);
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 1));
}

/// How many measurements were added, and how many series have left the keyspace.
fn totals(client: &mut Client) -> (i64, i64) {
    let reply = client.run("SERIES.TOTALS");
    let number = |at: usize| reply.as_array().and_then(|fields| fields[at].as_int()).expect("a number");
    (number(1), number(3))
}

fn probe_options() -> Options {
    Options::new().module(&example::module("types_probe"), "")
}

/// Tells a story to each server there is, with the module `types_probe` loaded. The server must outlive it.
fn on_each_probe(story: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, probe_options());
        let mut client = server.client();
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
    }
}

fn is_since_7_2(installed: &Installed) -> bool {
    installed.version.family == Family::Valkey || (installed.version.major, installed.version.minor) >= (7, 2)
}

/// Redis before 8.0 and Valkey pass something else in the place of the key (defrag.c).
fn tells_keys_of_defrag(installed: &Installed) -> bool {
    installed.version.family == Family::Redis && installed.version.major >= 8
}

/// The payload of RESTORE that holds `value` instead, under a version and a checksum that are right: otherwise the
/// server would not ask the type at all.
fn payload(dump: &[u8], value: &[u8]) -> Vec<u8> {
    let mut payload = value.to_vec();
    payload.extend_from_slice(&dump[dump.len() - 10..dump.len() - 8]);
    let sum = crc64(&payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

/// CRC-64 as the servers compute it (crc64.c): polynomial 0xad93d23594c935a9, reflected, bit by bit.
fn crc64(bytes: &[u8]) -> u64 {
    let polynomial = 0xad93_d235_94c9_35a9_u64.reverse_bits();
    let step = |crc: u64| if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u64::from(*byte), |crc, _| step(crc)))
}
