//! Feeds at a mirror: with the cursors of the source.

use redis_mirror_test_support::{Client, Command, Value, cmd, wait, wait_applied};

use super::{pairs, start, with_module};

/// Where a reader is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    epoch: String,
    version: i64,
}

fn sync(cursor: &Cursor) -> Command {
    cmd!("RECORD.SYNC", "r:one", cursor.epoch.as_str(), cursor.version)
}

/// The page's versions, the cursor behind it, and whether there is more.
fn page(reply: &Value) -> (Vec<i64>, Cursor, bool) {
    let fields = reply.as_array().expect("a page");
    let records = fields[9].as_array().expect("records");
    let version = |record: &Value| record.as_array().and_then(|parts| parts[2].as_int()).expect("a version");
    let cursor = Cursor {
        epoch: fields[1].as_text().expect("an epoch"),
        version: fields[3].as_int().expect("a version"),
    };
    (records.iter().map(version).collect(), cursor, fields[7].as_int() == Some(1))
}

/// Reads pages up to the end, or so many.
fn read(client: &mut Client, cursor: &mut Cursor, pages: usize) -> Vec<i64> {
    let mut versions = Vec::new();
    for _ in 0..pages {
        let (found, next, more) = page(&client.run(sync(cursor).args(["COUNT", "50"])));
        versions.extend(found);
        *cursor = next;
        if !more {
            break;
        }
    }
    versions
}

#[test]
fn a_reader_goes_on_at_the_mirror_with_the_cursor_of_the_source() {
    for (source, local) in pairs() {
        let at = start(source, local, with_module());
        let put = |number: u64| cmd!("RECORD.PUT", "r:one", "SET", "t", number % 40, number);
        for number in 0..500 {
            at.source.client().run(put(number));
        }
        at.create("m", "").expect("the mirror is created");
        let mut cursor = Cursor { epoch: "0".to_owned(), version: 0 };
        let mut seen = read(&mut at.source.client(), &mut cursor, 5);
        assert_eq!(seen.len(), 250, "half of them");
        at.wait_streaming("m").expect("the snapshot is applied");
        for number in 500..1000 {
            at.source.client().run(put(number));
            if number % 100 == 0 {
                at.link.cut();
            }
        }
        wait_applied(&mut at.local.client(), "m", wait::PATIENCE).expect("everything is applied");
        seen.extend(read(&mut at.local.client(), &mut cursor, 100));
        assert_eq!(seen, (1..=1000).collect::<Vec<i64>>(), "{source} to {local}: nothing missed or repeated");
        // And back.
        at.source.client().run(put(1000));
        assert_eq!(read(&mut at.source.client(), &mut cursor, 100), [1001]);
    }
}

#[test]
fn a_reader_that_is_ahead_of_the_mirror_waits_for_it() {
    for (source, local) in pairs() {
        let at = start(source, local, with_module());
        at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", "a", "1"));
        at.create("m", "").expect("the mirror is created");
        at.wait_streaming("m").expect("the snapshot is applied");
        wait_applied(&mut at.local.client(), "m", wait::PATIENCE).expect("applied");
        at.link.refuse();
        at.link.cut();
        at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", "b", "2"));
        let mut cursor = Cursor { epoch: "0".to_owned(), version: 0 };
        assert_eq!(read(&mut at.source.client(), &mut cursor, 1), [1, 2]);
        let refusal = at.local.client().refusal(sync(&cursor));
        assert!(
            refusal.starts_with("RECFUTURE") && refusal.contains("not come to this replica"),
            "{refusal}"
        );
        let mut waiting = at.local.client();
        waiting.send(&sync(&cursor).args(["BLOCK", "0"])).expect("sent");
        wait::wait_until("the reader waits", || {
            at.local.info("clients").number("blocked_clients") == Some(1)
        });
        at.link.accept();
        at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", "c", "3"));
        let (versions, _, _) = page(&waiting.receive().expect("an answer"));
        assert_eq!(versions, [3], "{source} to {local}");
    }
}

/// A store that is fetched again comes as a whole: who waits there hears of what is new in it.
#[test]
fn a_reader_is_woken_by_a_store_that_was_fetched_again() {
    let Some((source, local)) = pairs().pop() else { return };
    let at = start(source, local, with_module());
    at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", "a", "1"));
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    wait_applied(&mut at.local.client(), "m", wait::PATIENCE).expect("applied");
    let mut cursor = Cursor { epoch: "0".to_owned(), version: 0 };
    read(&mut at.local.client(), &mut cursor, 1);
    at.local.client().run(cmd!("RECORD.LEASE", "r:one", "lock", "TRY", "me", 100_000));
    let mut waiting = at.local.client();
    waiting.send(&sync(&cursor).args(["BLOCK", "0"])).expect("sent");
    wait::wait_until("the reader waits", || at.local.info("clients").number("blocked_clients") == Some(1));
    at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", "b", "2"));
    let (versions, _, _) = page(&waiting.receive().expect("an answer"));
    assert_eq!(versions, [2]);
}
