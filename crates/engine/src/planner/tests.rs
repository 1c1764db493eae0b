use super::*;
use crate::batch::{Op, OpKind, ResyncReason};
use crate::checkpoint::Checkpoint;
use crate::command::RefusedReason;
use crate::definition::parse;
use redis_replica::rdb::Target;

mod records;
mod rings;

fn id(letter: u8) -> ReplId {
    ReplId::from_bytes(&[letter; 40]).expect("forty letters")
}

fn from(letter: u8) -> Origin {
    Origin::unmoved(id(letter))
}

fn words(text: &str) -> Vec<&[u8]> {
    text.split_whitespace().map(str::as_bytes).collect()
}

fn planner_on(options: &str, target: Target) -> Planner {
    let text = format!("m redis://h {options}");
    let scope = Scope::new(&parse(&words(&text)).expect("valid").definition);
    let mut planner = Planner::new(Arc::new(scope), LocalServer::by_release(target), PlanLimits::default());
    planner.start(id(b'a'), &mut Batch::new()).expect("another server");
    planner
}

fn planner(options: &str) -> Planner {
    planner_on(options, Target::redis(8, 6, 0))
}

fn feed(planner: &mut Planner, db: u32, command: &str, offset: u64, out: &mut Batch) -> Cut {
    planner.command(db, words(command).as_slice(), offset, out).expect("planned")
}

/// An op in a line: its db, what it does, its args.
fn line(batch: &Batch, op: &Op) -> String {
    let name = match op.kind {
        OpKind::Call => op.command.expect("a call's command").name().to_uppercase(),
        other => format!("{other:?}"),
    };
    let args: Vec<String> = batch.args(op).map(|arg| arg.escape_ascii().to_string()).collect();
    format!("{} {} {}", op.db, name, args.join(" ")).trim_end().to_owned()
}

fn lines(batch: &Batch) -> Vec<String> {
    batch.ops().iter().map(|op| line(batch, op)).collect()
}

fn plan_in(options: &str, target: Target, db: u32, command: &str) -> String {
    let mut batch = Batch::new();
    assert_eq!(feed(&mut planner_on(options, target), db, command, 7, &mut batch), Cut::None);
    let last = batch.ops().last().expect("at least a position");
    assert!(last.boundary && last.offset == 7 && last.source_db == db, "{command}");
    lines(&batch).join("; ")
}

fn plan(options: &str, command: &str) -> String {
    plan_in(options, Target::redis(8, 6, 0), 0, command)
}

#[test]
fn keys_are_renamed_wherever_they_stand() {
    for (command, expected) in [
        ("SET k v", "0 SetString { expire_at_ms: None } p:k v"),
        ("SET k v PXAT 5", "0 SetString { expire_at_ms: Some(5) } p:k v"),
        ("SET k v KEEPTTL GET", "0 SET p:k v KEEPTTL"),
        ("HMSET k f v", "0 HashSet p:k f v"),
        ("INCR k", "0 INCR p:k"),
        ("mset k a j b", "0 MSET p:k a p:j b"),
        ("MSETNX k a j b", "0 MSET p:k a p:j b"),
        ("BITOP AND d a b", "0 BITOP AND p:d p:a p:b"),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "0 ZUNIONSTORE p:d 2 p:a p:b WEIGHTS 1 2"),
        ("XGROUP CREATE s g $", "0 XGROUP CREATE p:s g $"),
        ("GEORADIUS k 1 2 3 KM COUNT 1 STORE d", "0 GEORADIUS p:k 1 2 3 KM COUNT 1 STORE p:d"),
        ("SORT k BY nosort STORE d", "0 SORT p:k BY nosort STORE p:d"),
        ("SORT k BY w_* STORE d", "0 Repair p:d"),
        ("SORT k GET # GET o_* STORE d", "0 Repair p:d"),
        ("LMPOP 2 a b LEFT", "0 LMPOP 2 p:a p:b LEFT"),
        ("COPY a b", "0 COPY p:a p:b REPLACE"),
        ("COPY a b DB 2 REPLACE", "0 COPY p:a p:b DB 2 REPLACE"),
        ("MOVE a 2", "0 MOVE p:a 2"),
        ("SPOP s", "0 Repair p:s"),
        ("RENAMENX a b", "0 RENAME p:a p:b"),
    ] {
        assert_eq!(plan("PREFIX p:", command), expected, "{command}");
    }
    assert_eq!(plan("", "SORT k BY w_* STORE d"), "0 SORT k BY w_* STORE d");
}

#[test]
fn what_crosses_the_filter_is_split_or_fetched() {
    for (command, expected) in [
        ("SET out v", "0 Position"),
        ("DEL in:1 out in:2", "0 DEL in:1 in:2"),
        ("UNLINK out in:1", "0 UNLINK in:1"),
        ("MSET out a in:1 b", "0 MSET in:1 b"),
        ("MSETEX 2 out a in:1 b EXAT 9", "0 SetString { expire_at_ms: Some(9000) } in:1 b"),
        ("RENAME in:1 out", "0 DEL in:1"),
        ("RENAME out in:1", "0 Repair in:1"),
        ("LMOVE in:1 out LEFT RIGHT", "0 LPOP in:1"),
        ("LMOVE in:1 out RIGHT RIGHT", "0 RPOP in:1"),
        ("BRPOPLPUSH in:1 out 0", "0 RPOP in:1"),
        ("LMOVE out in:1 LEFT RIGHT", "0 Repair in:1"),
        ("SMOVE in:1 out m", "0 SREM in:1 m"),
        ("SMOVE out in:1 m", "0 SADD in:1 m"),
        ("SUNIONSTORE in:d in:1 out", "0 Repair in:d"),
        ("SUNIONSTORE out in:1 in:2", "0 Position"),
        ("ZMPOP 2 out in:1 MIN", "0 Repair in:1"),
        ("COPY out in:1", "0 Repair in:1"),
        ("COPY in:1 out", "0 Position"),
        ("SORT in:1 BY x:* STORE in:2", "0 Repair in:2"),
    ] {
        assert_eq!(plan("MATCH in:*", command), expected, "{command}");
    }
}

#[test]
fn dbs_are_mapped() {
    let options = "DB 1 TO 5 DB 2 TO 6";
    for (db, command, expected) in [
        (0, "SET k v", "0 Position"),
        (1, "INCR k", "5 INCR k"),
        (1, "MOVE k 2", "5 MOVE k 6"),
        (1, "MOVE k 0", "5 DEL k"),
        (0, "MOVE k 1", "5 Repair k"),
        (0, "MOVE k 3", "0 Position"),
        (1, "COPY a b DB 2", "5 COPY a b DB 6 REPLACE"),
        (2, "COPY a b DB 1", "6 COPY a b DB 5 REPLACE"),
        (0, "COPY a b DB 1", "5 Repair b"),
        (1, "COPY a b DB 0", "0 Position"),
        (0, "SWAPDB 1 2", "0 SwapDb { a: 5, b: 6 }"),
        (0, "SWAPDB 1 0", "0 Resync(PartialSwapDb)"),
        (0, "SWAPDB 0 3", "0 Position"),
        (1, "FLUSHDB ASYNC", "5 FlushDb"),
        (0, "FLUSHDB", "0 Position"),
        (0, "FLUSHALL", "0 FlushAll"),
    ] {
        assert_eq!(plan_in(options, Target::redis(8, 6, 0), db, command), expected, "{db} {command}");
    }
    assert_eq!(plan("MATCH a*", "SWAPDB 0 1"), "0 Resync(PartialSwapDb)");
}

#[test]
fn an_older_server_gets_what_it_knows() {
    for (command, expected) in [
        ("HSETEX h FNX FIELDS 1 f v", "0 HashSet h f v"),
        ("HSETEX h PXAT 5 FIELDS 1 f v", "0 HashSet h f v"),
        ("HPEXPIREAT h 5 FIELDS 1 f", "0 Position"),
        ("HPERSIST h FIELDS 1 f", "0 Position"),
        ("HGETDEL h FIELDS 2 f g", "0 HDEL h f g"),
        ("DELEX k IFEQ v", "0 DEL k"),
        ("DELIFEQ k v", "0 DEL k"),
        ("SET k v IFEQ w", "0 SetString { expire_at_ms: None } k v"),
        ("MSETEX 1 k v KEEPTTL", "0 SET k v KEEPTTL"),
        ("XADD s KEEPREF MAXLEN = 5 1-1 f v", "0 XADD s MAXLEN = 5 1-1 f v"),
        ("XADD s ACKED MAXLEN = 5 1-1 f v", "0 Repair s"),
        ("XADD s IDMP p i 1-1 f v", "0 XADD s 1-1 f v"),
        ("XADD s * f v", "0 Repair s"),
        ("XDELEX s KEEPREF IDS 1 1-1", "0 XDEL s 1-1"),
        ("XDELEX s DELREF IDS 1 1-1", "0 Repair s"),
        ("XACKDEL s g KEEPREF IDS 1 1-1", "0 Repair s"),
        ("XIDMPRECORD s p i 1-1", "0 Position"),
        ("BITOP DIFF d a b", "0 Repair d"),
        ("GEOSEARCHSTORE d s BYPOLYGON 3 1 1 2 2 3 3", "0 Repair d"),
        ("PFDEBUG TODENSE k", "0 Repair k"),
    ] {
        assert_eq!(plan_in("", Target::redis(7, 0, 15), 0, command), expected, "{command}");
    }
}

#[test]
fn losses_are_counted_and_their_keys_named() {
    let (mut planner, mut batch) = (planner_on("PREFIX p:", Target::redis(7, 0, 0)), Batch::new());
    for command in ["HPEXPIREAT h 5 FIELDS 1 f", "HSETEX h PXAT 5 FIELDS 1 f v", "XIDMPRECORD s p i 1-1"] {
        let _one_origin = feed(&mut planner, 3, command, 1, &mut batch);
    }
    let lost: Vec<_> =
        planner.counters().lost_keys().iter().map(|lost| (lost.db, lost.key.as_slice(), lost.loss)).collect();
    assert_eq!(lost, [(3, &b"p:h"[..], Loss::FieldExpiry), (3, b"p:s", Loss::StreamIdempotency)]);
    assert_eq!(planner.counters().losses, 3);
}

#[test]
fn relative_times_need_the_sources_clock() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    let _one_origin = feed(&mut planner, 0, "EXPIRE k 5", 1, &mut batch);
    planner.set_source_now(1_000_000);
    for command in
        ["EXPIRE k 5", "PEXPIRE k -2000000", "SETEX k 5 v", "SET k v PX 5", "EXPIREAT k 3 NX", "GETEX k"]
    {
        let _one_origin = feed(&mut planner, 0, command, 2, &mut batch);
    }
    assert_eq!(
        lines(&batch),
        [
            "0 Repair k",
            "0 PEXPIREAT k 1005000",
            "0 DEL k",
            "0 SetString { expire_at_ms: Some(1005000) } k v",
            "0 SetString { expire_at_ms: Some(1000005) } k v",
            "0 PEXPIREAT k 3000",
            "0 Position",
        ]
    );
}

#[test]
fn what_an_old_source_claims_is_fetched() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    let claims = [
        "XCLAIM s g c 0 1-1 TIME 5 RETRYCOUNT 1 FORCE JUSTID",
        "XCLAIM s g c 0 1-1 TIME 5 RETRYCOUNT 2 FORCE",
    ];
    for claim in claims {
        let _one_origin = feed(&mut planner, 0, claim, 1, &mut batch);
    }
    planner.set_source_now(1_000_000);
    for claim in claims {
        let _one_origin = feed(&mut planner, 0, claim, 2, &mut batch);
    }
    let expected = [claims[0], claims[1], claims[0], "Repair s"].map(|claim| format!("0 {claim}"));
    assert_eq!(lines(&batch), expected);
}

#[test]
fn a_restore_is_validated_or_fetched() {
    // The payload DUMP gives for the string "v" on Redis 7.0.
    let payload = b"\x00\x01v\x0a\x00";
    let (mut planner, mut batch) = (planner(""), Batch::new());
    planner.set_source_family(Family::Redis);
    let hostile: [&[u8]; 4] = [b"RESTORE", b"k", b"0", payload];
    let _one_origin = planner.command(0, &hostile, 1, &mut batch).expect("planned");
    let unchecked: [&[u8]; 4] =
        [b"RESTORE-ASKING", b"k", b"0", b"\x00\x01v\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00"];
    let _one_origin = planner.command(0, &unchecked, 2, &mut batch).expect("planned");
    assert_eq!(lines(&batch), ["0 Repair k", "0 SetString { expire_at_ms: None } k v"]);
}

#[test]
fn what_is_not_in_the_table_is_refused_and_named() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    for (offset, command) in [
        "CONFIG SET dir x",
        "eval x 0",
        "NEWCMD k",
        "newcmd k",
        "FT.ADD x",
        "MSET a",
        "VADD k x",
        "PUBLISH c m",
        "CONFIG GET x",
    ]
    .into_iter()
    .enumerate()
    {
        let _one_origin = feed(&mut planner, 0, command, offset as u64, &mut batch);
    }
    assert_eq!(lines(&batch), ["0 Position"]);
    assert_eq!((batch.ops()[0].offset, planner.counters().refused), (8, 9));
    let names: Vec<_> = planner
        .counters()
        .refused_names()
        .iter()
        .map(|row| (row.name.escape_ascii().to_string(), row.reason, row.count))
        .collect();
    use RefusedReason as R;
    let expected = [
        ("config", R::Administration, 2),
        ("eval", R::Script, 1),
        ("newcmd", R::Unknown, 2),
        ("ft.add", R::Module, 1),
        ("mset", R::Malformed, 1),
        ("vadd", R::DataType, 1),
        ("publish", R::Message, 1),
    ];
    assert_eq!(names, expected.map(|(name, reason, count)| (name.to_owned(), reason, count)));
    for number in 0..1000 {
        let _one_origin = feed(&mut planner, 0, &format!("CMD{number}"), 9, &mut batch);
    }
    assert_eq!(planner.counters().refused_names().len(), 64, "the list is bounded");
    let _one_origin = feed(&mut planner, 0, "TRIMSLOTS RANGES 1 0 5", 10, &mut batch);
    assert_eq!(batch.ops().last().map(|op| op.kind), Some(OpKind::Resync(ResyncReason::SlotRemoval)));
}

#[test]
fn a_transaction_is_one_unit() {
    let (mut planner, mut batch) = (planner("MATCH a*"), Batch::new());
    planner.multi(&mut batch).expect("open");
    assert!(planner.in_unit() && !batch.is_complete());
    let _inside = feed(&mut planner, 0, "INCR a", 10, &mut batch);
    let _inside = feed(&mut planner, 0, "INCR b", 20, &mut batch);
    let _inside = feed(&mut planner, 2, "INCR a2", 30, &mut batch);
    planner.progress(2, 35, &mut batch).expect("ignored");
    assert_eq!(planner.exec(2, 40, &mut batch), Ok(Cut::None));
    let ends: Vec<_> = batch.ops().iter().map(|op| (op.boundary, op.offset, op.source_db)).collect();
    assert_eq!(ends, [(false, 10, 0), (true, 40, 2)]);
    assert!(batch.is_complete());
    planner.multi(&mut batch).expect("open");
    assert_eq!(planner.exec(0, 60, &mut batch), Ok(Cut::None));
    assert_eq!(batch.ops().last().map(|op| (op.kind, op.offset)), Some((OpKind::Position, 60)));
}

#[test]
fn damaged_transactions_are_named_errors() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    assert_eq!(planner.exec(0, 1, &mut batch), Err(PlanError::ExecWithoutMulti));
    planner.multi(&mut batch).expect("open");
    assert_eq!(planner.multi(&mut batch), Err(PlanError::NestedMulti));
    let _inside = feed(&mut planner, 0, "INCR a", 10, &mut batch);
    planner.start(id(b'a'), &mut batch).expect("resumed");
    assert!(batch.is_empty() && batch.is_complete(), "what a broken link left open is gone");
    let limits = PlanLimits { unit_ops_max: 2, unit_bytes_max: 1000 };
    planner.set_limits(limits, rdb::Limits::default());
    planner.multi(&mut batch).expect("open");
    for _ in 0..2 {
        let _inside = feed(&mut planner, 0, "INCR a", 10, &mut batch);
    }
    let third = planner.command(0, words("INCR a").as_slice(), 11, &mut batch);
    assert!(matches!(third, Err(PlanError::UnitTooLarge { ops: 3, .. })), "{third:?}");
}

/// What a transaction takes is more than its arguments: commands without any are counted too.
#[test]
fn a_transaction_is_limited_by_all_it_takes() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    let limits = PlanLimits { unit_ops_max: usize::MAX, unit_bytes_max: 1 << 20 };
    planner.set_limits(limits, rdb::Limits::default());
    planner.multi(&mut batch).expect("open");
    let refused = loop {
        if let Err(error) = planner.command(0, words("INCR a").as_slice(), 10, &mut batch) {
            break error;
        }
    };
    let PlanError::UnitTooLarge { ops, bytes, .. } = refused else { panic!("{refused}") };
    assert!(bytes > 1 << 20 && bytes == batch.size_bytes() && ops > 1000, "{refused}");
    assert!(
        refused.to_string().contains("at most 1048576 bytes")
            || refused.to_string().contains("of at most 1048576")
    );
}

fn checkpoint(origins: &[Origin]) -> Vec<Vec<u8>> {
    let mut args = Checkpoint { origins: origins.to_vec(), ..Checkpoint::default() }.encode(b"other");
    args.insert(0, b"mirror.checkpoint".to_vec());
    args
}

fn unit(planner: &mut Planner, origins: &[Origin], offset: u64, out: &mut Batch) -> Cut {
    planner.multi(out).expect("open");
    let _inside = feed(planner, 0, &format!("SET k{offset} v"), offset - 2, out);
    let _inside = planner.command(0, &checkpoint(origins), offset - 1, out).expect("read");
    planner.exec(0, offset, out).expect("closed")
}

#[test]
fn a_batch_has_one_origin_list_and_units_are_never_lost() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    let _plain = feed(&mut planner, 0, "SET k0 v", 10, &mut batch);
    assert_eq!(**batch.origins(), [from(b'a')]);
    assert_eq!(unit(&mut planner, &[from(b'b')], 20, &mut batch), Cut::Before);
    assert_eq!(lines(&batch), ["0 SetString { expire_at_ms: None } k0 v"]);
    assert!(planner.holds_unit());
    let early = planner.command(0, words("INCR a").as_slice(), 30, &mut batch);
    assert_eq!(early, Err(PlanError::HeldUnit));
    batch.clear();
    assert_eq!(unit(&mut planner, &[from(b'b')], 30, &mut batch), Cut::None);
    assert_eq!(lines(&batch).len(), 2, "the held unit comes first");
    assert_eq!((batch.ops()[0].offset, batch.ops()[1].offset), (20, 30));
    assert_eq!(**batch.origins(), [from(b'b'), from(b'a')]);
    assert_eq!(feed(&mut planner, 0, "SET k9 v", 40, &mut batch), Cut::Before);
    batch.clear();
    planner.deliver_held(&mut batch).expect("empty");
    assert_eq!((lines(&batch).len(), **batch.origins() == [from(b'a')]), (1, true));
}

#[test]
fn units_that_passed_through_this_server_are_dropped_whole() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    planner.set_own_replids(&[id(b'x'), id(b'y')]);
    assert_eq!(planner.start(id(b'y'), &mut batch), Err(PlanError::SourceIsSelf));
    assert_eq!(unit(&mut planner, &[from(b'b'), from(b'y')], 20, &mut batch), Cut::None);
    assert_eq!(lines(&batch), ["0 Position"]);
    assert_eq!((batch.ops()[0].offset, planner.counters().looped_units), (20, 1));
    assert_eq!(unit(&mut planner, &[from(b'b')], 30, &mut batch), Cut::None);
    assert_eq!(batch.ops().len(), 2);
}

#[test]
fn own_commands_of_the_sources_module_are_not_applied() {
    let (mut planner, mut batch) = (planner(""), Batch::new());
    let alone = checkpoint(&[from(b'b')]);
    let _nothing = planner.command(0, &alone, 5, &mut batch).expect("ignored");
    let _nothing = feed(&mut planner, 0, "MIRROR.CREATE x redis://h", 6, &mut batch);
    let _nothing = feed(&mut planner, 0, "RECORD.APPLY x", 7, &mut batch);
    assert_eq!(lines(&batch), ["0 Position"]);
    let counters = planner.counters();
    assert_eq!((counters.filtered, counters.refused), (2, 1));
}

#[test]
fn idle_bytes_move_one_position() {
    let (mut planner, mut batch) = (planner("MATCH a"), Batch::new());
    for offset in 1..100 {
        planner.progress(0, offset, &mut batch).expect("noted");
        let _filtered = feed(&mut planner, 3, "SET b v", offset * 100, &mut batch);
    }
    assert_eq!(batch.ops().len(), 1);
    assert_eq!((batch.ops()[0].offset, batch.ops()[0].source_db), (9900, 3));
}

fn entry<'b>(db: u32, key: &'b [u8], type_byte: u8, body: &'b [u8]) -> rdb::Entry<'b> {
    let object =
        Validator::new(rdb::Limits::default()).object(Family::Redis, 11, type_byte, body).expect("valid");
    rdb::Entry {
        db,
        key: key.into(),
        expire_at_ms: Some(77),
        idle_seconds: None,
        freq: None,
        metadata_classes: 0,
        object,
    }
}

/// A set-listpack of "a" and "b": a type that Redis 7.0 does not know.
const SET_LISTPACK: &[u8] = b"\x0d\x0d\x00\x00\x00\x02\x00\x81a\x02\x81b\x02\xff";

#[test]
fn snapshot_values_take_the_form_this_server_knows() {
    for (target, type_byte) in [(Target::redis(7, 0, 15), 2), (Target::valkey(8, 0, 1), 20)] {
        let (mut planner, mut batch) = (planner_on("MATCH in:* PREFIX p:", target), Batch::new());
        planner.snapshot_entry(&entry(1, b"in:1", 0, b"\x03abc"), &mut batch).expect("planned");
        planner.snapshot_entry(&entry(1, b"in:2", 20, SET_LISTPACK), &mut batch).expect("planned");
        planner.snapshot_entry(&entry(1, b"out", 0, b"\x03abc"), &mut batch).expect("filtered");
        let [text, set] = batch.ops() else { panic!("two ops, not {:?}", lines(&batch)) };
        assert_eq!(line(&batch, text), "1 LoadString { expire_at_ms: Some(77) } p:in:1 abc");
        assert_eq!((set.kind, set.boundary), (OpKind::LoadRestore { expire_at_ms: Some(77) }, true));
        let payload = batch.args(set).nth(1).expect("a payload");
        assert_eq!(payload.first(), Some(&type_byte), "{target:?}");
        assert_eq!((planner.counters().snapshot_keys, planner.counters().snapshot_filtered), (2, 1));
    }
}

#[test]
fn snapshot_values_that_must_not_be_applied_are_named() {
    let (mut planner, mut batch) = (planner("PREFIX p:"), Batch::new());
    let rejected =
        rdb::Rejected { db: 2, key: b"k"[..].into(), type_byte: 0, defect: rdb::Defect::Truncated };
    planner.snapshot_rejected(&rejected);
    // A module's value: id 0, end of the value. It would pass as a payload, and must not.
    planner.snapshot_entry(&entry(0, b"m", 7, b"\x00\x00"), &mut batch).expect("planned or lost");
    let lost: Vec<_> =
        planner.counters().lost_keys().iter().map(|lost| (lost.db, lost.key.as_slice(), lost.loss)).collect();
    assert_eq!(lost, [(2, &b"p:k"[..], Loss::Malformed), (0, b"p:m", Loss::ModuleValue)]);
    assert!(batch.is_empty());
    planner.set_source_family(Family::Redis);
    let mut payload = b"\x07\x00\x00\x0a\x00".to_vec();
    payload.extend([0; 8]);
    let restore: [&[u8]; 4] = [b"RESTORE", b"r", b"0", &payload];
    let _one_origin = planner.command(0, &restore, 1, &mut batch).expect("planned");
    assert_eq!(lines(&batch), ["0 Position"]);
    assert_eq!(planner.counters().lost_keys().last().map(|lost| lost.loss), Some(Loss::ModuleValue));
}
