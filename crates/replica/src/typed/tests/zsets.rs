use super::super::{
    Aggregate, Conditions, End, LexBound, MemberRange, Order, Presence, Problem, ScoreBound, SetOperation,
    SortedSetCommand, Typed,
};
use super::{all_are, items, refused};

const KEY: &[u8] = b"z";

#[test]
fn members_and_scores() {
    let add = |presence, order, increment, members| {
        let conditions = Conditions { presence, order };
        Typed::SortedSet(SortedSetCommand::Add { key: KEY, conditions, increment, members: items(members) })
    };
    all_are(&["ZADD z 1.50 a -INF b", "ZADD z ch 15e-1 a -inf b"], add(None, None, false, "1.5 a -inf b"));
    all_are(&["ZADD z NX CH 1 nx"], add(Some(Presence::Absent), None, false, "1 nx"));
    all_are(
        &["ZADD z XX GT INCR 1 a", "ZADD z incr gt xx 1 a"],
        add(Some(Presence::Present), Some(Order::Greater), true, "1 a"),
    );
    all_are(&["ZREM z a b"], Typed::SortedSet(SortedSetCommand::Remove { key: KEY, members: items("a b") }));
    all_are(
        &["ZINCRBY z 2 a"],
        Typed::SortedSet(SortedSetCommand::IncrBy { key: KEY, by: 2.0, member: b"a" }),
    );
    let conditions = Conditions { presence: Some(Presence::Present), order: None };
    let places = items("13.5 -38 a");
    all_are(
        &["GEOADD z XX CH 13.5 -38.0 a"],
        Typed::SortedSet(SortedSetCommand::AddPlaces { key: KEY, conditions, places }),
    );
}

#[test]
fn ranges() {
    all_are(
        &["ZREMRANGEBYRANK z 0 -1"],
        Typed::SortedSet(SortedSetCommand::RemoveByRank { key: KEY, first: 0, last: -1 }),
    );
    let min = ScoreBound { score: 1.0, inclusive: false };
    let max = ScoreBound { score: f64::INFINITY, inclusive: true };
    all_are(
        &["ZREMRANGEBYSCORE z (1 +inf"],
        Typed::SortedSet(SortedSetCommand::RemoveByScore { key: KEY, min, max }),
    );
    let by_lex = |min, max| Typed::SortedSet(SortedSetCommand::RemoveByLex { key: KEY, min, max });
    all_are(&["ZREMRANGEBYLEX z - +"], by_lex(LexBound::Lowest, LexBound::Highest));
    all_are(&["ZREMRANGEBYLEX z [a ("], by_lex(LexBound::Including(b"a"), LexBound::Excluding(b"")));
    let pop = |end, count| Typed::SortedSet(SortedSetCommand::Pop { key: KEY, end, count });
    all_are(&["ZPOPMIN z"], pop(End::First, 1));
    all_are(&["ZPOPMAX z 3"], pop(End::Last, 3));
    let keys = items("z y");
    all_are(
        &["ZMPOP 2 z y MAX COUNT 3"],
        Typed::SortedSet(SortedSetCommand::PopFirstFound { keys, end: End::Last, count: 3 }),
    );
}

#[test]
fn sets_put_together() {
    let store = |operation, weights, aggregate| {
        let (destination, sources) = (b"d".as_slice(), items("a b"));
        Typed::SortedSet(SortedSetCommand::Store { operation, destination, sources, weights, aggregate })
    };
    all_are(&["ZUNIONSTORE d 2 a b"], store(SetOperation::Union, None, Aggregate::Sum));
    all_are(&["ZDIFFSTORE d 2 a b"], store(SetOperation::Difference, None, Aggregate::Sum));
    all_are(
        &["ZINTERSTORE d 2 a b weights 2 -0.5 AGGREGATE max"],
        store(SetOperation::Intersection, Some(items("2 -.5")), Aggregate::Max),
    );
}

#[test]
fn malformed() {
    refused(&[
        ("ZADD z 1", 3, Problem::Missing("score with a member")),
        ("ZADD z NX", 3, Problem::Missing("score with a member")),
        ("ZADD z 1 a x b", 4, Problem::Invalid("score with a member")),
        ("ZADD z nan a", 2, Problem::Invalid("score with a member")),
        ("ZADD z NX GT 1 a", 3, Problem::Conflict),
        ("ZADD z GT LT 1 a", 3, Problem::Conflict),
        ("ZADD z INCR 1 a 2 b", 6, Problem::Conflict),
        ("GEOADD z 181 0 a", 2, Problem::Invalid("place with a member")),
        ("GEOADD z 1 2", 4, Problem::Missing("place with a member")),
        ("ZINCRBY z x a", 2, Problem::Invalid("increment")),
        ("ZREMRANGEBYSCORE z (( 1", 2, Problem::Invalid("lowest score")),
        ("ZREMRANGEBYLEX z a +", 2, Problem::Invalid("first member")),
        ("ZREMRANGEBYLEX z - ++", 3, Problem::Invalid("last member")),
        ("ZUNIONSTORE d 3 a b", 5, Problem::Missing("argument")),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1", 7, Problem::Missing("number")),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 x", 7, Problem::Invalid("number")),
        ("ZUNIONSTORE d 1 a AGGREGATE AVG", 5, Problem::Invalid("way to aggregate")),
        ("ZDIFFSTORE d 1 a WEIGHTS 1", 4, Problem::Unexpected),
        ("ZMPOP 1 z UP", 3, Problem::Invalid("MIN or MAX")),
    ]);
}

#[test]
fn ranges_that_are_stored() {
    let store = |range, reverse, skip, take| {
        let (destination, source) = (b"to".as_slice(), b"from".as_slice());
        Typed::SortedSet(SortedSetCommand::StoreRange { destination, source, range, reverse, skip, take })
    };
    let ranks = MemberRange::Rank(1, -1);
    all_are(&["ZRANGESTORE to from 1 -1"], store(ranks, false, 0, None));
    all_are(&["ZRANGESTORE to from 1 -1 LIMIT 5 -1 rev"], store(ranks, true, 0, None));
    let bound = |score, inclusive| ScoreBound { score, inclusive };
    let scores = MemberRange::Score(bound(1.0, false), bound(f64::INFINITY, true));
    all_are(
        &["ZRANGESTORE to from (1 +inf BYSCORE LIMIT -2 3", "ZRANGESTORE to from (1 +inf limit -2 3 byscore"],
        store(scores, false, -2, Some(3)),
    );
    all_are(&["ZRANGESTORE to from +inf (1 BYSCORE REV"], store(scores, true, 0, None));
    let names = MemberRange::Lex(LexBound::Including(b"a"), LexBound::Highest);
    all_are(&["ZRANGESTORE to from [a + BYLEX"], store(names, false, 0, None));
    all_are(&["ZRANGESTORE to from + [a REV BYLEX LIMIT 1 -1"], store(names, true, 1, None));
    refused(&[
        ("ZRANGESTORE to from a 1", 3, Problem::Invalid("first rank")),
        ("ZRANGESTORE to from 0 x BYSCORE", 4, Problem::Invalid("score")),
        ("ZRANGESTORE to from 0 1 LIMIT 0 5", 7, Problem::Conflict),
        ("ZRANGESTORE to from 0 1 WITHSCORES", 5, Problem::Unexpected),
    ]);
}
