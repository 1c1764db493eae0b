use super::super::{End, ListCommand, Problem, Side, Typed};
use super::{all_are, items, refused};

#[test]
fn pushing_and_popping() {
    let push =
        |end, if_exists| Typed::List(ListCommand::Push { key: b"l", end, if_exists, elements: items("a b") });
    all_are(&["LPUSH l a b"], push(End::First, false));
    all_are(&["LPUSHX l a b"], push(End::First, true));
    all_are(&["RPUSH l a b"], push(End::Last, false));
    all_are(&["RPUSHX l a b"], push(End::Last, true));
    let pop = |end, count| Typed::List(ListCommand::Pop { key: b"l", end, count });
    all_are(&["LPOP l", "LPOP l 1"], pop(End::First, 1));
    all_are(&["RPOP l 7"], pop(End::Last, 7));
    let keys = items("a b");
    all_are(
        &["LMPOP 2 a b RIGHT COUNT 3"],
        Typed::List(ListCommand::PopFirstFound { keys, end: End::Last, count: 3 }),
    );
    all_are(
        &["RPOPLPUSH a b", "LMOVE a b right LEFT"],
        Typed::List(ListCommand::Move { from: b"a", to: b"b", from_end: End::Last, to_end: End::First }),
    );
}

#[test]
fn places_in_a_list() {
    let (key, element) = (b"l".as_slice(), b"e".as_slice());
    all_are(&["LSET l -1 e"], Typed::List(ListCommand::Set { key, index: -1, element }));
    all_are(&["LTRIM l 1 -2"], Typed::List(ListCommand::Trim { key, first: 1, last: -2 }));
    all_are(&["LREM l -2 e"], Typed::List(ListCommand::Remove { key, count: -2, element }));
    all_are(
        &["LINSERT l after p e"],
        Typed::List(ListCommand::Insert { key, side: Side::After, pivot: b"p", element }),
    );
}

#[test]
fn malformed() {
    refused(&[
        ("LPUSH l", 2, Problem::Missing("argument")),
        ("LPOP l -1", 2, Problem::Invalid("count")),
        ("LPOP l 1 2", 3, Problem::Unexpected),
        ("LSET l x e", 2, Problem::Invalid("index")),
        ("LTRIM l 0", 3, Problem::Missing("last index")),
        ("LINSERT l BESIDE p e", 2, Problem::Invalid("side")),
        ("LMOVE a b LEFT UP", 4, Problem::Invalid("end of the list")),
        ("LMPOP 3 a b LEFT", 5, Problem::Missing("end of the list")),
        ("LMPOP 1 a LEFT COUNT", 5, Problem::Missing("count")),
        ("RPOPLPUSH a", 2, Problem::Missing("key")),
    ]);
}
