//! The guarantees, by their numbers.

use record_store::lease::{LeaseError, Wish};
use record_store::options::{StorePatch, TypePatch};
use record_store::put::{Condition, Fence, Op, PutError};
use record_store::upkeep::Trim;
use record_store::{Commit, Cursor, CursorError, Kind, Loader, Reason, Store};

use crate::server::{Server, all_told, del, dump, set, set_for};

#[test]
fn g01_versions_are_contiguous_over_batches_evictions_and_ends() {
    let mut server = Server::new();
    server.capacity("t", 2);
    let done = server.put(&[set("t", "a", ""), set("t", "b", ""), set("t", "c", ""), del("t", "none")]);
    assert_eq!(done.versions, [1, 2, 3, 0]);
    assert_eq!(all_told(&done.evicted), ["4 -a"]);
    server.put(&[set_for("u", "d", 10)]);
    server.now += 10;
    // Its end is a change of its own, before it is put again.
    assert_eq!(server.put(&[set("u", "d", "")]).versions, [7]);
    server.put(&[set_for("u", "e", 10)]);
    server.now += 10;
    server.tend();
    let all = server.feed(Cursor::START).unwrap();
    assert_eq!(all, ["1 a", "2 b", "3 c", "4 -a", "5 d", "6 -d", "7 d", "8 e", "9 -e"]);
}

#[test]
fn g02_a_list_and_then_the_feed_give_the_state_whatever_comes_between() {
    let mut server = Server::new();
    server.put(&["a", "b", "c", "d", "e"].map(|id| set("t", id, "")));
    let first = server.list(None, 2).unwrap();
    assert_eq!(all_told(&first.records), ["1 a", "2 b"]);
    server.put(&[set("t", "b", "again"), del("t", "c"), set("t", "f", "")]);
    let next = first.next.unwrap().to_string().parse().unwrap();
    let second = server.list(Some(next), 9).unwrap();
    assert_eq!(all_told(&second.records), ["4 d", "5 e"]);
    assert_eq!(second.next, None);
    assert_eq!(server.feed(second.cursor).unwrap(), ["6 b", "7 -c", "8 f"]);
}

#[test]
fn g02_a_list_does_not_go_on_after_what_it_left_out_is_lost() {
    let mut primary = Server::new();
    primary.put(&["a", "b", "c"].map(|id| set("t", id, "")));
    let page = primary.list(None, 1).unwrap();
    let commits = primary.stream.len();
    primary.put(&[set("t", "c", "lost")]);
    let page = primary.list(page.next, 9).unwrap();
    assert_eq!(all_told(&page.records), ["2 b"], "c comes with the feed");
    let mut promoted = Server::with(primary.replica(commits), 2);
    assert_eq!(promoted.feed(page.cursor), Err(CursorError::Epoch), "before the first write");
    promoted.put(&[set("t", "d", "")]);
    assert_eq!(promoted.feed(page.cursor), Err(CursorError::Epoch));
    assert_eq!(primary.feed(page.cursor).unwrap(), ["4 c"]);
    let after = primary.page(page.cursor, &[], 9).unwrap().cursor;
    assert_eq!(after, primary.at(), "what was seen is what was read");
}

#[test]
fn g03_no_change_comes_twice_and_none_is_skipped() {
    let mut server = Server::new();
    for index in 0..10_000 {
        server.put(&[set("t", &index.to_string(), "")]);
    }
    let (mut cursor, mut versions) = (Cursor::START, Vec::new());
    loop {
        let page = server.page(cursor, &[], 7).unwrap();
        versions.extend(page.changes.iter().map(|change| change.version()));
        cursor = page.cursor;
        if !page.more {
            break;
        }
    }
    assert!(versions.into_iter().eq(1..=10_000));
}

#[test]
fn g04_compacted_if_and_only_if_something_is_missing() {
    let mut server = Server::new();
    server.put(&["a", "b", "c"].map(|id| set("t", id, "")));
    let epoch = server.at().epoch;
    let check = |server: &Server, version| server.feed(Cursor { epoch, version, seen: version });
    server.trim(Trim::Version(2));
    assert_eq!(server.feed(Cursor::START), Err(CursorError::Compacted { oldest: 2 }));
    assert_eq!(check(&server, 1), Err(CursorError::Compacted { oldest: 2 }));
    assert_eq!(check(&server, 2).unwrap(), ["3 c"]);
    server.trim(Trim::Keep(0));
    assert_eq!(check(&server, 2), Err(CursorError::Compacted { oldest: 3 }), "with an empty log too");
    assert_eq!(check(&server, 3).unwrap(), Vec::<String>::new());
    assert_eq!(server.store.versions().earliest_change, None);
    server.clear();
    assert_eq!(check(&server, 3), Err(CursorError::Compacted { oldest: 4 }));
}

#[test]
fn g05_what_is_replicated_and_what_is_reloaded_has_the_same_dump() {
    let mut server = Server::new();
    server.capacity("t", 2);
    server.put(&[set("t", "a", "1"), set("t", "b", "2"), set("t", "c", "3"), set_for("u", "d", 5)]);
    server.token("lease", "me", 100);
    server.trim(Trim::Keep(2));
    server.now += 5;
    server.tend();
    server.put(&[del("t", "b")]);
    let replica = server.replica(server.stream.len());
    assert_eq!(dump(&replica), dump(&server.store));
    for chunk_bytes in [0, 1, 10, 64, 1_000_000] {
        let mut loader = Loader::new();
        replica.dump(chunk_bytes).try_for_each(|chunk| loader.feed(&chunk)).unwrap();
        assert_eq!(dump(&loader.finish().unwrap()), dump(&server.store), "{chunk_bytes}");
    }
    assert_eq!(dump(&server.store.fork()), dump(&server.store));
}

#[test]
fn g06_after_a_lost_tail_those_ahead_are_told_and_those_behind_go_on() {
    let mut primary = Server::new();
    primary.put(&[set("t", "a", "")]);
    primary.put(&[set("t", "b", "")]);
    let behind = primary.at();
    let commits = primary.stream.len();
    primary.put(&[set("t", "lost", "")]);
    let ahead = primary.at();
    let mut promoted = Server::with(primary.replica(commits), 2);
    assert_eq!(promoted.feed(ahead), Err(CursorError::Epoch), "before anything is written");
    promoted.put(&[set("t", "c", "")]);
    assert_eq!(promoted.feed(ahead), Err(CursorError::Epoch), "at a version that there is again");
    promoted.put(&[set("t", "d", "")]);
    assert_eq!(promoted.feed(ahead), Err(CursorError::Epoch));
    assert_eq!(promoted.feed(behind).unwrap(), ["3 c", "4 d"]);
}

#[test]
fn g06_who_has_seen_the_begin_of_a_lost_epoch_but_no_change_of_it_goes_on() {
    let mut first = Server::new();
    first.put(&[set("t", "a", ""), set("t", "b", "")]);
    let commits = first.stream.len();
    let mut second = Server::with(first.replica(commits), 2);
    second.put(&[set("t", "lost", "")]);
    let page = second.page(Cursor { version: 1, seen: 1, ..first.at() }, &[], 1).unwrap();
    assert_eq!((all_told(&page.changes), page.more), (vec!["2 b".to_owned()], true));
    let mut third = Server::with(first.replica(commits), 3);
    third.put(&[set("t", "c", "")]);
    assert_eq!(third.feed(page.cursor).unwrap(), ["3 c"]);
}

#[test]
fn g06_a_page_of_the_latest_changes_depends_on_nothing_after_it() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "1"), set("t", "a", "2"), set("t", "b", ""), set("t", "a", "3")]);
    let query = record_store::feed::FeedQuery {
        after: Cursor::START,
        types: &[],
        count_max: 2,
        bytes_max: usize::MAX,
        latest: true,
    };
    let page = server.store.feed(&query, Some(1)).unwrap();
    assert_eq!((all_told(&page.changes), page.superseded), (vec!["3 b".to_owned(), "4 a".to_owned()], 2));
    let page = server.store.feed(&record_store::feed::FeedQuery { count_max: 1, ..query }, Some(1)).unwrap();
    assert_eq!((all_told(&page.changes), page.superseded), (vec!["2 a".to_owned()], 1));
}

#[test]
fn g07_a_put_with_one_failing_condition_changes_nothing() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    let before = dump(&server.store);
    let failing = |condition| Op { condition, ..set("t", "a", "new") };
    for condition in [Condition::Missing, Condition::Version(7), Condition::Version(0)] {
        let refused = server.try_put(None, &[set("t", "b", ""), failing(condition)]);
        assert!(matches!(
            refused,
            Err(PutError::Exists { index: 1 } | PutError::Version { index: 1, version: 1 })
        ));
    }
    let refused =
        server.try_put(None, &[set("t", "b", ""), Op { condition: Condition::Exists, ..del("t", "c") }]);
    assert_eq!(refused, Err(PutError::Version { index: 1, version: 0 }));
    let twice = [set("t", "a", ""), failing(Condition::Version(1))];
    assert_eq!(server.try_put(None, &twice), Err(PutError::ChangedBefore { index: 1 }));
    let fence = Fence { lease: b"l", token: 1 };
    assert_eq!(server.try_put(Some(fence), &[set("t", "b", "")]), Err(PutError::Fenced));
    assert_eq!(dump(&server.store), before);
    assert_eq!(server.put(&[failing(Condition::Version(1))]).versions, [2], "no version is used");
    let created = [del("t", "a"), Op { condition: Condition::Missing, ..set("t", "a", "") }];
    assert_eq!(server.put(&created).versions, [3, 4], "conditions hold where they stand");
}

#[test]
fn g08_capacity_is_exact_and_the_one_changed_longest_ago_goes() {
    let mut server = Server::new();
    server.capacity("t", 3);
    server.put(&["a", "b", "c"].map(|id| set("t", id, "")));
    server.put(&[set("t", "a", "again")]);
    assert_eq!(all_told(&server.put(&[set("t", "d", "")]).evicted), ["6 -b"]);
    assert_eq!(server.records(), ["3 c", "4 a", "5 d"]);
    server.put(&[del("t", "c")]);
    assert_eq!(server.put(&[set("t", "e", "")]).evicted, [], "deletions don't count");
    server.capacity("t", 1);
    assert_eq!(server.records(), ["8 e"]);
    assert_eq!(server.store.get(b"t", b"a", 0), None);
}

#[test]
fn g08_what_has_ended_goes_before_what_is_alive() {
    let mut server = Server::new();
    server.capacity("t", 2);
    server.put(&[set("t", "alive", ""), set_for("t", "short", 5)]);
    server.now += 5;
    let evicted = server.put(&[set("t", "new", "")]).evicted;
    assert_eq!(all_told(&evicted), ["4 -short"]);
    assert_eq!(evicted[0].kind(), Kind::Delete(Reason::Ttl));
    assert_eq!(server.records(), ["1 alive", "3 new"]);
}

#[test]
fn g09_a_lease_is_held_by_one_and_tokens_increase() {
    let mut server = Server::new();
    let first = server.token("l", "a", 100);
    assert_eq!(server.acquire("l", "b", 100), Wish::Held { holder: b"a".as_slice().into(), left_ms: 100 });
    assert_eq!(server.acquire("l", "a", 100), Wish::Held { holder: b"a".as_slice().into(), left_ms: 100 });
    let fenced = |server: &mut Server, token| {
        server.try_put(Some(Fence { lease: b"l", token }), &[set("t", "x", "")]).is_ok()
    };
    assert!(fenced(&mut server, first));
    server.now += 100;
    assert!(!fenced(&mut server, first), "it has ended, whoever has noticed");
    assert_eq!(server.release("l", "a", first), Err(LeaseError::NotHeld));
    let second = server.token("l", "b", 100);
    assert!(second > first && second >= server.store.version());
    assert!(!fenced(&mut server, first) && fenced(&mut server, second));
    server.release("l", "b", second).unwrap();
    assert!(server.token("l", "a", 100) > second);
}

#[test]
fn g09_a_token_that_was_lost_is_never_granted_again() {
    let mut primary = Server::new();
    primary.put(&[set("t", "a", "")]);
    let commits = primary.stream.len();
    let lost = primary.token("l", "a", 1_000_000);
    let mut promoted = Server::with(primary.replica(commits), 2);
    let token = promoted.token("l", "b", 1_000_000);
    assert!(token > lost);
    let write = promoted.try_put(Some(Fence { lease: b"l", token: lost }), &[set("t", "x", "")]);
    assert_eq!(write, Err(PutError::Fenced), "two would hold it");
    let mut third = Server::with(primary.replica(commits), 3);
    assert_ne!(third.token("l", "c", 1_000_000), token, "of another lost history");
}

#[test]
fn g10_a_reader_of_a_type_has_no_news_of_others() {
    let mut server = Server::new();
    server.put(&[set("a", "1", ""), set("b", "1", "")]);
    let version = server.store.version();
    server.put(&[set("b", "2", "")]);
    assert!(!server.store.has_news(version, &[b"a", b"none"]));
    assert!(server.store.has_news(version, &[b"a", b"b"]) && server.store.has_news(version, &[]));
    let commit = Commit::decode(server.stream.last().unwrap(), &server.store).unwrap();
    assert_eq!(commit.changed_types().collect::<Vec<_>>(), [b"b"]);
    let page = server.page(Cursor::START, &["a"], 9).unwrap();
    assert_eq!(all_told(&page.changes), ["1 1"]);
    assert_eq!(page.cursor.version, 3, "past what is of others");
}

#[test]
fn g11_a_page_without_news_comes_at_once_with_a_cursor_that_has_moved() {
    let mut server = Server::new();
    server.put(&[set("a", "1", "")]);
    let page = server.page(Cursor::START, &["b"], 9).unwrap();
    assert_eq!((page.changes.len(), page.more, page.cursor), (0, false, server.at()));
    assert_eq!(server.page(page.cursor, &["b"], 9).unwrap().cursor, page.cursor);
}

#[test]
fn g12_the_log_is_within_its_limits_after_each_write() {
    let mut server = Server::new();
    server.store_options(StorePatch { bytes_max: Some(Some(70 * 3)), ..StorePatch::default() });
    for index in 0..50 {
        server.put(&[set("t", &format!("{:05}", index % 7), "")]);
        assert!(server.store.log_cost() <= 210 && server.store.changes() == 3.min(index + 1));
    }
    server.put(&[set("t", "large", &"x".repeat(500))]);
    assert_eq!((server.store.changes(), server.store.versions().compact_version), (0, 51));
    server.store_options(StorePatch {
        bytes_max: Some(None),
        changes_max: Some(Some(2)),
        ..StorePatch::default()
    });
    (0..5).for_each(|_| drop(server.put(&[set("t", "a", "")])));
    assert_eq!(server.store.changes(), 2);
    server.store_options(StorePatch { changes_max: Some(Some(0)), ..StorePatch::default() });
    assert_eq!((server.store.changes(), server.store.records()), (0, 9));
}

#[test]
fn g13_a_clock_that_steps_back_reorders_nothing_and_brings_nothing_back() {
    let mut server = Server::new();
    server.put(&[set_for("t", "short", 50)]);
    let token = server.token("l", "a", 50);
    server.now += 60;
    let at = server.put(&[set("t", "b", "")]).modified_at;
    server.now -= 40;
    assert_eq!(server.put(&[set("t", "c", "")]).modified_at, at);
    assert_eq!(server.store.get(b"t", b"short", server.now), None, "it has ended");
    assert_eq!(server.store.lease(b"l", server.now), None);
    assert_eq!(server.try_put(Some(Fence { lease: b"l", token }), &[del("t", "c")]), Err(PutError::Fenced));
    assert_eq!(server.records(), ["2 b", "3 c"]);
    server.now -= 900;
    server.tend();
    assert_eq!(server.store.last_time(), at);
    let times: Vec<u64> = server
        .page(Cursor::START, &[], 9)
        .unwrap()
        .changes
        .iter()
        .map(|change| change.modified_at())
        .collect();
    assert!(times.is_sorted());
}

#[test]
fn a_copy_has_an_epoch_of_its_own() {
    let mut server = Server::new();
    server.put(&[set("t", "a", "")]);
    let at = server.at();
    let mut copy = Server::with(server.store.fork(), 1);
    copy.now += 1;
    copy.put(&[set("t", "of the copy", "")]);
    server.put(&[set("t", "of the original", "")]);
    assert_eq!(copy.feed(at).unwrap(), ["2 of the copy"]);
    assert_eq!(copy.feed(server.at()), Err(CursorError::Epoch));
    assert_eq!(server.feed(copy.at()), Err(CursorError::Epoch));
}

#[test]
fn an_option_that_nothing_needs_leaves_no_type() {
    let mut server = Server::new();
    server.capacity("t", 5);
    server.options("t", TypePatch { capacity: Some(None), ttl_ms: None });
    let mut other = Server::with(Store::new(), 1);
    other.store_options(StorePatch { changes_max: Some(Some(5)), ..StorePatch::default() });
    other.store_options(StorePatch { changes_max: Some(None), ..StorePatch::default() });
    assert_eq!(dump(&server.store), dump(&other.store), "equal stores, equal dumps");
}
