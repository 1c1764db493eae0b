use super::super::{Conditions, Expiry, HashCommand, Order, Presence, Problem, Time, Typed};
use super::{all_are, items, refused};

const KEY: &[u8] = b"h";

#[test]
fn fields_and_values() {
    let fields = items("f v g w");
    all_are(&["HSET h f v g w", "HMSET h f v g w"], Typed::Hash(HashCommand::Set { key: KEY, fields }));
    let (field, value) = (b"f".as_slice(), b"v".as_slice());
    all_are(&["HSETNX h f v"], Typed::Hash(HashCommand::SetIfAbsent { key: KEY, field, value }));
    all_are(
        &["HDEL h f g", "HGETDEL h FIELDS 2 f g"],
        Typed::Hash(HashCommand::Delete { key: KEY, fields: items("f g") }),
    );
    all_are(&["HINCRBY h f -3"], Typed::Hash(HashCommand::IncrBy { key: KEY, field, by: -3 }));
    all_are(&["HINCRBYFLOAT h f .5"], Typed::Hash(HashCommand::IncrByFloat { key: KEY, field, by: 0.5 }));
}

#[test]
fn fields_that_expire() {
    let set = |key_condition, condition, expiry| {
        let fields = items("f v g w");
        Typed::Hash(HashCommand::SetExpiring { key: KEY, key_condition, condition, expiry, fields })
    };
    all_are(&["HSETEX h FIELDS 2 f v g w"], set(None, None, Expiry::Clear));
    all_are(
        &["HSETEX h FNX PXAT 5 FIELDS 2 f v g w", "HSETEX h PXAT 5 FIELDS 2 f v g w FNX"],
        set(None, Some(Presence::Absent), Expiry::Set(Time::AtMs(5))),
    );
    all_are(
        &["HSETEX h XX FXX KEEPTTL fields 2 f v g w"],
        set(Some(Presence::Present), Some(Presence::Present), Expiry::Keep),
    );
    let expire = |time, presence, order| {
        let conditions = Conditions { presence, order };
        Typed::Hash(HashCommand::Expire { key: KEY, time, conditions, fields: items("f g") })
    };
    all_are(&["HEXPIRE h 5 FIELDS 2 f g"], expire(Time::InSeconds(5), None, None));
    all_are(&["HPEXPIRE h 5 NX FIELDS 2 f g"], expire(Time::InMs(5), Some(Presence::Absent), None));
    all_are(&["HEXPIREAT h 5 FIELDS 2 f g"], expire(Time::AtSeconds(5), None, None));
    all_are(&["HPEXPIREAT h 5 GT FIELDS 2 f g"], expire(Time::AtMs(5), None, Some(Order::Greater)));
    all_are(
        &["HPERSIST h FIELDS 2 f g"],
        Typed::Hash(HashCommand::Persist { key: KEY, fields: items("f g") }),
    );
    let get = |expiry| Typed::Hash(HashCommand::GetExpiring { key: KEY, expiry, fields: items("f") });
    all_are(&["HGETEX h FIELDS 1 f"], get(Expiry::Keep));
    all_are(&["HGETEX h PERSIST FIELDS 1 f"], get(Expiry::Clear));
    all_are(&["HGETEX h EX 9 FIELDS 1 f"], get(Expiry::Set(Time::InSeconds(9))));
}

#[test]
fn malformed() {
    refused(&[
        ("HSET h f", 3, Problem::Missing("pair")),
        ("HSETNX h f", 3, Problem::Missing("value")),
        ("HDEL h", 2, Problem::Missing("argument")),
        ("HINCRBY h f 1.0", 3, Problem::Invalid("increment")),
        ("HPEXPIREAT h 5", 3, Problem::Missing("FIELDS")),
        ("HPEXPIREAT h 5 FIELDS", 4, Problem::Missing("count")),
        ("HPEXPIREAT h 5 FIELDS 0", 4, Problem::Invalid("count")),
        ("HPEXPIREAT h 5 FIELDS 2 f", 6, Problem::Missing("argument")),
        ("HPEXPIREAT h 5 FIELDS 1 f g", 6, Problem::Unexpected),
        ("HPEXPIREAT h 5 NX LT FIELDS 1 f", 4, Problem::Conflict),
        ("HSETEX h FNX FXX FIELDS 1 f v", 3, Problem::Conflict),
        ("HSETEX h EX 1 KEEPTTL FIELDS 1 f v", 4, Problem::Conflict),
        ("HSETEX h FIELDS 1 f", 5, Problem::Missing("pair")),
        ("HPERSIST h NX FIELDS 1 f", 2, Problem::Unexpected),
    ]);
}
