//! Commits and dumps that are damaged: an error, or a store that is whole.
#![allow(clippy::unwrap_used)]

#[path = "../../../fuzz/src/records.rs"]
mod checks;
#[path = "common/rng.rs"]
#[allow(dead_code)]
mod rng;

use std::path::Path;

use record_store::options::StorePatch;
use record_store::{Commit, Damaged, EpochId, Limits, Loader, Store, Write};

use checks::{dump, sample};
use rng::Rng;

/// What the checks of the fuzz target take first: what the rest is.
const DUMP: u8 = 0;
const COMMIT: u8 = 1;
const PIECES: u8 = 2;
const FILTER: u8 = 3;

fn check(what: u8, bytes: &[u8]) {
    checks::check(&[&[what], bytes].concat());
}

fn whole_dump() -> Vec<u8> {
    sample().dump(usize::MAX).next().unwrap()
}

/// A change of everything, for the sample.
fn commit() -> Vec<u8> {
    let mut store = sample();
    let epoch = EpochId::new(99).unwrap();
    let write = Write { now: 9_000, term: 9, fresh_epoch: &|| epoch, limits: &Limits::default() };
    let mut commit = store.tend(&write, 100).unwrap();
    let patch = StorePatch { changes_max: Some(Some(2)), ..StorePatch::default() };
    commit.items.extend(store.set_options(&write, patch).unwrap().items);
    commit.items.extend(store.acquire(&write, b"l", b"h", 9).unwrap().1.items);
    commit.items.extend(store.delete_cursor(&write, b"reader").unwrap().items);
    commit.items.extend(store.clear(&write).unwrap().items);
    commit.encode()
}

#[test]
fn what_is_whole_is_taken() {
    let mut store = sample();
    let commit = Commit::decode(&commit(), &store).unwrap();
    assert!(commit.items.len() > 8 && commit.clears() && commit.begins_epoch());
    assert_eq!(commit.freed_leases().collect::<Vec<_>>(), [b"lease"]);
    store.apply(&commit).unwrap();
    let mut loader = Loader::new();
    loader.feed(&whole_dump()).unwrap();
    assert_eq!(dump(&loader.finish().unwrap()), dump(&sample()));
}

#[test]
fn every_byte_is_changed() {
    for (what, whole) in [(DUMP, whole_dump()), (COMMIT, commit())] {
        let mut bytes = whole.clone();
        for at in 0..whole.len() {
            for other in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at] ^ 0x80, whole[at].wrapping_add(1)]
            {
                bytes[at] = other;
                check(what, &bytes);
            }
            bytes[at] = whole[at];
        }
    }
}

#[test]
fn it_is_cut_at_every_length() {
    for (what, whole) in [(DUMP, whole_dump()), (COMMIT, commit())] {
        for len in 0..whole.len() {
            check(what, &whole[..len]);
            check(what, &whole[len..]);
            if what == DUMP {
                let mut loader = Loader::new();
                let _ = loader.feed(&whole[..len]);
                assert!(loader.finish().is_err(), "without its end at {len}");
            }
        }
    }
}

#[test]
fn items_are_left_out_doubled_and_swapped() {
    let chunks: Vec<Vec<u8>> = sample().dump(0).map(|chunk| chunk[1..].to_vec()).collect();
    let joined = |chunks: &[Vec<u8>]| [vec![1], chunks.concat()].concat();
    for at in 0..chunks.len() {
        for other in 0..chunks.len() {
            let mut swapped = chunks.clone();
            swapped.swap(at, other);
            check(DUMP, &joined(&swapped));
            let mut doubled = chunks.clone();
            doubled.insert(other, chunks[at].clone());
            check(DUMP, &joined(&doubled));
        }
        let mut without = chunks.clone();
        without.remove(at);
        check(DUMP, &joined(&without));
    }
}

#[test]
fn bytes_by_chance() {
    let mut rng = Rng(17);
    for _ in 0..100_000 {
        let len = rng.below(60);
        // Tags and small numbers mean more than others.
        let small = rng.once_in(2);
        let mut bytes: Vec<u8> =
            (0..len).map(|_| if small { rng.below(14) as u8 } else { rng.next() as u8 }).collect();
        bytes.splice(..0, [1]);
        check(rng.below(4) as u8, &bytes);
    }
}

#[test]
fn many_bytes_of_chance_in_what_is_whole() {
    let mut rng = Rng(18);
    let pieces: Vec<u8> =
        sample().dump(40).flat_map(|chunk| [&[chunk.len() as u8], &chunk[..]].concat()).collect();
    for _ in 0..5_000 {
        for (what, whole) in [(DUMP, whole_dump()), (COMMIT, commit()), (PIECES, pieces.clone())] {
            let mut bytes = whole;
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(bytes.len() as u64) as usize;
                bytes[at] = rng.next() as u8;
            }
            check(what, &bytes);
        }
    }
}

#[test]
fn lengths_that_promise_much_cost_nothing() {
    // A lease whose name, and a change whose data, is said to have 512 MiB.
    check(COMMIT, b"\x01\x0a\x00\x00\x06\x80\x80\x80\x80\x02a");
    check(DUMP, b"\x01\x0b\x00\x00\x00\x04\x01\x01\x00\x00\x01t\x01i\x80\x80\x80\x80\x02");
    assert_eq!(
        Commit::decode(b"\x01\x00\x00\x00\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", &Store::new()),
        Err(Damaged::Form)
    );
}

#[test]
fn numbers_of_more_than_64_bits_are_refused() {
    let epoch = |last| [&[1, 0, 0, 0, 1][..], &[0xff; 9], &[last, 0]].concat();
    assert!(Commit::decode(&epoch(1), &Store::new()).is_ok(), "2^64 - 1");
    for last in [2, 3, 0x7f, 0x81] {
        assert_eq!(Commit::decode(&epoch(last), &Store::new()), Err(Damaged::Form), "{last}");
    }
}

#[test]
fn contradictions_are_refused() {
    let store = sample();
    let (base, mut refused) = (store.version() as u8, Vec::new());
    assert!(base < 0x80);
    for items in [
        [10, 10].as_slice(),                          // clears twice
        &[1, 5, base, 1, 6, base],                    // begins two epochs
        &[1, 7, base],                                // begins one that there is already
        &[11, 0, 0, 0],                               // begins a dump
        &[13],                                        // ends one
        &[1, 5, base - 1],                            // an epoch of an earlier version
        &[1, 5, base + 1],                            // and of a later one
        &[5, base + 1],                               // compacts what has not been
        &[5, 0],                                      // and what was long ago
        &[4, base, 0, 0, 0, 1, b't', 1, b'i', 0],     // a version again
        &[4, base + 2, 0, 0, 0, 1, b't', 1, b'i', 0], // and one too far
        &[12, 1, 0, 0, 0, 1, b't', 1, b'i', 0],       // a record from nowhere
    ] {
        let bytes = [&follows(&store).encode()[..], items].concat();
        let commit = Commit::decode(&bytes, &store).unwrap();
        refused.push(store.fork().apply(&commit));
    }
    assert!(refused.iter().all(|told| matches!(told, Err(Damaged::Content(_)))), "{refused:?}");
    let late = Commit { base: u64::from(base) + 1, ..follows(&store) };
    assert!(matches!(store.fork().apply(&late), Err(Damaged::Base { .. })));
    let other = Commit { epoch: EpochId::new(99), ..follows(&store) };
    assert_eq!(store.fork().apply(&other), Err(Damaged::Epoch));
    let change = [1, 0, 0, 0, 4, 1, 0, 0, 0, 1, b't', 1, b'i', 0];
    let commit = Commit::decode(&change, &Store::new()).unwrap();
    assert!(Store::new().apply(&commit).is_err(), "a change before the first epoch");
}

#[test]
fn contradictions_of_a_dump_are_refused() {
    let begin = [1, 11, 5, 0, 0, 1, 7, 0];
    let record = |version, id| [12, version, 0, 0, 0, 1, b't', 1, id, 0];
    let change = |version| [4, version, 0, 0, 0, 1, b't', 1, b'c', 0];
    let load = |items: &[&[u8]]| {
        let mut loader = Loader::new();
        loader.feed(&[&begin[..], &items.concat(), &[13]].concat())
    };
    assert_eq!(load(&[&record(3, b'i'), &record(5, b'j'), &change(6), &change(7)]), Ok(()));
    let deletion = [12, 3, 0, 0, 1, 1, b't', 1, b'i', 0];
    for items in [
        [&record(3, b'i')[..], &record(3, b'j')].as_slice(), // two of one version
        &[&record(3, b'i'), &record(2, b'j')],
        &[&record(3, b'i'), &record(4, b'i')], // one twice
        &[&record(6, b'i')],                   // one that belongs into the log
        &[&deletion],
        &[&change(6), &record(3, b'i')],
        &[&change(5)],
        &[&change(7)], // a gap
        &[&[1, 8, 9]], // an epoch that begins later than the store ends
        &[&[1, 8, 4, 1, 9, 3]],
        &[&[1, 7, 4]],   // an epoch twice
        &[&[5, 5]],      // what only commits have
        &[&begin[1..5]], // another begin
    ] {
        assert!(matches!(load(items), Err(Damaged::Content(_))), "{items:?}");
    }
    let no_epoch = [1, 11, 5, 0, 0, 13];
    assert!(Loader::new().feed(&no_epoch).is_err());
    assert_eq!(Loader::new().feed(&[1]), Err(Damaged::Content("nothing")));
    assert_eq!(Loader::new().feed(&[2, 11, 0, 0, 0, 13]), Err(Damaged::Form), "another format");
}

/// A commit that changes nothing and belongs to the store.
fn follows(store: &Store) -> Commit {
    Commit { base: store.version(), epoch: store.versions().epoch, at: 0, items: Vec::new() }
}

#[test]
fn nothing_is_applied_in_the_middle_of_a_dump() {
    let mut store = Store::new();
    let chunks: Vec<Vec<u8>> = sample().dump(0).collect();
    store.load_chunk(&chunks[0]).unwrap();
    let commit = follows(&store);
    assert!(store.apply(&commit).is_err());
    chunks[1..].iter().try_for_each(|chunk| store.load_chunk(chunk)).unwrap();
    assert!(store.load_chunk(&chunks[1]).is_err(), "after the end");
    assert_eq!(dump(&store), dump(&sample()));
}

/// More than a store remembers: refused before each is compared with all.
#[test]
fn a_dump_of_nothing_but_epochs() {
    let mut bytes = vec![1, 11, 0, 0, 0];
    for id in 0..100_000_u32 {
        bytes.extend([1, 0x80 | (id & 0x7f) as u8, 0x80 | (id >> 7 & 0x7f) as u8, 1 + (id >> 14) as u8, 0]);
    }
    bytes.push(13);
    assert!(matches!(Loader::new().feed(&bytes), Err(Damaged::Content(_))));
}

#[test]
fn stores_at_the_end_of_versions_and_tokens_refuse_and_stay_whole() {
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let begin =
        |version: &[u8], time: &[u8], token: &[u8]| [&[1, 11], version, time, token, &[1, 5, 0, 13]].concat();
    for bytes in [
        begin(&most, &[0], &[0]),
        begin(&[0], &most, &[0]),
        begin(&[0], &[0], &most),
        begin(&most, &most, &most),
    ] {
        let mut loader = Loader::new();
        loader.feed(&bytes).unwrap();
        let mut store = loader.finish().unwrap();
        check(DUMP, &bytes);
        let epoch = EpochId::new(3).unwrap();
        let write = Write { now: 1, term: 1, fresh_epoch: &|| epoch, limits: &Limits::default() };
        let granted = store.acquire(&write, b"l", b"h", 5).is_ok();
        assert_eq!(granted, !bytes[2..].starts_with(&most) && !bytes.ends_with(&[15, 1, 5, 0, 13]));
    }
}

#[test]
fn the_corpus_passes_its_checks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/records");
    let mut count = [0; 4];
    for entry in std::fs::read_dir(folder).unwrap() {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        checks::check(&input);
        count[usize::from(input[0] % 4)] += 1;
    }
    assert!(count.iter().all(|count| *count >= 3), "{count:?} of {:?}", [DUMP, COMMIT, PIECES, FILTER]);
}

/// A dump that ends after any of its items: a store that is whole, and that nobody mistakes for the one before.
#[test]
fn a_dump_without_its_end_is_a_new_history() {
    let before = sample();
    let chunks: Vec<Vec<u8>> = before.dump(1).collect();
    let epoch = EpochId::new(77).unwrap();
    let write = Write { now: 9_000, term: 9, fresh_epoch: &|| epoch, limits: &Limits::default() };
    for end in 1..chunks.len() {
        let mut store = Store::new();
        chunks[..end].iter().for_each(|chunk| store.load_chunk(chunk).unwrap());
        assert!(store.is_partial());
        store.end_partial(&write);
        assert!(!store.is_partial());
        let versions = store.versions();
        assert_eq!((versions.epoch, versions.version), (Some(epoch), versions.compact_version));
        assert_eq!(store.changes(), 0);
        for version in 0..=before.version() {
            assert!(store.check_cursor(before.cursor_at(version), Some(1)).is_err(), "{version} at {end}");
        }
        assert_eq!(store.check_cursor(store.cursor_at(versions.version), Some(1)), Ok(()));
        let mut loader = Loader::new();
        store.dump(50).for_each(|chunk| loader.feed(&chunk).unwrap());
        assert_eq!(dump(&loader.finish().unwrap()), dump(&store));
    }
    let mut whole = Store::new();
    chunks.iter().for_each(|chunk| whole.load_chunk(chunk).unwrap());
    whole.end_partial(&write);
    assert_eq!(dump(&whole), dump(&before), "one that is whole is left alone");
}
