//! What the seed's backend was tested for.

use std::collections::BTreeSet;

use redis_mirror_test_support::{Client, cmd};

use crate::store::{Cursor, as_feed, get, list, put, record, sync, sync_command};
use crate::waiter::Waiter;
use crate::{on_each, on_every};

#[test]
fn ten_thousand_puts_stream_in_order() {
    on_each(|server| {
        let address = server.address();
        let writer = std::thread::spawn(move || {
            let mut client = Client::connect(address).expect("connected");
            let puts: Vec<_> =
                (0..10_000).map(|number| cmd!("RECORD.PUT", "s", "SET", "t", number, number)).collect();
            client.pipeline(&puts).expect("all are put");
        });
        let (mut client, mut at, mut next) = (server.client(), Cursor::start(), 0);
        while next < 10_000 {
            let page = sync(&mut client, "s", &at, "BLOCK 0");
            for change in page.records {
                assert_eq!((change.version, change.id), (next + 1, next.to_string()));
                next += 1;
            }
            at = page.at;
        }
        writer.join().expect("the writer ends");
    });
}

#[test]
fn a_capacity_of_three_keeps_the_newest_three() {
    on_every(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s t CAPACITY 3");
        (0..10).for_each(|number| drop(put(&mut client, "s", &format!("SET t {number} x"))));
        assert_eq!(list(&mut client, "s", "TYPE t").ids(), ["7", "8", "9"]);
        assert_eq!(
            client.run("RECORD.GETOPTIONS s none").as_array().map(<[_]>::len),
            Some(0),
            "unset is empty"
        );
    });
}

#[test]
fn a_lease_goes_from_one_to_the_other() {
    on_every(|server| {
        let mut client = server.client();
        let mut wins = |id: &str, ms: u64| {
            client
                .run(format!("RECORD.LEASE s l TRY {id} {ms}"))
                .as_array()
                .is_some_and(|answer| answer[0].as_int() == Some(1))
        };
        assert!(wins("a", 60_000));
        assert!(!wins("b", 60_000));
        assert!(wins("a", 60_000), "who holds it renews it");
        wins("a", 0);
        assert!(wins("b", 60_000));
    });
}

#[test]
fn a_second_client_is_woken_by_the_first_ones_put() {
    on_every(|server| {
        let mut second = Waiter::start(server, sync_command("s", &Cursor::start(), "TYPE t BLOCK 0"));
        put(&mut server.client(), "s", "SET t 1 hello");
        let page = as_feed(&second.answer());
        assert_eq!(page.records[0].data.as_deref(), Some("hello"));
    });
}

#[test]
fn a_query_finds_one_or_the_other_id() {
    on_every(|server| {
        let mut client = server.client();
        (0..20).for_each(|number| drop(put(&mut client, "s", &format!("SET t id{number} data{number}"))));
        let filter = r#"{"$or":[{"id":{"$eq":"id7"}},{"id":{"$eq":"id3"}},{"id":{"$eq":"none"}}]}"#;
        let ids = |client: &mut Client, more: &str| -> Vec<String> {
            let found = client.run(format!("RECORD.QUERY s t {more}"));
            found.as_array().expect("records").iter().map(|found| record(found).id).collect()
        };
        assert_eq!(ids(&mut client, &format!("FILTER {filter}")), ["id3", "id7"]);
        assert_eq!(ids(&mut client, "MATCH data1 OFFSET 1 LIMIT 2"), ["id10", "id11"]);
        let both = r#"{"$and":[{"id":{"$eq":"id7"}},{"id":{"$eq":"id3"}}]}"#;
        assert!(ids(&mut client, &format!("FILTER {both}")).is_empty());
    });
}

/// Gets while others put: each sees some whole record, and versions only grow.
#[test]
fn gets_and_puts_at_once() {
    on_each(|server| {
        let address = server.address();
        put(&mut server.client(), "s", "SET t shared 0");
        let versions: Vec<i64> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    scope.spawn(move || {
                        let mut client = Client::connect(address).expect("connected");
                        (0..200)
                            .flat_map(|number| {
                                put(&mut client, "s", &format!("SET t shared {writer}-{number}")).versions
                            })
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            let mut client = Client::connect(address).expect("connected");
            let mut last = 0;
            for _ in 0..200 {
                let version = get(&mut client, "s", "t", "shared").expect("it is there").version;
                assert!(version >= last);
                last = version;
            }
            writers.into_iter().flat_map(|writer| writer.join().expect("it ends")).collect()
        });
        let once: BTreeSet<i64> = versions.iter().copied().collect();
        assert_eq!(
            (once.len(), once.first(), once.last()),
            (800, Some(&2), Some(&801)),
            "no version twice, no retries"
        );
    });
}
