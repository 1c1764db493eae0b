//! What is counted along is what there is, whatever came before.

use super::*;
use crate::commit::Commit;
use crate::options::{StorePatch, TypePatch};
use crate::put::{Action, Condition, Op};
use crate::upkeep::Trim;
use crate::write::Write;

#[path = "../../tests/common/rng.rs"]
mod rng;

use rng::Rng;

const TYPES: [&[u8]; 4] = [b"a", b"bb", b"ccc", b"dddd"];

fn assert_consistent(store: &Store) {
    let compact_version = store.log.compact_version();
    let records: Vec<&Arc<Change>> =
        store.types.values().flat_map(|state| state.records_after(0)).map(|(_, r)| r).collect();
    let base: Vec<_> = records.iter().filter(|record| record.version() <= compact_version).collect();
    let footprint = base.iter().map(|record| record.footprint()).sum();
    assert_eq!(store.base, Tally { count: base.len(), footprint });
    assert_eq!(store.live, records.len());
    let types = store.types.keys().map(|name| shared(name.len()));
    assert_eq!(store.names, types.chain(store.cursors.keys().map(|name| block(name.len()))).sum::<usize>());
    assert_eq!(store.log.cost(), store.log.after(0).map(|change| change.cost()).sum::<usize>());
    let footprint: usize = store.log.after(0).map(|change| change.footprint()).sum();
    assert!(store.log.footprint() >= footprint && store.log.footprint() <= footprint + 10_000);
    let versions: Vec<u64> = store.log.after(0).map(|change| change.version()).collect();
    assert_eq!(versions, (compact_version + 1..=store.version()).collect::<Vec<_>>());
    let mut ending: Vec<(u64, u64)> =
        records.iter().filter_map(|record| Some((record.expires_at()?, record.version()))).collect();
    ending.sort_unstable();
    assert_eq!(store.ending.keys().copied().collect::<Vec<_>>(), ending);
    assert!(store.ending.iter().all(|((_, version), record)| record.version() == *version));
    for (name, state) in &store.types {
        assert!(!state.is_needless(), "a type that nothing needs");
        state.assert_consistent();
        let of_type = store.log.after(0).filter(|change| change.type_name() == &**name);
        let logged: Vec<u64> = state.logged_after(0).map(|(version, ())| version).collect();
        assert_eq!(logged, of_type.map(|change| change.version()).collect::<Vec<_>>());
    }
    for change in store.log.after(0) {
        let record = store.type_state(change.type_name()).expect("its type").record(change.id());
        assert!(record.is_none_or(|record| record.version() <= store.version()));
    }
    store.leases.assert_consistent();
    assert!(store.history.iter().is_sorted_by_key(|epoch| epoch.start));
}

fn assert_within_limits(store: &Store) {
    assert!(store.options.bytes_max.is_none_or(|max| store.log.cost() as u64 <= max));
    assert!(store.options.changes_max.is_none_or(|max| store.log.len() as u64 <= max));
}

fn write_once(store: &mut Store, rng: &mut Rng, now: u64, term: u64) -> Commit {
    let fresh = EpochId::new(rng.next() | 1).expect("not 0");
    let write = Write { now, term, fresh_epoch: &|| fresh, limits: &Limits::default() };
    let type_name = *rng.pick(&TYPES);
    let id = [b'a' + rng.below(12) as u8];
    match rng.below(20) {
        0 => {
            let patch =
                TypePatch { capacity: Some(Some(1 + rng.below(8)).filter(|most| *most != 8)), ttl_ms: None };
            store.set_type_options(&write, type_name, patch)
        }
        1 => {
            let changes_max = Some((!rng.once_in(3)).then(|| rng.below(90)));
            let bytes_max = Some((!rng.once_in(3)).then(|| rng.below(9_000)));
            store.set_options(&write, StorePatch { retain_ms: Some(Some(300)), changes_max, bytes_max })
        }
        2 => store.tend(&write, rng.below(9) as usize),
        3 => store.trim(&write, Trim::Keep(rng.below(100))).map(|(_, commit)| commit),
        4 if rng.once_in(20) => store.clear(&write),
        5 => store.try_lease(&write, &id, b"holder", rng.below(2) * rng.below(99)).map(|(_, commit)| commit),
        _ => {
            let ttl_ms = rng.once_in(3).then(|| 1 + rng.below(99));
            let action = if rng.once_in(4) { Action::Delete } else { Action::Set { data: b"data", ttl_ms } };
            let op = Op { type_name, id: &id, condition: Condition::Always, action };
            let put = store.put(&write, None, &[op]);
            return put.expect("within limits").1;
        }
    }
    .expect("within limits")
}

#[test]
fn what_is_counted_along_is_what_there_is() {
    for seed in 0..8 {
        let (mut store, mut rng, mut replica) = (Store::new(), Rng(seed), Store::new());
        for step in 0..4_000 {
            let commit = write_once(&mut store, &mut rng, step * 3, step / 500);
            replica.apply(&commit).expect("what was decided");
            assert_consistent(&store);
            assert_within_limits(&store);
            assert_consistent(&replica);
        }
    }
}

#[test]
fn damaged_commits_and_chunks_leave_every_count_right() {
    let (mut store, mut rng) = (Store::new(), Rng(5));
    let (mut applied, mut loaded) = (0, 0);
    for step in 0..300 {
        let before = store.fork();
        let mut bytes = write_once(&mut store, &mut rng, step * 5, 0).encode();
        for _ in 0..60 {
            let at = rng.below(bytes.len() as u64) as usize;
            let old = std::mem::replace(&mut bytes[at], rng.next() as u8);
            let mut replica = before.fork();
            if let Ok(commit) = Commit::decode(&bytes, &replica) {
                applied += u64::from(replica.apply(&commit).is_ok());
            }
            assert_consistent(&replica);
            bytes[at] = old;
        }
        let mut chunk = store.dump(usize::MAX).next().expect("a chunk");
        let at = rng.below(chunk.len() as u64) as usize;
        chunk[at] = rng.next() as u8;
        let mut replica = Store::new();
        loaded += u64::from(replica.load_chunk(&chunk).is_ok());
        assert_consistent(&replica);
    }
    assert!(applied > 100 && loaded > 10, "{applied} {loaded}");
}

#[test]
fn indexes_shrink_with_what_they_hold() {
    let (mut store, limits) = (Store::new(), Limits::default());
    let fresh = || EpochId::new(1).expect("not 0");
    let write = Write { now: 1, term: 1, fresh_epoch: &fresh, limits: &limits };
    let mut change = |action| {
        for id in 0..20_000_u32 {
            let id = id.to_string();
            let op = Op { type_name: b"t", id: id.as_bytes(), condition: Condition::Always, action };
            store.put(&write, None, &[op]).expect("within limits");
        }
    };
    change(Action::Set { data: b"", ttl_ms: None });
    change(Action::Delete);
    let op = Op {
        type_name: b"t",
        id: b"1",
        condition: Condition::Always,
        action: Action::Set { data: b"", ttl_ms: None },
    };
    store.put(&write, None, &[op]).expect("within limits");
    store.trim(&write, Trim::Keep(0)).expect("versions left");
    let room = store.type_state(b"t").expect("a record").room();
    assert!(room < 300, "{room}");
    assert_consistent(&store);
}

#[test]
fn a_log_is_cut_to_its_limits_without_looking_at_what_stays() {
    // As many looks as changes go, whatever stays: log_limit is asked after each write.
    let mut log = Log::starting_at(5);
    for version in 6..20 {
        let parts = crate::change::Parts {
            version,
            modified_at: 0,
            expires_at: None,
            kind: crate::Kind::Set,
            id: b"i",
            data: b"",
        };
        log.push(Arc::new(Change::new(Arc::from(&b"t"[..]), parts)));
    }
    let bytes_max = Some(66 * 4 + 65);
    let store =
        Store { log, options: StoreOptions { bytes_max, ..StoreOptions::default() }, ..Store::default() };
    assert_eq!(store.log_limit(), 15, "four of 66 fit");
    let store = Store { options: StoreOptions { changes_max: Some(3), ..store.options }, ..store };
    assert_eq!(store.log_limit(), 16);
}
