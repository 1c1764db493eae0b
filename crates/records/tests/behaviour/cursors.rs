//! Cursors as readers hold them.

use record_store::epoch::EPOCHS_MAX;
use record_store::list::ListCursor;
use record_store::upkeep::SetCursorError;
use record_store::{Cursor, CursorError, EpochId};

use crate::server::{Server, set};

const fn cursor(epoch: Option<EpochId>, version: u64, seen: u64) -> Cursor {
    Cursor { epoch, version, seen }
}

#[test]
fn the_history_of_a_cursor_as_text() {
    let id = EpochId::new(0xab).unwrap();
    for (at, text) in [
        (Cursor::START, "0"),
        (cursor(Some(id), 7, 7), "00000000000000ab"),
        (cursor(Some(id), 7, 9), "00000000000000ab-9"),
    ] {
        assert_eq!(at.history(), text);
        assert_eq!(Cursor::parse(text, at.version), Some(at));
    }
    for text in [
        "",
        "00",
        "ab",
        "00000000000000ab-7",
        "00000000000000ab-",
        "00000000000000ab-+9",
        "-9",
        "0000000000000000",
        "00000000000000ab-9-9",
        "00000000000000ag",
        "00000000000000ab-99999999999999999999",
    ] {
        assert_eq!(Cursor::parse(text, 7), None, "{text}");
    }
}

#[test]
fn the_cursor_of_a_list_as_text() {
    let at = cursor(EpochId::new(u64::MAX), 3, 5);
    for list in [ListCursor { at, after: 2 }, ListCursor { at: Cursor::START, after: 0 }] {
        assert_eq!(list.to_string().parse(), Ok(list));
    }
    assert_eq!(ListCursor { at, after: 2 }.to_string(), "ffffffffffffffff-3-5-2");
    for text in [
        "",
        "0",
        "0-0-0",
        "0-0-0-",
        "0-0-0-0-0",
        "0--0-0",
        "0-0-0--1",
        "0-+1-0-0",
        "x-0-0-0",
        "0-0-0-18446744073709551616",
        "0-0-0-0 ",
    ] {
        assert!(text.parse::<ListCursor>().is_err(), "{text}");
    }
}

#[test]
fn a_list_from_any_cursor_ends() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    let after = |after| Some(ListCursor { at: server.at(), after });
    for past in [1, 2, u64::MAX] {
        let page = server.list(after(past), 9).unwrap();
        assert!(page.records.is_empty() && page.next.is_none());
    }
}

#[test]
fn cursors_of_the_future_and_of_no_history() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    let Cursor { epoch, .. } = server.at();
    let check = |cursor, term| server.store.check_cursor(cursor, term);
    assert_eq!(check(cursor(epoch, 2, 2), Some(1)), Err(CursorError::Future { version: 1 }));
    assert_eq!(check(cursor(epoch, 1, 2), Some(1)), Err(CursorError::Future { version: 1 }));
    assert_eq!(check(cursor(epoch, 2, 2), None), Err(CursorError::Ahead { version: 1 }));
    assert_eq!(check(cursor(epoch, 2, 2), Some(2)), Err(CursorError::Epoch), "nobody knows what was lost");
    assert_eq!(check(cursor(epoch, u64::MAX, u64::MAX), Some(1)), Err(CursorError::Future { version: 1 }));
    assert_eq!(check(cursor(None, 1, 1), Some(1)), Err(CursorError::Epoch));
    assert_eq!(check(cursor(EpochId::new(5), 0, 0), Some(1)), Err(CursorError::Epoch));
    assert_eq!(check(cursor(epoch, 1, 0), Some(1)), Err(CursorError::Epoch), "it contradicts itself");
    assert_eq!(check(cursor(epoch, 0, 0), Some(1)), Ok(()));
}

#[test]
fn an_empty_store_is_where_everyone_begins() {
    let server = Server::new();
    assert_eq!(server.at(), Cursor::START);
    assert_eq!(server.feed(Cursor::START).unwrap(), Vec::<String>::new());
    assert!(server.list(None, 9).unwrap().next.is_none());
}

#[test]
fn epochs_are_bounded_and_the_oldest_are_forgotten() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    let first = server.at();
    for term in 2..EPOCHS_MAX as u64 + 1 {
        server.term = term;
        server.put(&[set("t", "a", "")]);
    }
    assert!(server.feed(first).is_ok(), "as many as there may be");
    server.term += 1;
    server.put(&[set("t", "a", "")]);
    assert_eq!(server.feed(first), Err(CursorError::Epoch));
    // Whoever begins now gets through what is older than all known epochs.
    let (mut at, mut changes) = (Cursor::START, 0);
    loop {
        let page = server.page(at, &[], 1).unwrap();
        (at, changes) = (page.cursor, changes + page.changes.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(changes, EPOCHS_MAX + 1);
}

#[test]
fn epochs_are_forgotten_with_the_versions_before_them() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    let first = server.at();
    server.term = 2;
    server.put(&[set("t", "b", ""), set("t", "c", "")]);
    server.trim(record_store::upkeep::Trim::Version(1));
    assert_eq!(server.feed(first).unwrap(), ["2 b", "3 c"]);
    server.trim(record_store::upkeep::Trim::Version(2));
    assert_eq!(server.feed(first), Err(CursorError::Epoch));
}

#[test]
fn named_cursors_are_of_this_history() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    let at = server.at();
    let name = |server: &mut Server, cursor| {
        server.write(|store, write| store.set_cursor(write, b"me", cursor).map(|commit| ((), commit)))
    };
    name(&mut server, at).unwrap();
    assert_eq!(server.store.cursor(b"me"), Some(at));
    let future = Cursor { version: 2, seen: 2, ..at };
    let refused = name(&mut server, future);
    assert_eq!(refused, Err(SetCursorError::Cursor(CursorError::Future { version: 1 })));
    server.clear();
    name(&mut server, Cursor::START).unwrap();
    assert_eq!(server.store.cursors().collect::<Vec<_>>(), [(b"me".as_slice(), Cursor::START)]);
}
