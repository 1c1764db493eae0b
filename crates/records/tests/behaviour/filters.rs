//! Filters: what is one, and what it matches.

use record_store::query::Query;
use record_store::{Filter, FilterError};

use crate::server::{Server, all_told, set};

const ALL: Query<'_> =
    Query { type_name: b"t", filter: None, contains: None, offset: 0, limit: 99, bytes_max: usize::MAX };

fn ids(filter: &str, ids: &[&str]) -> Vec<String> {
    let mut server = Server::new();
    ids.iter().for_each(|id| drop(server.put(&[set("t", id, "")])));
    let filter = Filter::parse(filter.as_bytes()).unwrap();
    let query = Query { filter: Some(&filter), ..ALL };
    let found = server.store.query(&query, 0).unwrap();
    found.iter().map(|record| String::from_utf8(record.id().to_vec()).unwrap()).collect()
}

fn within(network: &str, candidates: &[&str]) -> Vec<String> {
    ids(&format!(r#"{{"id":{{"$index":"{network}"}}}}"#), candidates)
}

fn nested(depth: usize) -> String {
    let inner = r#"{"id":{"$eq":"a"}}"#;
    format!("{}{inner}{}", r#"{"$and":["#.repeat(depth), "]}".repeat(depth))
}

#[test]
fn depth_is_bounded_with_an_error_of_its_own() {
    assert_eq!(ids(&nested(32), &["a", "b"]), ["a"]);
    assert_eq!(Filter::parse(nested(33).as_bytes()), Err(FilterError::TooDeep));
    for text in ["[".repeat(10_000), r#"{"$or":["#.repeat(8_000), r#"{"a":"#.repeat(10_000)] {
        assert_eq!(Filter::parse(text.as_bytes()), Err(FilterError::TooDeep));
    }
    assert_eq!(Filter::parse(nested(6_000).as_bytes()), Err(FilterError::TooLong));
}

#[test]
fn brackets_in_an_id_are_no_depth() {
    let id = "[{".repeat(200);
    let filter = format!(r#"{{"id":{{"$eq":"\"{id}\\"}}}}"#);
    assert_eq!(ids(&filter, &[&id, &format!("\"{id}\\")]), [format!("\"{id}\\")]);
}

#[test]
fn length_is_bounded() {
    let filter = |len: usize| format!(r#"{{"id":{{"$eq":"{}"}}}}"#, "x".repeat(len - 17));
    assert!(Filter::parse(filter(64 << 10).as_bytes()).is_ok());
    assert_eq!(Filter::parse(filter((64 << 10) + 1).as_bytes()).err(), Some(FilterError::TooLong));
}

#[test]
fn what_is_no_filter_is_refused() {
    for text in
        ["", "{", "nul", "{\"id\":}", "\u{0}", "{} {}", "[1,]", "\"a", "]]]]", r#"{"id":{"$eq":"a"}}x"#]
    {
        assert_eq!(Filter::parse(text.as_bytes()), Err(FilterError::Json), "{text}");
    }
    assert_eq!(Filter::parse(b"\xff\xfe"), Err(FilterError::Json));
    let forms = [
        "{}",
        "[]",
        "1",
        "null",
        r#""id""#,
        r#"{"id":"a"}"#,
        r#"{"id":{}}"#,
        r#"{"id":{"$eq":1}}"#,
        r#"{"id":{"$ne":"a"}}"#,
        r#"{"name":{"$eq":"a"}}"#,
        r#"{"$and":{}}"#,
        r#"{"$or":[1]}"#,
        r#"{"id":{"$eq":"a"},"$or":[]}"#,
        r#"{"id":{"$eq":"a","$index":"::/0"}}"#,
        r#"{"$and":[{"$not":[]}]}"#,
    ];
    for text in forms {
        assert_eq!(Filter::parse(text.as_bytes()), Err(FilterError::Form), "{text}");
    }
    for network in [
        "",
        "/",
        "10",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/",
        "::/129",
        "::/1000",
        "a/8",
        "010.0.0.0/8",
        "::1%lo/64",
        "10.0.0.0/8/8",
        " ::",
    ] {
        let text = format!(r#"{{"id":{{"$index":"{network}"}}}}"#);
        assert_eq!(Filter::parse(text.as_bytes()), Err(FilterError::Network), "{network}");
    }
}

#[test]
fn networks_of_ipv4() {
    let candidates = [
        "0.0.0.0",
        "9.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "11.0.0.0",
        "10.0.0.0/8",
        "10.0.0.0/7",
        "10.64.0.0/10",
        "::a00:0",
        "::ffff:10.0.0.1",
        "10.0.0",
        "ten",
    ];
    assert_eq!(
        within("10.0.0.0/8", &candidates),
        ["10.0.0.0", "10.255.255.255", "10.0.0.0/8", "10.64.0.0/10"]
    );
    assert_eq!(within("10.99.0.0/8", &candidates).len(), 4, "what lies beyond the prefix says nothing");
    assert_eq!(within("0.0.0.0/0", &candidates).len(), 8, "all of IPv4 and nothing of IPv6");
    assert_eq!(within("10.0.0.0", &candidates), ["10.0.0.0"]);
    assert_eq!(within("10.0.0.0/32", &candidates), ["10.0.0.0"]);
    assert_eq!(within("10.0.0.0/31", &["10.0.0.1", "10.0.0.2"]), ["10.0.0.1"]);
}

#[test]
fn networks_of_ipv6() {
    let candidates =
        ["::", "::1", "fd00::", "fdff:ffff::1", "fe00::", "fd00::/8", "fd00::/7", "253.0.0.0", "FD12::A"];
    assert_eq!(within("fd00::/8", &candidates), ["fd00::", "fdff:ffff::1", "fd00::/8", "FD12::A"]);
    assert_eq!(within("::/0", &candidates).len(), 8);
    assert_eq!(within("::1/128", &candidates), ["::1"]);
    assert_eq!(within("::/127", &candidates), ["::", "::1"]);
    assert_eq!(within("::ffff:10.0.0.0/104", &["::ffff:10.1.1.1", "10.1.1.1"]), ["::ffff:10.1.1.1"]);
}

#[test]
fn and_and_or_of_none_and_of_many() {
    assert_eq!(ids(r#"{"$and":[]}"#, &["a", "b"]), ["a", "b"]);
    assert_eq!(ids(r#"{"$or":[]}"#, &["a", "b"]), Vec::<String>::new());
    let some = r#"{"$or":[{"id":{"$eq":"c"}},{"id":{"$eq":"a"}},{"id":{"$eq":"c"}},{"id":{"$eq":"none"}}]}"#;
    assert_eq!(ids(some, &["a", "b", "c"]), ["a", "c"], "by version, each once");
    let mixed = r#"{"$or":[{"id":{"$eq":"b"}},{"id":{"$index":"10.0.0.0/8"}}]}"#;
    assert_eq!(ids(mixed, &["10.1.1.1", "a", "b"]), ["10.1.1.1", "b"]);
    let both =
        r#"{"$and":[{"id":{"$index":"10.0.0.0/8"}},{"$or":[{"id":{"$eq":"10.1.1.1"}},{"id":{"$eq":"a"}}]}]}"#;
    assert_eq!(ids(both, &["10.1.1.1", "a", "10.2.2.2"]), ["10.1.1.1"]);
}

#[test]
fn a_query_looks_into_ids_and_data_and_has_pages() {
    let mut server = Server::new();
    server.put(&[
        set("t", "needle", ""),
        set("t", "b", "a needle too"),
        set("t", "c", "need"),
        set("u", "needle", ""),
    ]);
    let query = Query { contains: Some(b"needle"), ..ALL };
    let found = |query: &Query<'_>| all_told(&server.store.query(query, 0).unwrap());
    assert_eq!(found(&query), ["1 needle", "2 b"]);
    assert_eq!(found(&Query { offset: 1, ..query }), ["2 b"]);
    assert_eq!(found(&Query { limit: 1, ..query }), ["1 needle"]);
    assert!(found(&Query { type_name: b"none", ..query }).is_empty());
}

/// What is left out may cost anything, and so may a record that comes alone.
#[test]
fn a_query_answers_no_more_than_it_may_cost() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "1234"), set("t", "b", "1234"), set("t", "c", &"x".repeat(1000))]);
    let two = 2 * server.store.get(b"t", b"a", 0).unwrap().cost();
    let found = |query: &Query<'_>| server.store.query(query, 0).map(|found| found.len());
    assert_eq!(found(&Query { bytes_max: two, limit: 2, ..ALL }), Ok(2));
    let error = found(&Query { bytes_max: two - 1, limit: 2, ..ALL }).unwrap_err();
    assert_eq!((error.min, error.max), (0, two as u64 - 1));
    assert_eq!(found(&Query { bytes_max: two, ..ALL }).unwrap_err().max, two as u64);
    assert_eq!(found(&Query { bytes_max: 0, limit: 1, offset: 2, ..ALL }), Ok(1));
    assert_eq!(found(&Query { bytes_max: 0, offset: 2, ..ALL }), Ok(1));
    assert!(found(&Query { bytes_max: 0, offset: 1, ..ALL }).is_err());
}
