//! Every value that a projection holds is the source's, whatever was written.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::workload::{Abilities, Live};
use redis_mirror_test_support::{Installed, Options as ServerOptions, Server, survey};
use redis_replica::projection::{Item, Lookup, Projection, Tables, Value};
use redis_replica::resp::Value as Reply;
use redis_replica::transport::{Client, ClientConfig, Endpoint, Options, Replica, Start, connect, resolve};

const DBS: [u32; 2] = [0, 1];

struct Asker(Client);

impl Asker {
    fn of(server: &Server) -> Asker {
        let (limit, address) = (Duration::from_secs(5), server.address());
        let addresses = resolve(&Endpoint::new(address.ip().to_string(), address.port()), limit).unwrap();
        Asker(Client::new(connect(&addresses, limit).unwrap(), &ClientConfig::default()).unwrap())
    }

    fn ask(&mut self, args: &[&[u8]]) -> Reply {
        self.0.command(args).unwrap()
    }

    fn list(&mut self, args: &[&[u8]]) -> Vec<Vec<u8>> {
        let reply = self.ask(args);
        let items = reply.as_slice().unwrap_or_else(|| panic!("{reply:?}"));
        items.iter().map(|item| item.as_bytes().unwrap().to_vec()).collect()
    }

    /// The value of a key as the server tells it, in the projection's form; None for streams and no key.
    fn value(&mut self, key: &[u8]) -> Option<Value> {
        let kind = self.ask(&[b"TYPE", key]).as_bytes().unwrap().to_vec();
        Some(match kind.as_slice() {
            b"string" => Value::String(self.ask(&[b"GET", key]).as_bytes()?.to_vec()),
            b"list" => Value::List(self.list(&[b"LRANGE", key, b"0", b"-1"]).into()),
            b"set" => Value::Set(self.list(&[b"SMEMBERS", key]).into_iter().collect()),
            b"zset" => {
                let pairs = self.list(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]);
                let score = |text: &[u8]| std::str::from_utf8(text).unwrap().parse().unwrap();
                Value::ZSet(pairs.chunks(2).map(|pair| (pair[0].clone(), score(&pair[1]))).collect())
            }
            b"hash" => {
                let pairs = self.list(&[b"HGETALL", key]);
                let mut hash = std::collections::BTreeMap::new();
                for pair in pairs.chunks(2) {
                    let at = self.ask(&[b"HPEXPIRETIME", key, b"FIELDS", b"1", &pair[0]]);
                    let at = at
                        .as_slice()
                        .and_then(|times| times[0].as_integer())
                        .and_then(|at| u64::try_from(at).ok());
                    let field = redis_replica::projection::Field { value: pair[1].clone(), expire_at_ms: at };
                    hash.insert(pair[0].clone(), field);
                }
                Value::Hash(hash)
            }
            _ => return None,
        })
    }

    fn expiry(&mut self, key: &[u8]) -> Option<u64> {
        u64::try_from(self.ask(&[b"PEXPIRETIME", key]).as_integer()?).ok()
    }
}

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

fn project(installed: &Installed, seed: u64) {
    let server = Server::start(installed, ServerOptions::new());
    let mut client = server.client();
    let abilities = Abilities::of(&mut client).unwrap();
    let mut live = Live::new(seed, &abilities).with_destruction();
    live.run(&mut client, 3000).unwrap();
    let projection = Projection::one_table();
    let view = projection.view();
    let address = server.address();
    let options = Options::new(address.ip().to_string(), address.port()).start(Start::AFTER_LOAD);
    let replica = Replica::start(options, projection).unwrap();
    for round in 0..3 {
        live.run(&mut client, 3000).unwrap();
        wait_until("the source's offset", || {
            let source = server.info("replication").number("master_repl_offset");
            source.map(i64::cast_unsigned) == Some(replica.offset())
        });
        let (same, stale) = view.read(|tables| compare(&server, tables));
        let unknown = view.read(Tables::unknown_commands);
        println!(
            "{installed} seed {seed} round {round}: {same} values equal, {stale} keys stale, {unknown} unknown commands"
        );
        assert!(same > 20, "hardly anything was compared");
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
