//! What storage backends of this kind got wrong before, and this one does not.

use std::sync::Arc;

use record_store::lease::Wish;
use record_store::list::ListQuery;
use record_store::options::StorePatch;
use record_store::upkeep::Trim;
use record_store::{Cursor, CursorError, Filter, View};

use crate::server::{Server, all_told, del, set, set_for};

#[test]
fn fault01_after_a_batch_the_last_of_its_versions_counts() {
    let mut server = Server::new();
    let first = server.put(&["a", "b", "c"].map(|id| set("t", id, "")));
    assert_eq!(first.versions, [1, 2, 3]);
    let reader = server.at();
    assert_eq!(server.put(&[set("t", "d", "")]).versions, [4]);
    assert_eq!(server.feed(reader).unwrap(), ["4 d"]);
}

#[test]
fn fault02_a_lease_has_one_holder() {
    let mut server = Server::new();
    let token = server.token("l", "a", 1_000);
    assert!(matches!(server.acquire("l", "b", 1_000), Wish::Held { .. }));
    server.release("l", "a", token).unwrap();
    server.token("l", "b", 1_000);
}

#[test]
fn fault03_a_list_does_not_end_at_an_empty_page() {
    let mut server = Server::new();
    for index in 0..5_000 {
        server.put(&[set("t", &format!("n{index}"), "")]);
    }
    server.put(&[set("t", "wanted", "")]);
    let filter = Filter::parse(br#"{"id":{"$eq":"wanted"}}"#).unwrap();
    let (mut from, mut found, mut empty) = (None, Vec::new(), 0);
    loop {
        let query = ListQuery { from, types: &[], filter: Some(&filter), count_max: 1, bytes_max: 1 };
        let page = server.store.list(&query, View { now: 0, term: Some(1) }).unwrap();
        empty += u64::from(page.records.is_empty());
        found.extend(all_told(&page.records));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(found, ["5001 wanted"]);
    assert!(empty > 1, "a page looks at a bounded number");
}

#[test]
fn fault04_within_one_millisecond_the_order_is_that_of_versions() {
    let mut server = Server::new();
    server.capacity("t", 2);
    server.put(&[set("t", "z", "")]);
    server.put(&[set("t", "m", ""), del("t", "none")]);
    server.put(&[set("t", "a", "")]);
    assert_eq!(server.records(), ["2 m", "3 a"], "not by id");
}

#[test]
fn fault05_capacity_is_kept_in_the_same_step() {
    let mut server = Server::new();
    server.capacity("t", 1);
    let commits = server.stream.len();
    let done = server.put(&[set("t", "a", ""), set("t", "b", ""), set("t", "c", "")]);
    assert_eq!(all_told(&done.evicted), ["4 -a", "5 -b"]);
    assert_eq!(server.stream.len(), commits + 1, "one commit, all or nothing for replicas too");
    assert_eq!(server.replica(commits + 1).records(), 1);
}

#[test]
fn fault06_who_comes_too_late_is_told() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    server.now += 24 * 3_600_000 + 1;
    server.tend();
    assert_eq!(server.feed(Cursor::START), Err(CursorError::Compacted { oldest: 1 }));
    assert_eq!(server.records(), ["1 a"], "the record stays");
}

#[test]
fn fault07_a_reader_of_one_type_does_not_look_at_others() {
    let mut server = Server::new();
    server.put(&[set("mine", "a", "")]);
    for index in 0..3_000 {
        server.put(&[set("other", &index.to_string(), "")]);
    }
    server.put(&[set("mine", "b", "")]);
    // One page looks at little more than a thousand changes.
    let page = server.page(Cursor::START, &["mine"], 2).unwrap();
    assert_eq!((all_told(&page.changes), page.more), (vec!["1 a".to_owned(), "3002 b".to_owned()], false));
}

#[test]
fn fault08_versions_that_are_used_again_after_a_loss_are_noticed() {
    let mut primary = Server::new();
    primary.put(&[set("t", "a", "")]);
    let commits = primary.stream.len();
    primary.put(&[set("t", "lost", "")]);
    let reader = primary.at();
    let mut promoted = Server::with(primary.replica(commits), 2);
    assert_eq!(promoted.put(&[set("t", "other", "")]).versions, [reader.version]);
    assert_eq!(promoted.feed(reader), Err(CursorError::Epoch));
}

#[test]
fn fault09_times_are_those_of_the_server() {
    let mut server = Server::new();
    server.put(&[set_for("t", "a", 10)]);
    let record = Arc::clone(server.store.get(b"t", b"a", 0).unwrap());
    assert_eq!((record.modified_at(), record.expires_at()), (1_000, Some(1_010)));
    assert!(server.store.get(b"t", b"a", 1_009).is_some() && server.store.get(b"t", b"a", 1_010).is_none());
}

#[test]
fn fault10_the_log_shares_what_records_contain() {
    let mut server = Server::new();
    server.put(&[set("t", "a", &"x".repeat(1 << 20))]);
    let page = server.page(Cursor::START, &[], 1).unwrap();
    assert!(Arc::ptr_eq(&page.changes[0], server.store.get(b"t", b"a", 0).unwrap()));
    assert!(server.store.memory() < 3 << 19, "a copy would take twice as much");
    server.put(&[set("t", "a", "")]);
    server.store_options(StorePatch { changes_max: Some(Some(1)), ..StorePatch::default() });
    assert!(server.store.memory() < 8_192, "what is superseded and out of the log is gone");
}

#[test]
fn fault11_names_do_not_run_into_each_other() {
    let mut server = Server::new();
    server.put(&[set("a/b", "c", "1"), set("a", "b/c", "2")]);
    assert_eq!(server.store.get(b"a/b", b"c", 0).unwrap().data(), b"1");
    assert_eq!(server.store.get(b"a", b"b/c", 0).unwrap().data(), b"2");
    server.put(&[del("a", "b/c")]);
    assert!(server.store.get(b"a/b", b"c", 0).is_some());
    server.trim(Trim::Keep(0));
    assert_eq!(server.store.types().collect::<Vec<_>>(), [(b"a/b".as_slice(), 1)]);
}
