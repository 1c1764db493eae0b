//! What the seed's backend gets wrong. Two clients that hold one lease (2), versions reused after a failover (8), ended
//! changes that are skipped (6), puts that wake everybody (7) and names that collide (11) are beside their subjects.

use redis_mirror_test_support::cmd;

use crate::store::{Cursor, acquire, list_page, put, sync, versions};
use crate::{on_each, on_every};

#[test]
fn fault01_the_put_after_a_batch_goes_on_behind_it() {
    on_every(|server| {
        let mut client = server.client();
        assert_eq!(put(&mut client, "s", "SET t 1 x SET t 2 x SET t 3 x").at.version, 3);
        assert_eq!(put(&mut client, "s", "SET t 4 x").versions, [4]);
        assert_eq!(sync(&mut client, "s", &Cursor::start(), "").ids(), ["1", "2", "3", "4"]);
    });
}

#[test]
fn fault02_a_lease_has_one_holder() {
    on_every(|server| {
        let mut client = server.client();
        assert!(acquire(&mut client, "s", "l", "a", 60_000).is_some());
        assert!(acquire(&mut client, "s", "l", "b", 60_000).is_none());
        assert!(acquire(&mut client, "s", "l", "a", 60_000).is_none());
    });
}

/// A page may be empty though there are more.
#[test]
fn fault03_an_empty_page_is_not_the_end() {
    on_each(|server| {
        let mut client = server.client();
        let puts: Vec<_> = (0..5000).map(|number| cmd!("RECORD.PUT", "s", "SET", "t", number, "x")).collect();
        client.pipeline(&puts).expect("all are put");
        let filter = r#"FILTER {"id":{"$index":"10.0.0.1/32"}}"#;
        put(&mut client, "s", "SET t 10.0.0.1 x");
        let (mut pages, mut found, mut from) = (0, Vec::new(), "0".to_owned());
        loop {
            let page = list_page(&mut client, "s", &format!("{filter} COUNT 1"), &from);
            found.extend(page.ids().into_iter().map(str::to_owned));
            pages += 1;
            from = page.next;
            if from == "0" {
                break;
            }
        }
        assert_eq!(found, ["10.0.0.1"]);
        assert!(pages > 2, "{pages} pages, of which all but one are empty");
    });
}

/// Within one millisecond, by version and not by name.
#[test]
fn fault04_capacity_counts_what_is_there_and_goes_by_age() {
    on_every(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s t CAPACITY 3");
        let done = put(&mut client, "s", "SET t z x SET t y x SET t x x DEL t x DEL t y SET t b x SET t a x");
        assert!(done.evicted.is_empty(), "deleted ids don't count");
        let done = put(&mut client, "s", "SET t c x");
        assert_eq!(done.evicted.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["z"]);
    });
}

/// In the same transaction, as a lower capacity itself.
#[test]
fn fault05_capacity_is_never_exceeded() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x SET t 2 x SET t 3 x SET t 4 x");
        client.run("MULTI");
        client.run("RECORD.SETOPTIONS s t CAPACITY 2");
        client.run("RECORD.TYPES s");
        client.run("RECORD.PUT s SET t 5 x");
        client.run("RECORD.TYPES s");
        let done = client.run("EXEC");
        let counts: Vec<_> =
            [1, 3].into_iter().filter_map(|at| done.as_array()?[at].as_array()?[1].as_int()).collect();
        assert_eq!(counts, [2, 2]);
    });
}

/// The server's time, whatever the clients think; all changes of a batch have one.
#[test]
fn fault09_times_are_the_servers() {
    on_every(|server| {
        let mut client = server.client();
        let time = client.texts("TIME");
        let before: i64 = time[0].parse::<i64>().expect("seconds") * 1000;
        let done = put(&mut client, "s", "SET t 1 x SET t 2 x");
        assert!((before..before + 60_000).contains(&done.modified_at), "{before} {}", done.modified_at);
        let all = sync(&mut client, "s", &Cursor::start(), "").records;
        assert!(all.iter().all(|change| change.modified_at == done.modified_at));
    });
}

/// Overwritten versions stay as long as the log has them, and share their data with the record.
#[test]
fn fault10_a_version_is_kept_once() {
    on_each(|server| {
        let mut client = server.client();
        let data = "d".repeat(100_000);
        client.run("RECORD.SETOPTIONS s * MAXCHANGES 10");
        for _ in 0..100 {
            client.run(cmd!("RECORD.PUT", "s", "SET", "t", "1", data.as_str()));
        }
        let usage = client.int("MEMORY USAGE s");
        assert!((1_000_000..1_200_000).contains(&usage), "{usage}");
        client.run("RECORD.TRIM s KEEP 1");
        assert!(client.int("MEMORY USAGE s") < 120_000, "the record and its change are one");
        assert_eq!(versions(&mut client, "s").0.version, 100);
    });
}
