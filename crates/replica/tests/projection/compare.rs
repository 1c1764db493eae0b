//! Every value that a projection holds is the source's, whatever was written.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::workload::{Abilities, Dataset, Live};
use redis_mirror_test_support::{Installed, Options as ServerOptions, Server, survey};
use redis_replica::callback::Entry;
use redis_replica::projection::{Item, Listener, Lookup, Projection, Tables, Value, View};
use redis_replica::transport::{Options, Replica, Start};

use super::asker::Asker;
use super::extra::Extra;

const DBS: [u32; 2] = [0, 1];

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Whether time alone explains a difference: the source tells of an expiry when it notices it.
fn has_expired(item: &Item) -> bool {
    let soon = now_ms() + 1000;
    let of_a_field = match &item.value {
        Value::Hash(hash) => hash.values().filter_map(|field| field.expire_at_ms).min(),
        _ => None,
    };
    item.expire_at_ms.into_iter().chain(of_a_field).any(|at| at < soon)
}

/// Returns how many values were compared and how many keys are stale.
fn compare(server: &Server, tables: &Tables) -> (usize, usize) {
    let (mut same, mut stale) = (0, 0);
    let mut asker = Asker::of(server);
    for db in DBS {
        asker.ask(&[b"SELECT", db.to_string().as_bytes()]);
        let mut keys: BTreeSet<Vec<u8>> = asker.list(&[b"KEYS", b"*"]).into_iter().collect();
        let ours = tables.iter().flat_map(|(_, table)| table.iter());
        keys.extend(ours.filter(|(of, ..)| *of == db).map(|(_, key, _)| key.to_vec()));
        for key in keys {
            let shown = key.escape_ascii();
            let (value, expire_at_ms) = (asker.value(&key), asker.expiry(&key));
            match tables.get(db, &key) {
                Lookup::Stale => stale += 1,
                Lookup::Item(item) if has_expired(item) => {}
                Lookup::Item(item) => {
                    assert_eq!(
                        (Some(&item.value), item.expire_at_ms),
                        (value.as_ref(), expire_at_ms),
                        "[{db}] {shown}"
                    );
                    same += 1;
                }
                Lookup::None => assert!(value.is_none(), "[{db}] {shown} is missing: {value:?}"),
            }
        }
    }
    (same, stale)
}

fn options(server: &Server, seed: u64) -> Options {
    let address = server.address();
    let mut options = Options::new(address.ip().to_string(), address.port()).start(Start::AFTER_LOAD);
    if seed % 2 == 1 {
        // Every value that can come in pieces does.
        options.driver.connection.limits.rdb.pieces_above_bytes = Some(0);
    }
    options
}

/// Returns how many keys are stale.
fn check<L: Listener + 'static>(server: &Server, view: &View, replica: &Replica<Projection<L>>) -> usize {
    wait_until("the source's offset", || {
        let source = server.info("replication").number("master_repl_offset");
        source.map(i64::cast_unsigned) == Some(replica.offset())
    });
    let (same, stale) = view.read(|tables| compare(server, tables));
    println!("  {same} values equal, {stale} keys stale");
    assert!(same > 20, "hardly anything was compared");
    stale
}

fn project(installed: &Installed, seed: u64) {
    println!("{installed} seed {seed}");
    let server = Server::start(installed, ServerOptions::new());
    let mut client = server.client();
    let abilities = Abilities::of(&mut client).unwrap();
    let mut live = Live::new(seed, &abilities).with_destruction();
    live.run(&mut client, 3000).unwrap();
    let projection = Projection::one_table();
    let view = projection.view();
    let replica = Replica::start(options(&server, seed), projection).unwrap();
    for _ in 0..3 {
        live.run(&mut client, 3000).unwrap();
        check(&server, &view, &replica);
        assert_eq!(view.read(Tables::unknown_commands), 0);
    }
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn v19_values_are_the_source_s_after_any_workload() {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    for installed in &servers {
        for seed in 0..3 {
            project(installed, seed);
        }
    }
}

/// Says which commands were not handled.
#[derive(Clone, Default)]
struct Unhandled(Arc<Mutex<Vec<String>>>);

impl Listener for Unhandled {
    fn unhandled(&mut self, command: &Entry<'_>) {
        self.0.lock().unwrap().push(format!("{command:?}"));
    }
}

fn project_all(installed: &Installed, seed: u64) {
    println!("{installed} seed {seed}");
    let server = Server::start(installed, ServerOptions::new());
    let mut client = server.client();
    let mut extra = Extra::new(seed, Abilities::of(&mut client).unwrap());
    extra.run(&mut client, 3000);
    let unhandled = Unhandled::default();
    let projection = Projection::new(Arc::new(|_, _| Some("all")), unhandled.clone());
    let view = projection.view();
    let replica = Replica::start(options(&server, seed), projection).unwrap();
    for _ in 0..3 {
        extra.run(&mut client, 3000);
        let stale = check(&server, &view, &replica);
        assert_eq!(unhandled.0.lock().unwrap().as_slice(), &[] as &[String]);
        assert_eq!(stale, 0);
    }
    replica.stop().unwrap().1.unwrap();
    extra.tell();
}

#[test]
fn v19_streams_bits_ranges_sorts_and_restored_values_are_all_projected() {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    for installed in &servers {
        for seed in 0..4 {
            project_all(installed, seed);
        }
    }
}

#[test]
fn v19_large_values_of_a_snapshot_are_whole_though_they_come_in_pieces() {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    for (seed, installed) in (0..).zip(&servers) {
        println!("{installed}");
        let server = Server::start(installed, ServerOptions::new());
        Dataset::new(seed, 300).dbs(&DBS).load(&mut server.client()).unwrap();
        let mut options = options(&server, 0);
        options.driver.connection.limits.rdb.pieces_above_bytes = Some(1000);
        let projection = Projection::one_table();
        let view = projection.view();
        let replica = Replica::start(options, projection).unwrap();
        assert_eq!(check(&server, &view, &replica), 0);
        replica.stop().unwrap().1.unwrap();
    }
}
