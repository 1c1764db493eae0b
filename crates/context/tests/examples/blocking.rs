//! `examples/blocking`.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Server, Value, cmd, servers};

use crate::harness::{Subject, on_each_server, options};

pub const SUBJECT: Subject = Subject { packages: &["blocking"], drive };

fn drive(server: &Server, client: &mut Client) {
    let primes = Value::Array(vec![Value::Bytes(b"primes".to_vec()), Value::Int(9592)]);
    assert_eq!(client.run("JOB.RUN 100000 50000"), primes);
    assert!(client.refusal("JOB.RUN 4000000000 10").starts_with("TIMEOUT the job took longer than 10 ms"));
    client.run("MULTI");
    client.run("JOB.RUN 10 0");
    let refused = client.run("EXEC");
    let refused = refused.as_array().and_then(|replies| replies[0].error()).expect("a refusal");
    assert!(refused.contains("not allowed inside a transaction"), "{refused}");
    let mut waiting = server.client();
    waiting.send(&Command::new("JOB.WAIT 0")).expect("sent");
    wait_until("the client heard it", || client.int("JOB.TELL hello") == 1);
    assert_eq!(waiting.receive().expect("an answer").as_text().as_deref(), Some("hello"));
    assert!(stat(client, "timed out") >= 1);
    wait_until("the job was given up", || stat(client, "running") == 0);
}

fn stat(client: &mut Client, name: &str) -> i64 {
    let stats = client.run("JOB.STATS");
    let pairs = stats.pairs().expect("a map");
    let found = pairs.iter().find(|(key, _)| key.as_text().as_deref() == Some(name));
    found.and_then(|(_, value)| value.as_int()).expect("a number")
}

/// A field of `cmdstat_<name>` in INFO commandstats.
fn usec(client: &mut Client, name: &str) -> u64 {
    let text = client.text("INFO commandstats");
    let line = text.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:"))).expect("statistics");
    let usec = line.split("usec=").nth(1).and_then(|rest| rest.split(',').next());
    usec.and_then(|usec| usec.parse().ok()).expect("a number")
}

#[test]
fn the_time_of_a_thread_is_the_commands_own() {
    on_each_server(&["blocking"], |_, client| {
        client.run("CONFIG SET slowlog-log-slower-than 3000");
        client.run("SLOWLOG RESET");
        let started = std::time::Instant::now();
        client.run("JOB.RUN 300000 0");
        let took = started.elapsed().as_micros() as u64;
        let measured = usec(client, "job.run");
        assert!(measured <= took + 1000, "{measured} of {took}");
        let log = client.run("SLOWLOG GET -1");
        let shown = log.as_array().expect("entries").iter().any(|entry| {
            let entry = entry.as_array().expect("an entry");
            entry[3].as_array().is_some_and(|args| args[0].as_text().as_deref() == Some("JOB.RUN"))
                && entry[2].as_int().is_some_and(|usec| usec >= 3000)
        });
        assert!(shown, "{log}");
    });
}

#[test]
fn what_comes_too_late_comes_back() {
    on_each_server(&["blocking"], |server, client| {
        let mut leaving = server.client();
        leaving.send(&Command::new("JOB.RUN 4000000000 0")).expect("sent");
        wait_until("it runs", || stat(client, "running") == 1);
        drop(leaving);
        wait_until("it was given up", || stat(client, "running") == 0 && stat(client, "left") == 1);
        assert!(server.log().contains("a client has left before its job was done"));
        // The first in the list of those that wait left, which nobody tells.
        let id = client.int("CLIENT ID");
        let mut waiting = server.client();
        let waiting_id = waiting.int("CLIENT ID");
        assert_ne!(id, waiting_id);
        waiting.send(&Command::new("JOB.WAIT 0")).expect("sent");
        wait_until("it waits", || client.int(cmd!("CLIENT", "UNBLOCK", waiting_id, "TIMEOUT")) == 1);
        assert_eq!(waiting.receive().expect("an answer"), Value::Nil);
        assert_eq!(client.int("JOB.TELL nobody"), 0);
    });
}

#[test]
fn too_many_jobs_are_refused_by_taking_the_block_back() {
    on_each_server(&["blocking"], |server, client| {
        let mut crowd: Vec<Client> = (0..64).map(|_| server.client()).collect();
        for one in &mut crowd {
            one.send(&Command::new("JOB.RUN 4000000000 0")).expect("sent");
        }
        wait_until("all run", || stat(client, "running") == 64);
        assert!(client.refusal("JOB.RUN 10 0").contains("too many jobs"));
        client.run("PING");
        drop(crowd);
        wait_until("all have ended", || stat(client, "running") == 0);
        assert_eq!(server.info("clients").number("blocked_clients"), Some(0));
    });
}

/// A load serves those who wait when it is over, and lets them go meanwhile.
#[test]
fn clients_that_wait_live_through_a_load() {
    for installed in servers() {
        println!("on {installed}");
        let options = options(&["blocking"]).set("key-load-delay", 200);
        let server = Server::start(installed, options.set("loading-process-events-interval-bytes", 1024));
        let mut client = server.client();
        for at in 0..2000 {
            client.run(cmd!("SET", format!("key{at}"), "x".repeat(100)));
        }
        let blocked = |line: &str| {
            let mut blocked = server.client();
            blocked.send(&Command::new(line)).expect("it is sent");
            blocked
        };
        let lines = ["JOB.RUN 300000 0", "JOB.RUN 4000000000 100", "JOB.WAIT 0", "JOB.WAIT 0"];
        let [mut done, mut late, mut told, leaving] = lines.map(blocked);
        wait_until("they wait", || server.info("clients").get("blocked_clients") == Some("4"));
        let mut reload = blocked("DEBUG RELOAD");
        wait_until("the server loads", || client.call("PING").is_err());
        drop(leaving);
        assert_eq!(reload.receive().expect("the load ends").as_text().as_deref(), Some("OK"));
        assert!(done.receive().is_ok_and(|reply| reply.as_array().is_some_and(|parts| parts.len() == 2)));
        let late = late.receive().expect("it is answered");
        assert!(late.error().is_some_and(|text| text.starts_with("TIMEOUT")), "{late}");
        assert_eq!(client.int("JOB.TELL hello"), 1);
        assert_eq!(told.receive().expect("it is told").as_text().as_deref(), Some("hello"));
        wait_until("nobody waits", || server.info("clients").get("blocked_clients") == Some("0"));
        wait_until("the job was given up", || stat(&mut client, "running") == 0);
        assert_eq!(client.int("DBSIZE"), 2000);
    }
}
