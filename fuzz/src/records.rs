//! Commits and dumps of record stores: what is accepted leaves a store that is whole, and that others can take over.

use std::cell::Cell;

use record_store::feed::FeedQuery;
use record_store::list::ListQuery;
use record_store::options::{StorePatch, TypePatch};
use record_store::put::{Action, Condition, Op};
use record_store::{Commit, Cursor, EpochId, Filter, Limits, Loader, Store, View, Write};

/// The first byte says what the rest is: a chunk, a commit for a store that has something, commits and chunks one after the
/// other, a filter.
pub fn check(data: &[u8]) {
    let [choice, bytes @ ..] = data else { return };
    match choice % 4 {
        0 => check_dump(bytes),
        1 => check_commit(bytes),
        2 => check_pieces(bytes),
        _ => check_filter(bytes),
    }
}

pub fn dump(store: &Store) -> Vec<u8> {
    // A chunk begins with its format, which is the same for all.
    store.dump(64).flat_map(|chunk| chunk[1..].to_vec()).collect()
}

/// A store with something of everything.
pub fn sample() -> Store {
    let mut store = Store::new();
    let epoch = EpochId::new(0x1122_3344_5566_7788).expect("not 0");
    let write = Write { now: 1_000, term: 1, fresh_epoch: &|| epoch, limits: &Limits::default() };
    let patch = TypePatch { capacity: Some(Some(3)), ttl_ms: Some(Some(500)) };
    store.set_type_options(&write, b"hosts", patch).expect("options");
    let patch = StorePatch { changes_max: Some(Some(9)), ..StorePatch::default() };
    store.set_options(&write, patch).expect("options");
    for id in [b"a", b"b", b"c", b"d", b"e"] {
        let set = Op {
            type_name: b"hosts",
            id,
            condition: Condition::Always,
            action: Action::Set { data: b"data", ttl_ms: None },
        };
        let other = Op { type_name: b"other", action: Action::Set { data: id, ttl_ms: Some(9) }, ..set };
        store.put(&write, None, &[set, other]).expect("a put");
    }
    store.acquire(&write, b"lease", b"holder", 1_000).expect("a lease");
    store.set_cursor(&write, b"reader", store.cursor_at(store.version())).expect("a cursor");
    let later = EpochId::new(7).expect("not 0");
    let fresh_epoch = || later;
    let write = Write { now: 1_009, term: 2, fresh_epoch: &fresh_epoch, ..write };
    store.tend(&write, 3).expect("versions left");
    store
}

fn check_dump(bytes: &[u8]) {
    let mut loader = Loader::new();
    if loader.feed(bytes).is_err() {
        return;
    }
    if let Ok(store) = loader.finish() {
        check_store(store);
    }
}

fn check_commit(bytes: &[u8]) {
    let mut store = sample();
    let before = dump(&store);
    let Ok(commit) = Commit::decode(bytes, &store) else { return };
    let again = Commit::decode(&commit.encode(), &store).expect("what was encoded");
    assert_eq!(again.items.len(), commit.items.len());
    match store.apply(&commit) {
        Ok(()) => check_store(store),
        Err(_) => assert_eq!(dump(&store), before, "refused without a trace"),
    }
}

/// Each piece has its length before it.
fn check_pieces(mut bytes: &[u8]) {
    let mut store = Store::new();
    while let [len, rest @ ..] = bytes {
        let (piece, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        if let Ok(commit) = Commit::decode(piece, &store) {
            let _ = store.apply(&commit);
        }
        let _ = store.load_chunk(piece);
        bytes = rest;
    }
    dump(&store);
}

/// A store that was accepted: others can take it over, readers get through, and it goes on.
pub fn check_store(mut store: Store) {
    let before = dump(&store);
    let mut loader = Loader::new();
    store.dump(64).try_for_each(|chunk| loader.feed(&chunk)).expect("what was dumped");
    let mut replica = loader.finish().expect("all of it");
    assert_eq!(dump(&replica), before);
    read_all(&store);
    let next = Cell::new(0x5000);
    let fresh = || {
        next.set(next.get() + 1);
        EpochId::new(next.get()).expect("not 0")
    };
    let write = Write { now: 5_000, term: 3, fresh_epoch: &fresh, limits: &Limits::default() };
    for (index, commit) in changes(&mut store, &write).into_iter().enumerate() {
        let commit = Commit::decode(&commit.encode(), &replica).expect("what was encoded");
        replica.apply(&commit).unwrap_or_else(|error| panic!("change {index}: {error}"));
    }
    assert_eq!(dump(&replica), dump(&store));
    read_all(&store);
}

/// Refusals are fine: the store may be at the end of its versions or tokens.
fn changes(store: &mut Store, write: &Write<'_>) -> Vec<Commit> {
    let set = Op {
        type_name: b"hosts",
        id: b"a",
        condition: Condition::Always,
        action: Action::Set { data: b"new", ttl_ms: None },
    };
    let mut commits = Vec::new();
    commits.extend(store.put(write, None, &[set]).ok().map(|(_, commit)| commit));
    commits.extend(store.try_lease(write, b"lease", b"other", 50).ok().map(|(_, commit)| commit));
    commits.extend(store.acquire(write, b"new", b"other", 50).ok().map(|(_, commit)| commit));
    commits.extend(store.tend(write, 100).ok());
    let patch = TypePatch { capacity: Some(Some(1)), ttl_ms: None };
    commits.extend(store.set_type_options(write, b"hosts", patch).ok());
    let delete = Op { action: Action::Delete, ..set };
    commits.extend(store.put(write, None, &[delete, set, delete]).ok().map(|(_, commit)| commit));
    commits.extend(store.clear(write).ok());
    commits.retain(|commit| !commit.is_empty());
    commits
}

/// A list and the feed after it, then the feed alone: nobody is sent round in circles.
fn read_all(store: &Store) {
    let (mut from, mut records) = (None, 0);
    let last = loop {
        let query = ListQuery { from, types: &[], filter: None, count_max: 2, bytes_max: 100 };
        let page = store.list(&query, View { now: 0, term: None }).expect("a list of now");
        records += page.records.len();
        from = page.next;
        if from.is_none() {
            break page.cursor;
        }
    };
    assert!(records <= store.records());
    assert_eq!(follow(store, last), 0, "nothing after a list of now");
    let versions = store.versions();
    follow(store, store.cursor_at(versions.compact_version));
}

fn follow(store: &Store, mut after: Cursor) -> usize {
    let mut count = 0;
    loop {
        let query = FeedQuery { after, types: &[], count_max: 3, bytes_max: 200, latest: count % 2 == 0 };
        let page = store.feed(&query, None).expect("a cursor of its own");
        count += page.changes.len();
        after = page.cursor;
        if !page.more {
            return count;
        }
    }
}

fn check_filter(text: &[u8]) {
    let Ok(filter) = Filter::parse(text) else { return };
    let (store, view) = (sample(), View { now: 0, term: None });
    let query = ListQuery { from: None, types: &[], filter: Some(&filter), count_max: 99, bytes_max: 9_999 };
    let listed = store.list(&query, view).expect("a list of now").records;
    if let Some(ids) = filter.ids() {
        assert!(listed.iter().all(|record| ids.contains(&record.id())));
    }
}
