//! Defragmentation. Debian's servers have none; these stories need servers built with the jemalloc of their own source
//! tree: `make defrag-servers`.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Options, Server, Value, defrag_servers, servers};

use super::{on_each_probe, probe_options, tells_keys_of_defrag};
use crate::harness::options;

/// Tells a story to each server that can defragment.
fn on_each_that_can(options: impl Fn() -> Options, story: impl Fn(&Server, &mut Client)) {
    for installed in servers().iter().chain(defrag_servers()) {
        let mut server = Server::start(installed, options());
        let mut client = server.client();
        for setting in
            ["ignore-bytes 1", "threshold-lower 0", "cycle-min 50", "cycle-max 75", "max-scan-fields 5"]
        {
            client.run(format!("CONFIG SET active-defrag-{setting}"));
        }
        if client.call("CONFIG SET activedefrag yes").is_err() {
            println!("{installed} can't defragment: skipped");
            continue;
        }
        println!("on {installed}");
        client.run("CONFIG SET activedefrag no");
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
    }
}

fn moved(client: &mut Client, what: &str) -> i64 {
    let reply = client.run("TP.MOVED");
    let pairs = reply.pairs().expect("a map");
    let found = pairs.iter().find(|(name, _)| name.as_text().as_deref() == Some(what));
    found.and_then(|(_, count)| count.as_int()).expect("a count")
}

#[test]
fn values_are_the_same_after_they_were_moved() {
    on_each_that_can(
        || options(&["native_type"]),
        |server, client| {
            let samples = |key: i64| (0..600).map(move |at| format!("{key}.{at}"));
            for key in 0..2000 {
                client.run(Command::new("SERIES.ADD").arg(format!("s{key}")).args(samples(key)));
                client.run(format!("SERIES.LABEL s{key} a-label-that-is-long-enough-to-be-moved-{key}"));
            }
            // More than the limit above: in steps.
            client.run(Command::new("SERIES.ADD large").args((0..10_000).map(|at| at.to_string())));
            client
                .run(Command::new("DEL").args((0..2000).filter(|at| at % 8 != 0).map(|at| format!("s{at}"))));
            let digest = client.text("DEBUG DIGEST");
            client.run("CONFIG SET activedefrag yes");
            wait_until("values are moved", || {
                server.info("stats").number("active_defrag_key_hits").is_some_and(|hits| hits > 200)
            });
            client.run("CONFIG SET activedefrag no");
            assert_eq!(client.text("DEBUG DIGEST"), digest);
            client.run("SERIES.ADD large 1");
            client.run("DEBUG RELOAD");
        },
    );
}

#[test]
fn a_large_value_is_moved_from_cursor_to_cursor() {
    on_each_that_can(probe_options, |server, client| {
        let has_key = tells_keys_of_defrag(server.installed());
        let of = |key: &str| format!("defrag {} 2", if has_key { key } else { "-" });
        client.run("SELECT 2");
        client.run(Command::new("TP.SET large text 1 1").args((0..20).map(|at| format!("{at:0>200}"))));
        client.run("TP.SET small text 1 1 part");
        let values = (client.run("TP.GET large"), client.run("TP.GET small"));
        client.texts("TP.JOURNAL");
        client.run("CONFIG SET activedefrag yes");
        let mut lines = Vec::new();
        wait_until("all its parts were visited", || {
            lines.extend(client.texts("TP.JOURNAL"));
            lines.contains(&"at 19".into()) && lines.contains(&of("small"))
        });
        client.run("CONFIG SET activedefrag no");
        assert!(lines.contains(&of("large")));
        let visits: Vec<&String> = lines.iter().filter(|line| line.starts_with("at ")).collect();
        let steps = (1..20).filter(|at| visits.contains(&&format!("at {at}"))).count();
        assert_eq!(steps, 19, "{visits:?}");
        assert_eq!((client.run("TP.GET large"), client.run("TP.GET small")), values);
    });
}

#[test]
fn what_belongs_to_no_key_is_moved_too() {
    on_each_that_can(probe_options, |server, client| {
        client.run("TP.BLOCKS 3000");
        client.run("CONFIG SET activedefrag yes");
        wait_until("blocks of every kind are moved", || {
            ["boxed", "slices", "texts", "strings"].iter().all(|kind| moved(client, kind) > 0)
        });
        assert_eq!(moved(client, "others"), 0, "neither aligned blocks nor shared strings");
        let is_redis_8 = tells_keys_of_defrag(server.installed());
        assert_eq!(moved(client, "rebuilt") > 0, is_redis_8);
        assert_eq!(moved(client, "unsupported") > 0, !is_redis_8);
        assert_eq!(moved(client, "begins") > 0, is_redis_8);
        if is_redis_8 {
            wait_until("a cycle ends", || moved(client, "ends") > 0);
        }
        client.run("CONFIG SET activedefrag no");
    });
}

#[test]
fn a_panic_in_a_defragmentation_is_contained() {
    on_each_that_can(probe_options, |server, client| {
        client.run("TP.SET key panic:defrag 1 1 part");
        client.run("TP.BLOCKS 100 PANIC");
        client.run("CONFIG SET activedefrag yes");
        wait_until("each has panicked", || {
            let log = server.log();
            log.contains("a panic was caught in a type's defrag")
                && log.contains("a panic was caught in a module's defragmentation")
        });
        client.run("CONFIG SET activedefrag no");
        client.run("TP.BLOCKS 1");
        client.run("TP.GET key");
    });
}

#[test]
fn a_dict_is_moved_step_by_step() {
    on_each_probe(|_, client| {
        client.run("TP.DICT 100");
        let reply = client.run("TP.DICTMOVED");
        let size = reply.as_array().and_then(|all| all[0].as_int()).expect("a size");
        assert!((1000..1_000_000).contains(&size), "{size}");
    });
    on_each_that_can(probe_options, |server, client| {
        client.run("TP.DICT 20000");
        client.run("CONFIG SET activedefrag yes");
        let counts = |client: &mut Client| -> Vec<i64> {
            let reply = client.run("TP.DICTMOVED");
            reply.as_array().expect("counts").iter().filter_map(Value::as_int).collect()
        };
        if tells_keys_of_defrag(server.installed()) {
            wait_until("the dict was gone through", || counts(client)[2] > 0 && counts(client)[1] > 20_000);
        } else {
            wait_until("it is refused", || counts(client)[3] > 0);
        }
        client.run("CONFIG SET activedefrag no");
        assert!(counts(client)[0] > 0, "it is sound");
    });
}
