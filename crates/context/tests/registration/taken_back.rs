//! Loads that fail after something was started, and modules that the server takes back: MODULE LOADEX with a setting
//! that the module does not have. From 7.2 on it ends if the module can't be taken back.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Family, Options, Value, cmd};

use crate::{NAME, is_7_0, load, on_each, path, tell};

const STARTED: [&str; 8] = ["TIMER", "THREAD", "LOCK", "JOB", "WATCHER", "WAKER", "GRUDGE", "STAY"];

fn loaded(client: &mut Client) -> bool {
    let list = client.run(cmd!("MODULE", "LIST"));
    format!("{list:?}").contains(&format!("{:?}", Value::Bytes(NAME.as_bytes().to_vec())))
}

fn loadex(client: &mut Client, words: &[&str]) -> Value {
    let load = Command::new("MODULE LOADEX").arg(path()).args(["CONFIG", "odd.nosuch", "1", "ARGS"]);
    tell(client, load.args(words.iter().copied()))
}

/// The event loop turns a few times, and what runs late has run.
fn settle(client: &mut Client) {
    for _ in 0..15 {
        client.run(cmd!("PING"));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn one_by_one_and_all() -> impl Iterator<Item = Vec<&'static str>> {
    STARTED.iter().map(|what| vec![*what]).chain([STARTED.to_vec()])
}

#[test]
fn whatever_init_has_started_the_server_takes_the_module_back() {
    for what in one_by_one_and_all() {
        println!("{what:?}");
        on_each(&Options::new(), |_, client, installed| {
            for _ in 0..2 {
                assert!(loadex(client, &what).error().is_some());
                client.run(cmd!("PING"));
                // Redis 7.0 leaves what it can't take back.
                assert!(!loaded(client) || is_7_0(installed));
                settle(client);
            }
        });
    }
}

#[test]
fn whatever_init_has_started_a_load_may_fail() {
    on_each(&Options::new(), |_, client, _| {
        for end in ["FAIL", "PANIC"] {
            for what in one_by_one_and_all() {
                let words = what.iter().copied().chain([end]).map(str::as_bytes);
                assert!(load(client, words).error().is_some());
                assert!(!loaded(client), "{what:?}");
                settle(client);
            }
        }
        // Its code has stayed for the sake of a thread; the next load is as good as the first.
        assert_eq!(load(client, [&b"FIRED"[..], b"TIMER"]).error(), None);
        wait_until("the timers", || client.run(cmd!("ODD.FIRED")) == Value::Int(11));
    });
}

#[test]
fn what_init_has_started_runs_when_the_module_stays() {
    let module = path();
    let options = Options::new().module(std::path::Path::new(&module), "FIRED TIMER JOB LOCK WATCHER THREAD");
    on_each(&options, |server, client, _| {
        wait_until("timers and jobs", || client.run(cmd!("ODD.FIRED")) == Value::Int(20_000_011));
        wait_until("the lock", || server.log().contains("odd: under the lock again"));
        assert!(!server.log().contains("odd: the lock is gone"));
    });
    on_each(&Options::new(), |_, client, _| {
        assert_eq!(load(client, [&b"FIRED"[..], b"TIMER"]).error(), None);
        wait_until("the timers", || client.run(cmd!("ODD.FIRED")) == Value::Int(11));
        assert!(
            tell(client, Command::new("MODULE UNLOAD").arg(NAME)).error().is_some(),
            "timers are far away"
        );
    });
}

#[test]
fn the_lock_of_a_module_that_was_taken_back_is_gone() {
    on_each(&Options::new(), |server, client, installed| {
        if is_7_0(installed) {
            return;
        }
        assert!(loadex(client, &["LOCK"]).error().is_some());
        // A server without any module never gives the lock away.
        assert_eq!(load(client, [&b"FIRED"[..]]).error(), None);
        wait_until("the thread", || server.log().contains("odd: the lock is gone"));
        assert!(!server.log().contains("odd: under the lock"));
    });
}

#[test]
fn a_setting_of_the_wrong_value_refuses_the_load() {
    on_each(&Options::new(), |_, client, _| {
        for started in STARTED {
            let load = Command::new("MODULE LOADEX").arg(path()).args([
                "CONFIG",
                &format!("{NAME}.switch"),
                "perhaps",
                "ARGS",
                started,
                "ROUNDTRIP",
            ]);
            assert!(tell(client, load).error().is_some());
            assert!(!loaded(client));
            settle(client);
        }
    });
}

/// It is not taken back there: a command of its own asks whether it leaves.
#[test]
fn a_module_that_would_rather_stay_is_not_unloaded_in_the_transaction_that_loads_it() {
    on_each(&Options::new(), |_, client, _| {
        client.run("MULTI");
        client.run(Command::new("MODULE LOAD").arg(path()).arg("STAY"));
        client.run(Command::new("MODULE UNLOAD").arg(NAME));
        let replies = client.run("EXEC");
        let replies = replies.as_array().expect("two replies");
        assert!(replies[0].error().is_none() && replies[1].error().is_some(), "{replies:?}");
        assert!(loaded(client));
        client.run(Command::new("MODULE UNLOAD").arg(NAME));
    });
}

/// Valkey ends, whoever has written the module: see the README.
#[test]
fn a_module_with_a_type_is_taken_back_where_the_server_can() {
    let path = crate::example::module("example_native_type");
    on_each(&Options::new(), |_, client, installed| {
        if installed.version.family == Family::Valkey {
            return;
        }
        let load = Command::new("MODULE LOADEX").arg(path.to_string_lossy().into_owned());
        assert!(tell(client, load.args(["CONFIG", "odd.nosuch", "1"])).error().is_some());
        settle(client);
    });
}
