//! `examples/timers`.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Server, Value, cmd, servers};

use crate::harness::{self, Subject, on_each_server};

pub const SUBJECT: Subject = Subject { packages: &["timers"], drive };

fn drive(_server: &Server, client: &mut Client) {
    let far = client.int("TIMER.ONCE 60000 hello");
    assert!((1..=60_000).contains(&client.int(cmd!("TIMER.LEFT", far))));
    assert_eq!(client.text(cmd!("TIMER.STOP", far)), "hello");
    assert_eq!(client.bytes(cmd!("TIMER.STOP", far)), None);
    assert_eq!(client.bytes(cmd!("TIMER.LEFT", far)), None);
    let every = client.int("TIMER.EVERY 10 ticks");
    wait_until("it ticks", || client.bytes("GET ticks").is_some_and(|ticks| ticks.len() > 1));
    assert_eq!(client.text(cmd!("TIMER.STOP", every)), "ticks");
    let stopped = client.bytes("GET ticks");
    // Timers fire in the order of their times: when this one has, the next tick's time is over.
    let later = client.int("TIMER.ONCE 30 later");
    wait_until("the other fired", || client.run(cmd!("TIMER.LEFT", later)) == Value::Nil);
    assert_eq!(client.bytes("GET ticks"), stopped);
}

#[test]
fn a_timer_fires_once_and_says_so() {
    on_each_server(&["timers"], |server, client| {
        let id = client.int(cmd!("TIMER.ONCE", 1, "a%s\u{1}b"));
        wait_until("it fired", || server.log().contains(&format!("timer {id}: a%s\\x01b")));
        assert_eq!(client.bytes(cmd!("TIMER.STOP", id)), None);
        assert!(client.refusal("TIMER.ONCE 99999999999999 x").contains("100 years"));
        assert!(client.refusal("TIMER.ONCE -1 x").contains("not an integer"));
    });
}

#[test]
fn a_paused_server_misses_ticks_and_lives() {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, harness::options(&["timers"]).durable());
        let mut client = server.client();
        client.run("CONFIG SET loglevel verbose");
        client.run("TIMER.EVERY 10 ticks");
        client.run("CLIENT PAUSE 100000 WRITE");
        wait_until("a tick was left out", || server.log().contains("no tick: writes are paused"));
        client.run("CLIENT UNPAUSE");
        let before = client.bytes("GET ticks");
        wait_until("it ticks again", || client.bytes("GET ticks") != before);
        assert!(server.is_running());
    }
}
