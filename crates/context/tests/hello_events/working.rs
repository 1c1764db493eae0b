//! Timers, posted jobs, the waker, watched descriptors, and when the module may write.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Options, Server, Value, servers};

use crate::{example, journal, journal_with, on_each_server, options, position};

#[test]
fn a_server_never_comes_back_to_a_load_that_failed() {
    for installed in servers() {
        eprintln!("-- {installed}");
        let mut server = Server::start(installed, Options::new());
        let mut client = server.client();
        let path = example::module("hello_events").to_string_lossy().into_owned();
        client.refusal(Command::new("MODULE LOAD").arg(path.as_str()).arg("REFUSE"));
        // Longer than the timer, and every kind of event that was subscribed to.
        std::thread::sleep(std::time::Duration::from_millis(200));
        for line in ["SET k v", "DEL k", "FLUSHALL", "SWAPDB 0 1", "CONFIG SET hz 20", "INFO everything"] {
            client.run(line);
        }
        drop(server.client());
        assert!(server.is_running(), "{installed} has ended");
        client.run(Command::new("MODULE LOAD").arg(path.as_str()));
        client.run("HE.JOURNAL CLEAR");
        client.run("SET k v");
        client.run("FLUSHALL");
        let lines = journal(&mut client);
        assert_eq!(lines.iter().filter(|line| line.starts_with("key set k")).count(), 1, "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("flush Started")).count(), 1, "{lines:?}");
    }
}

#[test]
fn timers_fire_once_and_can_be_stopped() {
    on_each_server(|_, client| {
        client.run("HE.TIMER START 1 hi");
        journal_with(client, "timer hi");
        client.run("HE.TIMER START 1 again");
        journal_with(client, "timer second");
        client.run("HE.TIMER START 100000 far");
        assert!((1..=100_000).contains(&client.int("HE.TIMER REMAINING")));
        assert_eq!(client.text("HE.TIMER STOP"), "far");
        assert_eq!(client.bytes("HE.TIMER STOP"), None);
        assert!(client.refusal("HE.TIMER START 99999999999999 x").contains("100 years"));
    });
}

#[test]
fn stopping_a_timer_inside_its_own_callback_is_harmless() {
    on_each_server(|_, client| {
        client.run("HE.TIMER START 1 stop");
        journal_with(client, "stopping it from inside: None");
        client.run("HE.TIMER START 1 panic");
        journal_with(client, "timer panic");
        client.run("HE.TIMER START 1 next");
        journal_with(client, "timer next");
    });
}

#[test]
fn a_dropped_timer_never_calls_back() {
    on_each_server(|_, client| {
        // Both commands at once: no turn of the event loop is between them.
        client.pipeline(&["HE.TIMER START 1 dropped".into(), "HE.TIMER DROP".into()]).expect("two replies");
        // Timers fire in the order of their times: when this one has, the other one's time is over.
        client.run("HE.TIMER START 50 later");
        let lines = journal_with(client, "timer later");
        assert!(!lines.contains(&"timer dropped".to_owned()), "{lines:?}");
    });
}

#[test]
fn jobs_wakes_and_descriptors_reach_the_main_thread() {
    on_each_server(|server, client| {
        client.run("HE.POST one");
        client.run("HE.POST panic");
        client.run("HE.POST two");
        let lines = journal_with(client, "posted two");
        assert!(position(&lines, "posted one") < position(&lines, "posted panic"));
        assert!(server.log().contains("in a posted job"));
        client.run("HE.WAKE");
        journal_with(client, "woken");
        client.run("HE.FD bytes");
        journal_with(client, "fd \"bytes\"");
        client.run("HE.FD panic");
        journal_with(client, "fd \"panic\"");
        client.run("HE.FD close");
        journal_with(client, "fd \"close\"");
        let before = client.run("HE.TURNS");
        client.run("PING");
        assert_ne!(client.run("HE.TURNS"), before, "the event loop turns for each command");
    });
}

/// A script that runs until the gate opens, and a client that waits for its end.
fn busy_script(server: &Server, client: &mut Client) -> Client {
    client.run("HE.GATE SHUT");
    let threshold = "CONFIG SET busy-reply-threshold 10";
    client.run(threshold);
    let mut script = server.client();
    let code = "repeat until redis.call('HE.GATE') == 1 redis.call('HE.NOTE', 'script ends') return 1";
    script.send(&Command::new("EVAL").arg(code).arg("0")).expect("the script is sent");
    wait_until("the server is busy", || {
        client.send(&Command::new("PING")).expect("a ping is sent");
        matches!(client.receive(), Ok(Value::Error(message)) if message.starts_with("BUSY"))
    });
    script
}

#[test]
fn jobs_and_descriptors_wait_for_the_end_of_a_busy_script() {
    on_each_server(|server, client| {
        let mut script = busy_script(server, client);
        client.run("HE.POST from afar");
        client.run("HE.POST busy");
        client.run("HE.FD busy");
        // Each of these is a file event of its own, inside the script.
        for _ in 0..50 {
            assert!(client.refusal("PING").starts_with("BUSY"));
        }
        let meanwhile = journal(client);
        assert!(
            !meanwhile.iter().any(|line| line.starts_with("posted") || line.starts_with("fd")),
            "{meanwhile:?}"
        );
        client.run("HE.GATE OPEN");
        assert_eq!(script.receive().expect("the script answers").as_int(), Some(1));
        wait_until("the job ran", || journal(client).contains(&"posted busy".to_owned()));
        let lines = journal_with(client, "fd \"busy\"");
        assert!(position(&lines, "script ends") < position(&lines, "posted busy"));
        assert!(position(&lines, "script ends") < position(&lines, "fd \"busy\""));
    });
}

#[test]
fn jobs_wait_for_the_end_of_a_load() {
    on_each_server(|server, client| {
        for at in 0..2000 {
            client.run(Command::new("SET").arg(format!("key{at}")).arg("x".repeat(100)));
        }
        client.run("CONFIG SET key-load-delay 200 loading-process-events-interval-bytes 1024");
        let mut reload = server.client();
        reload.send(&Command::new("DEBUG RELOAD")).expect("the command is sent");
        wait_until("the server loads", || journal(client).contains(&"loading Started(Rdb)".to_owned()));
        client.run("HE.POST while loading");
        client.run("HE.POST loading");
        let meanwhile = journal(client);
        assert!(!meanwhile.contains(&"loading Ended".to_owned()), "the load was over too soon to tell");
        assert!(!meanwhile.contains(&"posted loading".to_owned()), "{meanwhile:?}");
        assert_eq!(reload.receive().expect("the reload answers").as_text().as_deref(), Some("OK"));
        let lines = journal_with(client, "posted loading");
        assert!(position(&lines, "loading Ended") < position(&lines, "posted loading"));
        assert_eq!(client.int("DBSIZE"), 2000);
    });
}

#[test]
fn a_paused_server_is_not_written_to() {
    for installed in servers() {
        // With an AOF, a write while paused would abort the server.
        let server = Server::start(installed, options().durable());
        let mut client = server.client();
        client.run("CLIENT PAUSE 100000 WRITE");
        client.run("HE.POST incr:n");
        journal_with(&mut client, "posted incr Paused");
        client.run("CLIENT UNPAUSE");
        client.run("HE.POST incr:n");
        journal_with(&mut client, "posted incr true");
        assert_eq!(client.text("GET n"), "1");
    }
}

#[test]
fn the_writes_of_one_turn_are_one_transaction_in_the_aof() {
    for installed in servers() {
        let server = Server::start(installed, Options::clone(&options()).durable());
        let mut client = server.client();
        let mut script = busy_script(&server, &mut client);
        client.run("HE.POST incr:a");
        client.run("HE.POST incr:b");
        client.run("HE.GATE OPEN");
        script.receive().expect("the script answers");
        wait_until("both jobs ran", || client.text("GET b") == "1");
        let log = aof(server.dir());
        let units: Vec<&str> = log.split("MULTI").skip(1).collect();
        assert!(units.iter().any(|unit| unit.contains("\na\r") && unit.contains("\nb\r")), "{log}");
    }
}

fn aof(dir: &std::path::Path) -> String {
    let folder = std::fs::read_dir(dir.join("appendonlydir")).expect("an AOF folder");
    let files = folder.flatten().filter(|file| file.file_name().to_string_lossy().contains(".incr."));
    files
        .map(|file| {
            String::from_utf8_lossy(&std::fs::read(file.path()).expect("a readable AOF")).into_owned()
        })
        .collect()
}
