//! How much one reply may hold.

use redis_mirror_test_support::{Client, Options, cmd};

use crate::store::{Cursor, list, list_page, put, records, sync};
use crate::{on_each_with, start};

const BYTES_MAX: usize = 4000;

fn options() -> Options {
    Options::new().set("mirror.record-page-max", BYTES_MAX).set("mirror.record-page-records-max", 5)
}

/// Twenty records of a thousand bytes, of which three fit, twenty small ones, and one that is larger than a page.
fn fill(client: &mut Client) {
    for number in 0..20 {
        client.run(cmd!("RECORD.PUT", "s", "SET", "large", number, "x".repeat(1000)));
        client.run(cmd!("RECORD.PUT", "s", "SET", "small", number, "x"));
    }
    client.run(cmd!("RECORD.PUT", "s", "SET", "giant", "1", "x".repeat(10 * BYTES_MAX)));
}

fn query(client: &mut Client, call: &str) -> usize {
    records(&client.run(format!("RECORD.QUERY s {call}"))).len()
}

/// An answer that was cut short would look complete.
#[test]
fn answers_without_pages_are_refused_when_they_are_too_large() {
    on_each_with(options(), |server| {
        let mut client = server.client();
        fill(&mut client);
        for (call, error) in [
            ("QUERY s large", "RECLIMIT bytes of records in one answer: 0 to 4000: take fewer"),
            ("QUERY s large LIMIT 4", "RECLIMIT bytes"),
            ("QUERY s large LIMIT 4 OFFSET 16", "RECLIMIT bytes"),
            ("QUERY s small LIMIT 6", "RECLIMIT records of one answer: 0 to 5: take fewer"),
            ("QUERY s none LIMIT 6", "RECLIMIT records"),
            ("MGET s large 1 2 3 4", "RECLIMIT bytes of records in one answer: 0 to 4000: ask for fewer"),
            ("MGET s small 1 2 3 4 5 6", "RECLIMIT records of one answer: 0 to 5: ask for fewer"),
            ("MGET s none 1 2 3 4 5 6", "RECLIMIT records"),
        ] {
            let refusal = client.refusal(format!("RECORD.{call}"));
            assert!(refusal.starts_with(error), "{call}: {refusal}");
        }
        assert_eq!(query(&mut client, "large LIMIT 3"), 3);
        assert_eq!(query(&mut client, "large LIMIT 4 OFFSET 17"), 3);
        assert_eq!(query(&mut client, "small"), 5, "as many as one answer may have");
        assert_eq!(query(&mut client, "small LIMIT 5 OFFSET 18"), 2);
        assert_eq!(client.run("RECORD.MGET s large 1 2 3 none none").as_array().map(<[_]>::len), Some(5));
        // A record that is larger than a page comes alone.
        assert_eq!(query(&mut client, "giant"), 1);
        assert!(crate::store::get(&mut client, "s", "giant", "1").is_some());
        assert_eq!(client.run("RECORD.MGET s giant none 1").as_array().map(<[_]>::len), Some(2));
        assert!(client.refusal("RECORD.MGET s giant 1 1").starts_with("RECLIMIT"));
    });
}

/// Whatever the client asks for, a page is no larger; and all pages have everything.
#[test]
fn pages_are_made_smaller() {
    on_each_with(options(), |server| {
        let mut client = server.client();
        fill(&mut client);
        for asked in ["", "COUNT 1000", "COUNT 1000000000 MAXBYTES 1000000000"] {
            assert_eq!(list_page(&mut client, "s", &format!("{asked} TYPE small"), "0").records.len(), 5);
            assert_eq!(list_page(&mut client, "s", &format!("{asked} TYPE large"), "0").records.len(), 3);
            assert_eq!(list(&mut client, "s", asked).records.len(), 41);
            let (mut at, mut count) = (Cursor::start(), 0);
            loop {
                let page = sync(&mut client, "s", &at, asked);
                let bytes: usize =
                    page.records.iter().filter_map(|record| record.data.as_ref()).map(String::len).sum();
                assert!(page.records.len() == 1 || (page.records.len() <= 5 && bytes <= BYTES_MAX));
                count += page.records.len();
                at = page.at;
                if !page.more {
                    break;
                }
            }
            assert_eq!(count, 41);
        }
    });
}

/// By default no answer takes more than some 16 MB, whatever the store holds.
#[test]
fn a_large_store_is_not_answered_at_once() {
    let Some(installed) = crate::installed().next() else { return };
    let server = start(installed, Options::new());
    let mut client = server.client();
    for number in 0..40 {
        client.run(cmd!("RECORD.PUT", "s", "SET", "t", number, vec![b'x'; 1 << 20]));
    }
    let ids = (0..40).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
    for call in ["RECORD.QUERY s t".to_owned(), format!("RECORD.MGET s t {ids}")] {
        assert!(client.refusal(call.as_str()).starts_with("RECLIMIT bytes"), "{call}");
    }
    assert_eq!(sync(&mut client, "s", &Cursor::start(), "").records.len(), 15);
    assert_eq!(list_page(&mut client, "s", "COUNT 40", "0").records.len(), 15);
    put(&mut client, "s", "SET t small x");
    assert_eq!(list(&mut client, "s", "").records.len(), 41);
}
