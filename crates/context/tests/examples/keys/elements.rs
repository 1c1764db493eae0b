//! Walks over elements that go wrong, and what may be done during one.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Family};

use super::{line, on_each_server};

fn fill(client: &mut redis_mirror_test_support::Client, count: usize) {
    for at in 0..count {
        client.run(Command::new("HSET h").arg(format!("f{at}")).arg("v"));
        client.run(Command::new("SADD s").arg(format!("m{at}")));
        client.run(Command::new("ZADD z 1").arg(format!("m{at}")));
    }
}

#[test]
fn a_panic_or_a_break_ends_the_step_and_nothing_else() {
    on_each_server(|server, client| {
        for count in [3, 1000] {
            fill(client, count);
            for key in ["h", "s", "z"] {
                let panicked = line(client, format!("HK.ELEMENTS {key} PANIC").as_str());
                assert!(panicked.starts_with("Stopped"), "{panicked}");
                let stopped = client.run(format!("HK.ELEMENTS {key} STOP").as_str());
                assert_eq!(stopped.as_array().map(<[_]>::len), Some(3), "one element, and how it ended");
                let all = client.run(format!("HK.ELEMENTS {key}").as_str());
                assert!(all.as_array().is_some_and(|all| all.len() > 2 * count), "nothing is left open");
            }
        }
        assert!(server.log().contains("a panic was caught in a walk over the elements of a key"));
        assert_eq!(line(client, "HK.ELEMENTS missing"), "Done Done");
    });
}

#[test]
fn reading_goes_on_during_a_walk() {
    on_each_server(|_, client| {
        client.run("SET other text");
        for count in [3, 500] {
            fill(client, count);
            for key in ["h", "z"] {
                let seen = line(client, format!("HK.ELEMENTS {key} READ other").as_str());
                assert_eq!(seen.matches("true Ok(4) Ok(true) true").count(), count, "{key}");
                let seen = line(client, format!("HK.ELEMENTS {key} NESTED").as_str());
                let inner = format!(" {count} ");
                assert!(seen.matches(&inner).count() >= count, "{key}: each inner walk sees all");
            }
        }
    });
}

#[test]
fn what_a_walk_meets_may_expire_while_it_is_read() {
    on_each_server(|_, client| {
        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        fill(client, 300);
        client.run("SET other v PX 1");
        wait_until("its time has come", || {
            client.int("PTTL other") == -2 || client.bytes("GET other").is_none()
        });
        client.run("SET other2 v PX 1");
        let seen = line(client, "HK.ELEMENTS h READ other2");
        assert!(seen.ends_with("Done Done"), "{seen}");
    });
}

#[test]
fn fields_whose_time_has_come_are_left_out() {
    on_each_server(|server, client| {
        let version = server.installed().version;
        if version.family != Family::Redis || version.major < 8 {
            return;
        }
        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        for (key, more) in [("small", 3), ("large", 600)] {
            for at in 0..more {
                client.run(format!("HSET {key} f{at} v").as_str());
            }
            client.run(format!("HPEXPIRE {key} 1 FIELDS 1 f0").as_str());
            wait_until("its time has come", || {
                let seen = client.run(format!("HK.ELEMENTS {key}").as_str());
                seen.as_array().map(<[_]>::len) == Some(2 * (more - 1) + 1)
            });
            let all = client.run(format!("HK.ELEMENTS {key} ALL").as_str());
            assert_eq!(all.as_array().map(<[_]>::len), Some(2 * more + 1), "{key}");
        }
    });
}

#[test]
fn a_cursor_belongs_to_no_thread() {
    on_each_server(|_, client| {
        fill(client, 700);
        for key in ["h", "s", "z"] {
            let told = line(client, format!("HK.THREAD {key}").as_str());
            assert_eq!(told, "700 1", "{key}");
        }
    });
}
