//! Limits at their borders.

use record_store::lease::Wish;
use record_store::limits::{NAME_BYTES_MAX, TTL_MAX};
use record_store::options::{StorePatch, TypePatch};
use record_store::put::PutError;
use record_store::upkeep::{SetCursorError, Trim};
use record_store::{Cursor, Limits};

use crate::server::{Server, del, dump, set, set_for};

fn is_limited<T: std::fmt::Debug>(result: Result<T, PutError>) -> bool {
    matches!(result, Err(PutError::Limit(error)) if error.to_string().starts_with("RECLIMIT"))
}

#[test]
fn names_data_batches_and_times() {
    let mut server = Server::new();
    server.limits = Limits { name_bytes_max: 3, data_bytes_max: 4, batch_ops_max: 2, ..Limits::default() };
    server.put(&[set("abc", "abc", "abcd"), set_for("abc", "a", TTL_MAX)]);
    let before = dump(&server.store);
    for ops in [
        vec![],
        vec![set("t", "a", ""); 3],
        vec![set("abcd", "a", "")],
        vec![set("t", "abcd", "")],
        vec![set("", "a", "")],
        vec![set("t", "", "")],
        vec![set("t", "a", ""), set("t", "a", "abcde")],
        vec![set_for("t", "a", 0)],
        vec![set_for("t", "a", TTL_MAX + 1)],
        vec![del("t", "abcd")],
    ] {
        assert!(is_limited(server.try_put(None, &ops)), "{ops:?}");
    }
    assert_eq!(dump(&server.store), before);
    server.limits.name_bytes_max = usize::MAX;
    let long = "x".repeat(NAME_BYTES_MAX);
    server.put(&[set(&long, &long, "")]);
    assert!(is_limited(server.try_put(None, &[set(&format!("{long}x"), "a", "")])), "what no store can have");
}

#[test]
fn types_leases_and_cursors_bind_only_what_is_added() {
    let mut server = Server::new();
    server.put(&[set("a", "1", ""), set("b", "1", "")]);
    server.token("l", "me", 1_000);
    server.token("m", "me", 1_000);
    let note = |server: &mut Server, name: &[u8]| {
        server.write(|store, write| store.set_cursor(write, name, Cursor::START).map(|commit| ((), commit)))
    };
    note(&mut server, b"c").unwrap();
    note(&mut server, b"d").unwrap();
    // Fewer than there are already.
    server.limits = Limits { types_max: 1, leases_max: 1, cursors_max: 1, ..Limits::default() };
    server.put(&[set("a", "2", ""), set("b", "2", ""), del("none", "1")]);
    assert!(is_limited(server.try_put(None, &[set("c", "1", "")])));
    note(&mut server, b"c").unwrap();
    assert!(matches!(note(&mut server, b"e"), Err(SetCursorError::Limit(_))));
    let wish = |server: &mut Server, name: &[u8], ttl_ms| {
        server.write(|store, write| store.try_lease(write, name, b"me", ttl_ms))
    };
    assert!(matches!(wish(&mut server, b"l", 5), Ok(Wish::Granted { .. })));
    assert_eq!(wish(&mut server, b"n", 0), Ok(Wish::Released));
    assert!(wish(&mut server, b"n", 5).is_err());
    assert_eq!(wish(&mut server, b"l", 0), Ok(Wish::Released));
    let options = TypePatch { capacity: Some(Some(1)), ttl_ms: None };
    let refused = server.write(|store, write| store.set_type_options(write, b"c", options).map(|c| ((), c)));
    assert!(refused.is_err());
}

#[test]
fn at_the_limit_of_types_one_that_is_gone_makes_room() {
    let mut server = Server::new();
    server.limits.types_max = 1;
    server.put(&[set("a", "1", "")]);
    assert!(is_limited(server.try_put(None, &[del("a", "1"), set("b", "1", "")])));
    server.put(&[del("a", "1")]);
    server.trim(Trim::Keep(0));
    server.put(&[set("b", "1", "")]);
}

#[test]
fn options_at_their_borders() {
    let mut server = Server::new();
    for patch in [
        TypePatch { capacity: Some(Some(0)), ttl_ms: None },
        TypePatch { capacity: Some(Some(1 << 53)), ttl_ms: None },
        TypePatch { capacity: None, ttl_ms: Some(Some(0)) },
        TypePatch { capacity: None, ttl_ms: Some(Some(TTL_MAX + 1)) },
    ] {
        let set = server.write(|store, write| store.set_type_options(write, b"t", patch).map(|c| ((), c)));
        assert!(set.is_err(), "{patch:?}");
    }
    let none = StorePatch::default();
    for patch in [
        StorePatch { retain_ms: Some(Some(0)), ..none },
        StorePatch { retain_ms: Some(Some(TTL_MAX + 1)), ..none },
        StorePatch { changes_max: Some(Some(1 << 53)), ..none },
        StorePatch { bytes_max: Some(Some(u64::MAX)), ..none },
    ] {
        let set = server.write(|store, write| store.set_options(write, patch).map(|c| ((), c)));
        assert!(set.is_err(), "{patch:?}");
    }
    assert!(server.stream.is_empty());
    let most = (1 << 53) - 1;
    server.options("t", TypePatch { capacity: Some(Some(most)), ttl_ms: Some(Some(TTL_MAX)) });
    server.store_options(StorePatch {
        retain_ms: Some(Some(1)),
        changes_max: Some(Some(most)),
        bytes_max: Some(Some(most)),
    });
    assert_eq!(dump(&server.replica(2)), dump(&server.store));
}

#[test]
fn a_trim_of_versions_that_have_not_been() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    assert!(server.write(|store, write| store.trim(write, Trim::Version(2))).is_err());
    assert_eq!(server.trim(Trim::Version(0)), 0);
    assert_eq!(server.trim(Trim::Keep(u64::MAX)), 0);
    assert_eq!(server.trim(Trim::Before(1_000)), 0);
    assert_eq!(server.trim(Trim::Before(1_001)), 1);
}

#[test]
fn retention_ends_to_the_millisecond() {
    let mut server = Server::new();
    server.store_options(StorePatch { retain_ms: Some(Some(100)), ..StorePatch::default() });
    server.put(&[set("t", "a", "")]);
    assert_eq!(server.store.next_due(), Some(1_101));
    server.now = 1_100;
    server.tend();
    assert_eq!(server.store.changes(), 1);
    server.now = 1_101;
    server.tend();
    assert_eq!((server.store.changes(), server.store.next_due()), (0, None));
}

#[test]
fn a_page_gives_at_least_one_change_and_keeps_to_its_bytes() {
    let mut server = Server::new();
    server.put(&[set("t", "a", &"x".repeat(1_000)), set("t", "b", ""), set("t", "c", "")]);
    let page = |bytes_max, count_max| {
        let query = record_store::feed::FeedQuery {
            after: Cursor::START,
            types: &[],
            count_max,
            bytes_max,
            latest: false,
        };
        server.store.feed(&query, Some(1)).unwrap().changes.len()
    };
    assert_eq!((page(0, 9), page(1, 0)), (1, 1));
    // 1,066 bytes, and twice 66.
    assert_eq!((page(1_131, 9), page(1_132, 9), page(1_197, 9), page(1_198, 9)), (1, 2, 2, 3));
}
