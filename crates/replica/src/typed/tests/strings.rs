use super::super::{BitOperation, Expiry, Presence, Problem, StringCommand, Time, Typed, ValueCondition};
use super::{all_are, items, refused};

fn set(condition: Option<ValueCondition<'static>>, expiry: Expiry) -> Typed<'static> {
    Typed::String(StringCommand::Set { key: b"k", value: b"v", condition, expiry })
}

#[test]
fn set_and_what_is_short_for_it() {
    let absent = Some(ValueCondition::Key(Presence::Absent));
    all_are(&["SET k v", "SET k v GET get", "GETSET k v"], set(None, Expiry::Clear));
    all_are(&["SET k v NX", "SET k v nx NX", "SETNX k v"], set(absent, Expiry::Clear));
    let at = |time| set(None, Expiry::Set(time));
    all_are(&["SET k v EX 5", "SETEX k 5 v"], at(Time::InSeconds(5)));
    all_are(&["SET k v px 5", "PSETEX k 5 v"], at(Time::InMs(5)));
    all_are(&["SET k v EXAT 5"], at(Time::AtSeconds(5)));
    all_are(&["SET k v PXAT 5", "SET k v PXAT 6 GET PXAT 5"], at(Time::AtMs(5)));
    all_are(&["SET k v XX KEEPTTL"], set(Some(ValueCondition::Key(Presence::Present)), Expiry::Keep));
    all_are(&["SET k v IFEQ w"], set(Some(ValueCondition::Equal(b"w")), Expiry::Clear));
    all_are(&["SET k v IFDNE 0f"], set(Some(ValueCondition::DigestNotEqual(b"0f")), Expiry::Clear));
    // A value is never an option.
    let nx = StringCommand::Set { key: b"NX", value: b"EX", condition: None, expiry: Expiry::Clear };
    all_are(&["SET NX EX"], Typed::String(nx));
}

#[test]
fn several_keys() {
    let many = |condition, expiry| {
        Typed::String(StringCommand::SetMany { pairs: items("a 1 b 2"), condition, expiry })
    };
    all_are(&["MSET a 1 b 2", "MSETEX 2 a 1 b 2"], many(None, Expiry::Clear));
    all_are(&["MSETNX a 1 b 2", "MSETEX 2 a 1 b 2 NX"], many(Some(Presence::Absent), Expiry::Clear));
    all_are(&["MSETEX 2 a 1 b 2 PXAT 9 XX"], many(Some(Presence::Present), Expiry::Set(Time::AtMs(9))));
}

#[test]
fn counters_bits_and_parts() {
    let by = |by| Typed::String(StringCommand::IncrBy { key: b"k", by });
    all_are(&["INCR k", "INCRBY k 1", "DECRBY k -1"], by(1));
    all_are(&["DECR k"], by(-1));
    all_are(&["INCRBY k -9223372036854775808"], by(i64::MIN));
    all_are(&["INCRBYFLOAT k 1e1"], Typed::String(StringCommand::IncrByFloat { key: b"k", by: 10.0 }));
    all_are(&["APPEND k v"], Typed::String(StringCommand::Append { key: b"k", value: b"v" }));
    all_are(
        &["SETRANGE k 7 v"],
        Typed::String(StringCommand::SetRange { key: b"k", offset: 7, value: b"v" }),
    );
    all_are(&["SETBIT k 7 1"], Typed::String(StringCommand::SetBit { key: b"k", offset: 7, bit: true }));
    all_are(&["GETDEL k"], Typed::String(StringCommand::GetDel { key: b"k" }));
    let get = |expiry| Typed::String(StringCommand::GetEx { key: b"k", expiry });
    all_are(&["GETEX k"], get(Expiry::Keep));
    all_are(&["GETEX k PERSIST"], get(Expiry::Clear));
    all_are(&["GETEX k EX 3"], get(Expiry::Set(Time::InSeconds(3))));
    let operation = BitOperation::AndOr;
    all_are(
        &["BITOP andor d a b"],
        Typed::String(StringCommand::BitOp { operation, destination: b"d", sources: items("a b") }),
    );
    all_are(&["PFADD k"], Typed::String(StringCommand::PfAdd { key: b"k", elements: items("") }));
    let sources = items("a b");
    all_are(&["PFMERGE d a b"], Typed::String(StringCommand::PfMerge { destination: b"d", sources }));
}

#[test]
fn malformed() {
    refused(&[
        ("SET k", 2, Problem::Missing("value")),
        ("SET k v EX", 4, Problem::Missing("time")),
        ("SET k v EX x", 4, Problem::Invalid("time")),
        ("SET k v EX 5 PX 6", 6, Problem::Conflict),
        ("SET k v PX 5 KEEPTTL", 5, Problem::Conflict),
        ("SET k v NX XX", 4, Problem::Conflict),
        ("SET k v NX IFEQ w", 5, Problem::Conflict),
        ("SET k v PERSIST", 3, Problem::Unexpected),
        ("SETNX k v x", 3, Problem::Unexpected),
        ("MSET a 1 b", 4, Problem::Missing("pair")),
        ("MSET", 1, Problem::Missing("pair")),
        ("MSETEX 0 a 1", 1, Problem::Invalid("count")),
        ("MSETEX 2 a 1", 4, Problem::Missing("pair")),
        ("MSETEX 9223372036854775807 a 1", 4, Problem::Missing("pair")),
        ("INCRBY k 1.5", 2, Problem::Invalid("increment")),
        ("INCRBY k 9223372036854775808", 2, Problem::Invalid("increment")),
        ("DECRBY k -9223372036854775808", 2, Problem::Invalid("decrement")),
        ("INCRBYFLOAT k nan", 2, Problem::Invalid("increment")),
        ("SETBIT k 7 2", 3, Problem::Invalid("bit")),
        ("SETBIT k -7 1", 2, Problem::Invalid("bit offset")),
        ("GETEX k KEEPTTL", 2, Problem::Unexpected),
        ("BITOP NAND d a", 1, Problem::Invalid("bit operation")),
        ("BITOP AND d", 3, Problem::Missing("argument")),
    ]);
}
