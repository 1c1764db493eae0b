use super::super::{Problem, SetCommand, SetOperation, Typed};
use super::{all_are, items, refused};

#[test]
fn members() {
    let (key, members) = (b"s".as_slice(), items("a b"));
    all_are(&["SADD s a b"], Typed::Set(SetCommand::Add { key, members }));
    all_are(&["SREM s a b"], Typed::Set(SetCommand::Remove { key, members }));
    all_are(&["SPOP s"], Typed::Set(SetCommand::Pop { key, count: 1 }));
    all_are(&["SPOP s 4"], Typed::Set(SetCommand::Pop { key, count: 4 }));
    all_are(&["SMOVE s t a"], Typed::Set(SetCommand::Move { from: b"s", to: b"t", member: b"a" }));
}

#[test]
fn sets_put_together() {
    for (line, operation) in [
        ("SUNIONSTORE d a b", SetOperation::Union),
        ("SINTERSTORE d a b", SetOperation::Intersection),
        ("SDIFFSTORE d a b", SetOperation::Difference),
    ] {
        let sources = items("a b");
        all_are(&[line], Typed::Set(SetCommand::Store { operation, destination: b"d", sources }));
    }
}

#[test]
fn malformed() {
    refused(&[
        ("SADD s", 2, Problem::Missing("argument")),
        ("SPOP s x", 2, Problem::Invalid("count")),
        ("SMOVE s t", 3, Problem::Missing("member")),
        ("SMOVE s t a b", 4, Problem::Unexpected),
        ("SUNIONSTORE d", 2, Problem::Missing("argument")),
    ]);
}
