//! Record stores: their values, and what is decided on them.

use record_store::put::{Action, Condition, Op};
use record_store::{Commit, EpochId, Limits, Store, Write};
use redis_replica::rdb::ModuleType;

use super::*;

/// A store of so many records, and what was decided on it last.
fn store(puts: usize) -> (Store, Commit) {
    let (mut store, mut last) = (Store::new(), None);
    for number in 0..puts {
        let fresh_epoch = || EpochId::new(7).expect("not zero");
        let write = Write { now: 1000, term: 1, fresh_epoch: &fresh_epoch, limits: &Limits::default() };
        let id = number.to_string();
        let action = Action::Set { data: b"data", ttl_ms: None };
        let op = Op { type_name: b"t", id: id.as_bytes(), condition: Condition::Always, action };
        last = Some(store.put(&write, None, &[op]).expect("within the limits").1);
    }
    (store, last.expect("a put"))
}

/// A module's value: a type's id, strings, the end mark.
fn value(name: &[u8; 9], version: u16, strings: &[&[u8]]) -> Vec<u8> {
    let id = ModuleType::new(name, version).expect("a name");
    let mut body = [&[0x81][..], &id.id().to_be_bytes()].concat();
    for string in strings {
        body.extend([5, 0x80]);
        body.extend(u32::try_from(string.len()).expect("short").to_be_bytes());
        body.extend_from_slice(string);
    }
    body.push(0);
    body
}

fn load(planner: &mut Planner, body: &[u8]) -> (Vec<OpKind>, Option<Loss>) {
    let mut batch = Batch::new();
    planner.snapshot_entry(&entry(0, b"k", 7, body), &mut batch).expect("planned or lost");
    let lost = planner.counters_mut().take_lost_keys().first().map(|lost| lost.loss);
    (batch.ops().iter().map(|op| op.kind).collect(), lost)
}

#[test]
fn stores_are_proven_before_they_are_planned() {
    let (store, _) = store(100);
    let chunks: Vec<Vec<u8>> = store.dump(200).collect();
    let mut strings: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    assert!(strings.len() > 3, "more than one chunk");
    strings.push(b"");
    let planner = &mut planner("");
    let planned = (vec![OpKind::LoadRestore { expire_at_ms: Some(77) }], None);
    let lost = |loss| (Vec::new(), Some(loss));
    assert_eq!(load(planner, &value(b"rmirror-r", 1, &strings)), planned);
    assert_eq!(load(planner, &value(b"rmirror-r", 0, &strings)), planned, "an older one");
    assert_eq!(load(planner, &value(b"rmirror-r", 2, &strings)), lost(Loss::NewerRecords));
    assert_eq!(load(planner, &value(b"rmirror-s", 1, &strings)), lost(Loss::ModuleValue));
    let last = strings.len() - 1;
    for broken in [&strings[..last], &strings[1..], &[b"".as_slice()], &[]] {
        assert_eq!(load(planner, &value(b"rmirror-r", 1, broken)), lost(Loss::Malformed));
    }
    strings.push(b"behind");
    assert_eq!(load(planner, &value(b"rmirror-r", 1, &strings)), lost(Loss::Malformed));
    strings.truncate(last + 1);
    planner.set_limits(PlanLimits { unit_bytes_max: 1000, unit_ops_max: 10 }, rdb::Limits::default());
    let (ops, loss) = load(planner, &value(b"rmirror-r", 1, &strings));
    assert!(
        ops.is_empty() && matches!(loss, Some(Loss::TooLarge { what: "memory", limit: 4000, .. })),
        "{loss:?}"
    );
}

fn apply(planner: &mut Planner, args: &[&[u8]]) -> Vec<String> {
    let mut batch = Batch::new();
    let args = [&[b"RECORD.APPLY".as_slice()], args].concat();
    let _one_origin = planner.command(0, args.as_slice(), 1, &mut batch).expect("planned");
    lines(&batch)
}

#[test]
fn commits_are_proven_and_renamed_and_all_else_is_fetched() {
    let commit = store(1).1.encode();
    let planner = &mut planner("MATCH in:* PREFIX p:");
    let expected = format!("0 RecordCommit p:in:k {}", commit.escape_ascii());
    assert_eq!(apply(planner, &[b"in:k", b"commit", &commit]), [expected]);
    assert_eq!(apply(planner, &[b"out", b"COMMIT", &commit]), ["0 Position"]);
    assert_eq!(planner.counters().refetched_keys, 0);
    let (cut, longer) = (&commit[..commit.len() - 1], [&commit[..], b"\x0d"].concat());
    for (form, bytes) in [("LOAD", &commit[..]), ("COMMIT", cut), ("COMMIT", b""), ("COMMIT", b"\x02\0\0\0")]
    {
        assert_eq!(apply(planner, &[b"in:k", form.as_bytes(), bytes]), ["0 Repair p:in:k"], "{form}");
    }
    assert_eq!(apply(planner, &[b"in:k", b"COMMIT", &commit, b"more"]), ["0 Repair p:in:k"]);
    // One item more than a unit may have.
    let items = Commit::check_form(&longer).expect("well-formed");
    planner
        .set_limits(PlanLimits { unit_ops_max: items - 1, ..PlanLimits::default() }, rdb::Limits::default());
    assert_eq!(apply(planner, &[b"in:k", b"COMMIT", &longer]), ["0 Repair p:in:k"]);
    assert_eq!(apply(planner, &[b"in:k"]), ["0 Position"]);
    assert_eq!(
        planner.counters().refused_names().first().map(|row| row.reason),
        Some(RefusedReason::Malformed)
    );
}

#[test]
fn a_commit_belongs_to_one_history() {
    let (mut one, _) = store(3);
    let copy = || {
        let mut loader = record_store::Loader::new();
        store(2).0.dump(100).for_each(|chunk| loader.feed(&chunk).expect("well-formed"));
        loader.finish().expect("complete")
    };
    let commit = store(3).1;
    assert_eq!(copy().apply(&commit), Ok(()));
    // A lease takes no version; whoever granted it began an epoch.
    let mut other = copy();
    let fresh_epoch = || EpochId::new(8).expect("not zero");
    let write = Write { now: 1000, term: 5, fresh_epoch: &fresh_epoch, limits: &Limits::default() };
    other.acquire(&write, b"l", b"holder", 1000).expect("free");
    assert_eq!(other.version(), copy().version());
    assert_eq!(other.apply(&commit), Err(record_store::Damaged::Epoch));
    assert!(matches!(one.apply(&commit), Err(record_store::Damaged::Base { wanted: 2, version: 3 })));
}
