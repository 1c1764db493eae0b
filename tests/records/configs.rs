//! The settings `mirror.record-*`.

use redis_mirror_test_support::{Options, Server};

use crate::on_each_with;
use crate::store::{Cursor, list_page, put, sync};

const SETTINGS: [(&str, &str, &str, &str); 10] = [
    ("name-max", "1024", "7", "0"),
    ("data-max", "67108864", "100", "-1"),
    ("batch-max", "10000", "5", "0"),
    ("types-max", "100000", "6", "0"),
    ("leases-max", "10000", "0", "-1"),
    ("cursors-max", "10000", "0", "-1"),
    ("page-max", "16777216", "1000", "0"),
    ("page-records-max", "100000", "7", "0"),
    ("waiting-max", "100000", "0", "-1"),
    ("publish", "yes", "no", "maybe"),
];

#[test]
fn settings_are_read_set_and_kept() {
    on_each_with(Options::new(), |server| {
        let value = |server: &Server, name: &str| {
            server
                .client()
                .texts(format!("CONFIG GET mirror.record-{name}"))
                .get(1)
                .cloned()
                .unwrap_or_default()
        };
        let mut client = server.client();
        assert_eq!(client.texts("CONFIG GET mirror.record-*").len(), 2 * SETTINGS.len());
        for (name, default, other, bad) in SETTINGS {
            assert_eq!(value(server, name), default, "{name}");
            client.refusal(format!("CONFIG SET mirror.record-{name} {bad}"));
            assert_eq!(value(server, name), default, "{name}");
            client.run(format!("CONFIG SET mirror.record-{name} {other}"));
            assert_eq!(value(server, name), other, "{name}");
        }
        client.run("CONFIG REWRITE");
        server.kill();
        server.resume_as_rewritten();
        for (name, _, other, _) in SETTINGS {
            assert_eq!(value(server, name), other, "{name}");
        }
        // They count at once, and a page has a record at least.
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x SET t 2 y");
        assert!(client.refusal("RECORD.SYNC s 0 0 TYPE none BLOCK 0").starts_with("RECLIMIT"));
        assert!(client.refusal("RECORD.LEASE s l TRY me 5").starts_with("RECLIMIT"));
        client.run("CONFIG SET mirror.record-page-max 1");
        assert_eq!(list_page(&mut client, "s", "", "0").ids(), ["1"]);
        let page = sync(&mut client, "s", &Cursor::start(), "MAXBYTES 100000");
        assert_eq!((page.ids(), page.more), (vec!["1"], true));
    });
}
