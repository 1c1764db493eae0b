//! Everything at once for a while: writers, readers, leases, retention, and servers that are killed again and again. Every
//! reply was on disk, so nothing may be lost: no reader misses or repeats a change or meets another history.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_mirror_test_support::{
    Client, Command, Error, Installed, Options, Random, Server, Value, cmd, wait,
};

use crate::crashes::Consumer;
use crate::store::{Cursor, as_feed, as_list, as_put, field, list_page, sync_command, versions};
use crate::{digest, installed, start, wait_caught_up};

/// How long: the suite has a taste of it.
fn duration() -> Duration {
    let seconds = std::env::var("REDIS_MIRROR_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(8))
}

/// What has happened.
#[derive(Default)]
struct Tally {
    puts: AtomicU64,
    changes: AtomicU64,
    compacted: AtomicU64,
    grants: AtomicU64,
    fenced: AtomicU64,
    kills: AtomicU64,
    reloads: AtomicU64,
    rewrites: AtomicU64,
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

/// What all take part in.
struct Soak {
    address: std::net::SocketAddr,
    is_over: AtomicBool,
    tally: Tally,
    /// The greatest token that anybody was granted.
    token: AtomicI64,
}

/// A client that comes back when the server does.
struct Patient<'s> {
    soak: &'s Soak,
    client: Option<Client>,
}

impl<'s> Patient<'s> {
    fn new(soak: &'s Soak) -> Self {
        Patient { soak, client: None }
    }

    /// `None` if the connection ended, and nobody knows whether the command was run.
    fn call(&mut self, command: &Command) -> Option<Result<Value, String>> {
        if self.client.is_none() {
            self.client = Client::connect(self.soak.address).ok();
            self.client.as_mut()?.set_patience(Duration::from_secs(20)).ok()?;
        }
        match self.client.as_mut()?.call(command.clone()) {
            Ok(value) => Some(Ok(value)),
            Err(Error::Refused { message, .. }) if message.starts_with("LOADING") => None,
            Err(Error::Refused { message, .. }) => Some(Err(message)),
            Err(_) => {
                self.client = None;
                None
            }
        }
    }

    fn run_on(&self) -> bool {
        if self.client.is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        !self.soak.is_over.load(Ordering::Relaxed)
    }
}

fn write(soak: &Soak, seed: u64) {
    let (mut client, mut random) = (Patient::new(soak), Random::new(seed));
    while client.run_on() {
        let mut put = cmd!("RECORD.PUT", "s");
        for _ in 0..1 + random.below(4) {
            let (kind, id) = (format!("t{}", random.below(4)), format!("i{}", random.below(300)));
            put = match random.below(8) {
                0 => put.args(["DEL", &kind, &id]),
                1 => put.args(["SET", &kind, &id, "short-lived", "PX", "400"]),
                _ => put.args(["SET", &kind, &id, &random.text(20)]),
            };
        }
        if let Some(answer) = client.call(&put) {
            let put = as_put(&answer.expect("it is never refused"));
            // What was not there takes none, and what is evicted takes some in between.
            let taken: Vec<i64> = put.versions.iter().copied().filter(|version| *version != 0).collect();
            assert!(taken.is_sorted_by(|a, b| a < b), "{put:?}");
            count(&soak.tally.puts, 1);
        }
    }
}

/// Of changes that are not kept the epoch isn't either: RECEPOCH says nothing else then.
fn is_forgotten(client: &mut Patient<'_>, at: &Cursor) -> bool {
    loop {
        if let Some(Ok(versions)) = client.call(&cmd!("RECORD.VERSIONS", "s")) {
            return field(&versions, "compact_version").as_int() > Some(at.version);
        }
        client.run_on();
    }
}

/// All pages of a list; `None` if the connection ended in the middle.
fn list(client: &mut Patient<'_>, consumer: &mut Consumer) -> Option<Cursor> {
    let mut next = "0".to_owned();
    loop {
        let page =
            as_list(&client.call(&cmd!("RECORD.SYNCLATEST", "s", "COUNT", 100, "CURSOR", next))?.ok()?);
        consumer.apply(&page.records);
        if page.next == "0" {
            return Some(page.at);
        }
        next = page.next;
    }
}

/// Follows until it is told to stop, and then to the end.
fn read(soak: &Soak, seed: u64) -> Consumer {
    let (mut client, mut random, mut consumer) = (Patient::new(soak), Random::new(seed), Consumer::default());
    loop {
        let is_last = !client.run_on();
        let Some(at) = consumer.at.clone() else {
            consumer.state.clear();
            consumer.at = list(&mut client, &mut consumer);
            continue;
        };
        // Now and then it sleeps for longer than changes are kept.
        if random.one_in(500) && !is_last {
            std::thread::sleep(Duration::from_millis(4000));
        }
        let more = format!("COUNT {} BLOCK {}", 1 + random.below(200), random.below(100) + 1);
        match client.call(&sync_command("s", &at, &more)) {
            Some(Ok(value)) => {
                let page = as_feed(&value);
                assert!(
                    page.versions().iter().zip(at.version + 1..).all(|(found, next)| *found == next),
                    "after {at:?}: {:?}",
                    page.versions()
                );
                count(&soak.tally.changes, page.records.len());
                consumer.apply(&page.records);
                let is_done = is_last && page.records.is_empty() && !page.more;
                consumer.at = Some(page.at);
                if is_done {
                    return consumer;
                }
            }
            Some(Err(told)) => {
                assert!(told.starts_with("RECCOMPACTED") || is_forgotten(&mut client, &at), "{at:?}: {told}");
                count(&soak.tally.compacted, 1);
                consumer.at = None;
            }
            None => {}
        }
    }
}

/// Takes the lease, writes under it, gives it back or forgets to.
fn hold(soak: &Soak, holder: &str, seed: u64) {
    let (mut client, mut random, mut mine) = (Patient::new(soak), Random::new(seed), 0);
    while client.run_on() {
        let wish = cmd!("RECORD.LEASE", "s", "l", "ACQUIRE", holder, "PX", 300, "BLOCK", 500);
        let before = soak.token.load(Ordering::SeqCst);
        let Some(Ok(granted)) = client.call(&wish) else { continue };
        let Some([Value::Int(1), Value::Int(token), _]) = granted.as_array() else { continue };
        // Who holds the lease and lost its connection is granted the same token again.
        assert!(*token > before || *token == before && mine == before, "{token} after {before}");
        mine = *token;
        soak.token.fetch_max(*token, Ordering::SeqCst);
        count(&soak.tally.grants, 1);
        if random.one_in(4) {
            std::thread::sleep(Duration::from_millis(350));
        }
        match client.call(&cmd!("RECORD.PUT", "s", "FENCE", "l", *token, "SET", "fenced", holder, *token)) {
            Some(Err(told)) => {
                assert!(told.starts_with("RECFENCED"), "{told}");
                count(&soak.tally.fenced, 1);
            }
            Some(Ok(_)) => {
                client.call(&cmd!("RECORD.LEASE", "s", "l", "RELEASE", holder, *token));
            }
            None => {}
        }
    }
}

/// Kills the server, has it reload or rewrite its file; and looks whether it still runs.
fn harass(soak: &Soak, server: &mut Server, until: Instant, seed: u64) {
    let mut random = Random::new(seed);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(300 + random.below(1500) as u64));
        match random.below(5) {
            0 => {
                count(&soak.tally.reloads, 1);
                server.client().run("DEBUG RELOAD");
            }
            1 => {
                count(&soak.tally.rewrites, 1);
                // One that runs already is as good.
                let _ = server.client().call("BGREWRITEAOF");
            }
            2 => drop(server.client().call("CLIENT KILL TYPE normal SKIPME yes")),
            _ => {
                count(&soak.tally.kills, 1);
                server.kill_and_resume();
            }
        }
        let mut client = server.client();
        let cap = 50 + random.below(200);
        client.run(cmd!("RECORD.SETOPTIONS", "s", "t0", "CAPACITY", cap));
        list_page(&mut client, "s", "COUNT 5", "0");
        assert!(server.is_running(), "it has ended");
    }
}

fn story(installed: &Installed) {
    let mut server = start(installed, Options::new().durable());
    let replica = crate::with_replica(&server);
    server.client().run("RECORD.SETOPTIONS s * RETAIN 3000 MAXCHANGES 20000");
    let soak = Soak {
        address: server.address(),
        is_over: AtomicBool::new(false),
        tally: Tally::default(),
        token: AtomicI64::new(0),
    };
    let began = Instant::now();
    let consumers = std::thread::scope(|scope| {
        let soak = &soak;
        let readers: Vec<_> = (0..2).map(|seed| scope.spawn(move || read(soak, 100 + seed))).collect();
        (0..2).for_each(|seed| drop(scope.spawn(move || write(soak, seed))));
        ["a", "b", "c"].into_iter().for_each(|holder| drop(scope.spawn(move || hold(soak, holder, 7))));
        harass(soak, &mut server, began + duration(), 5);
        // From here on nothing is forgotten that a reader has still to see.
        server.client().run("RECORD.SETOPTIONS s * RETAIN NONE");
        soak.is_over.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().expect("a reader")).collect::<Vec<_>>()
    });
    let mut client = server.client();
    // What ends goes on ending: first all that does.
    wait::wait_until("nothing ends any more", || {
        let before = versions(&mut client, "s");
        std::thread::sleep(Duration::from_millis(600));
        versions(&mut client, "s") == before
    });
    for mut consumer in consumers {
        consumer.read(&mut client);
        consumer.assert_exact(&mut client);
    }
    wait::wait_until("the replica follows", || {
        replica.info("replication").get("master_link_status") == Some("up")
    });
    wait_caught_up(&server, &replica);
    let end = digest(&mut client);
    assert_eq!(digest(&mut replica.client()), end);
    server.kill_and_resume();
    assert_eq!(digest(&mut server.client()), end);
    report(installed, &soak.tally, began.elapsed());
}

fn report(installed: &Installed, tally: &Tally, took: Duration) {
    let told = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{installed}, {took:.0?}: {} puts, {} changes read, {} lists anew after retention; {} leases granted, {} writes \
         fenced; {} kills, {} reloads, {} rewrites: exact",
        told(&tally.puts),
        told(&tally.changes),
        told(&tally.compacted),
        told(&tally.grants),
        told(&tally.fenced),
        told(&tally.kills),
        told(&tally.reloads),
        told(&tally.rewrites),
    );
}

#[test]
fn soak() {
    std::thread::scope(|scope| {
        let stories: Vec<_> = installed().map(|installed| scope.spawn(|| story(installed))).collect();
        stories.into_iter().for_each(|story| assert!(story.join().is_ok()));
    });
}
