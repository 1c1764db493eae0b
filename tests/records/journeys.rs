//! Random lives of stores: writers, readers and candidates work at once while servers change roles, end and come back and
//! keys change places. Afterwards every reader holds the state, no acknowledged put is lost, and no lease was held by two.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Instant;

use redis_mirror_test_support::{Client, Error, Installed, Options, Random, Server, Value, wait};

use crate::consumer::Consumer;
use crate::store::{as_put, get, token};
use crate::{digest, installed, start, wait_caught_up};

const PHASES: usize = 5;
const KEYS: [&str; 2] = ["one", "two"];
/// How many puts each writer does in a phase.
const PUTS: usize = 250;

/// What happens while everybody works; one with several commands is a transaction.
const MEANWHILE: [&str; 9] = [
    "BGREWRITEAOF",
    "CLIENT PAUSE 60 WRITE",
    "RENAME one tmp|RENAME tmp one",
    "COPY one two REPLACE",
    "SWAPDB 0 1|SWAPDB 0 1",
    "RECORD.CLEAR two",
    "RECORD.SETOPTIONS two * MAXCHANGES 30",
    "RECORD.SETOPTIONS two * MAXCHANGES NONE",
    "FAILOVER",
];

/// Two servers, one of which follows the other.
struct Pair {
    servers: [Server; 2],
    primary: usize,
}

impl Pair {
    fn primary(&self) -> &Server {
        &self.servers[self.primary]
    }

    fn replica(&self) -> &Server {
        &self.servers[1 - self.primary]
    }

    /// After FAILOVER.
    fn change_roles(&mut self) {
        self.primary = 1 - self.primary;
        wait::wait_until("the roles are changed", || {
            self.primary().info("replication").get("role") == Some("master")
                && self.replica().info("replication").get("master_link_status") == Some("up")
        });
    }

    fn settle(&self) {
        wait::wait_until("both are equal", || {
            wait_caught_up(self.primary(), self.replica());
            digest(&mut self.primary().client()) == digest(&mut self.replica().client())
        });
    }
}

/// What a writer knows of its own ids: the data it was told is there.
type Own = BTreeMap<String, String>;

/// What the threads of a phase share.
struct Phase<'p> {
    pair: &'p Pair,
    puts: AtomicUsize,
    is_over: AtomicBool,
    holder: Mutex<()>,
    last_token: &'p AtomicI64,
}

fn random_op(random: &mut Random) -> String {
    let (kind, id) = (random.below(4), random.below(25));
    match random.below(10) {
        0..2 => format!("DEL t{kind} {id}"),
        2..5 => format!("SET t{kind} {id} {} PX {}", random.bits(), 1 + random.below(120)),
        _ => format!("SET t{kind} {id} {}", random.bits()),
    }
}

impl Phase<'_> {
    /// Runs a command on whoever is the primary, until it is done or refused for its own sake.
    fn on_primary(&self, client: &mut Client, command: &str) -> Result<Value, String> {
        let is_elsewhere =
            |message: &str| message.starts_with("READONLY") || message.starts_with("UNBLOCKED");
        let (begun, mut servers) = (Instant::now(), self.pair.servers.iter().cycle());
        loop {
            match client.call(command) {
                Ok(value) => return Ok(value),
                Err(Error::Refused { message, .. }) if !is_elsewhere(&message) => return Err(message),
                Err(error) => assert!(begun.elapsed() < wait::PATIENCE, "nobody is the primary: {error}"),
            }
            *client = servers.next().expect("there are two").client();
        }
    }

    fn write(&self, number: usize, random: &mut Random, own: &mut Own) {
        let mut client = self.pair.primary().client();
        for _ in 0..PUTS {
            let key = *random.pick(&KEYS);
            let (id, data) =
                (format!("w{number}-{}", random.below(9)), format!("{number}-{}", random.bits()));
            let mine = format!("SET own {id} {data}");
            let ops: Vec<String> = (0..random.below(4)).map(|_| random_op(random)).collect();
            let command = format!("RECORD.PUT one {} {mine}", ops.join(" "));
            let done = self.on_primary(&mut client, &command).expect("nothing forbids it");
            own.insert(id, data);
            let done = as_put(&done).versions;
            assert!(done.iter().filter(|version| **version != 0).is_sorted());
            let other = match random.below(8) {
                0 => format!("RECORD.TRIM {key} KEEP {}", random.below(60)),
                1 => {
                    format!("RECORD.SETOPTIONS {key} t{} CAPACITY {}", random.below(3), 1 + random.below(20))
                }
                2 => format!("RECORD.CURSOR two c{number} SET 0 0"),
                _ => format!("RECORD.PUT two {}", random_op(random)),
            };
            let _ = self.on_primary(&mut client, &other);
            self.puts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes the lease again and again; nobody else may have it meanwhile, and tokens only grow.
    fn contend(&self, number: usize) {
        let mut client = self.pair.primary().client();
        while !self.is_over.load(Ordering::Relaxed) {
            let wish = format!("RECORD.LEASE leases l ACQUIRE h{number} PX 600000 BLOCK 50");
            let Ok(answer) = self.on_primary(&mut client, &wish) else { continue };
            let token = if answer == Value::Nil { None } else { token(&answer) };
            let Some(token) = token else { continue };
            let held = self.holder.try_lock().expect("nobody else holds it");
            let last = self.last_token.swap(token, Ordering::Relaxed);
            assert!(token > last, "{token} after {last}");
            let put = format!("RECORD.PUT leases FENCE l {token} SET t {number} x");
            self.on_primary(&mut client, &put).expect("it is held");
            drop(held);
            let release = format!("RECORD.LEASE leases l RELEASE h{number} {token}");
            self.on_primary(&mut client, &release).expect("it is held");
        }
    }

    /// Reads on until there will be no more.
    fn read(&self, at: usize, consumer: &mut Consumer, random: &mut Random) {
        let mut client = self.pair.servers[at].client();
        while !self.is_over.load(Ordering::Relaxed) {
            let block_ms = 1 + random.below(20) as u64;
            if consumer.step(&mut client, random, block_ms).is_err() {
                client = self.pair.servers[at].client();
            }
        }
    }
}

/// Everybody works, and something happens.
fn run_phase(
    pair: &mut Pair,
    random: &mut Random,
    consumers: &mut [(usize, Consumer)],
    own: &mut [Own],
    last_token: &AtomicI64,
) {
    let meanwhile = *random.pick(&MEANWHILE);
    let phase = Phase {
        pair,
        puts: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
        holder: Mutex::new(()),
        last_token,
    };
    std::thread::scope(|scope| {
        let phase = &phase;
        let writers: Vec<_> = own
            .iter_mut()
            .enumerate()
            .map(|(number, own)| {
                let mut random = Random::new(random.bits());
                scope.spawn(move || phase.write(number, &mut random, own))
            })
            .collect();
        for number in 0..2 {
            scope.spawn(move || phase.contend(number));
        }
        for (at, consumer) in consumers.iter_mut() {
            let mut random = Random::new(random.bits());
            scope.spawn(move || phase.read(*at, consumer, &mut random));
        }
        let when = random.below(PUTS);
        wait::wait_until("some puts are done", || phase.puts.load(Ordering::Relaxed) >= when);
        happen(&mut phase.pair.primary().client(), meanwhile);
        let done: Vec<bool> = writers.into_iter().map(|writer| writer.join().is_ok()).collect();
        phase.is_over.store(true, Ordering::Relaxed);
        assert!(done.iter().all(|done| *done), "a writer failed: {meanwhile}");
    });
    if meanwhile == "FAILOVER" {
        pair.change_roles();
    }
}

fn happen(client: &mut Client, commands: &str) {
    if !commands.contains('|') {
        return drop(client.run(commands));
    }
    client.run("MULTI");
    commands.split('|').for_each(|command| drop(client.run(command)));
    client.run("EXEC");
}

/// What happens when nobody works.
fn between(pair: &mut Pair, random: &mut Random) {
    let primary = pair.primary;
    match random.below(5) {
        0 => pair.servers[primary].kill_and_resume(),
        1 => {
            pair.servers[1 - primary].kill_and_resume();
            pair.replica().replicate(pair.primary().address());
        }
        2 => drop(pair.primary().client().run("DEBUG RELOAD")),
        3 => {
            pair.replica().client().run("REPLICAOF NO ONE");
            pair.primary().replicate(pair.replica().address());
            pair.primary = 1 - primary;
        }
        _ => {}
    }
    wait::wait_until("the link is up", || {
        pair.replica().info("replication").get("master_link_status") == Some("up")
    });
}

fn journey(installed: &Installed, seed: u64) {
    let mut random = Random::new(seed);
    let options = Options::new().durable().set("repl-backlog-size", "16mb");
    let servers = [start(installed, options.clone()), start(installed, options)];
    servers[1].replicate(servers[0].address());
    let mut pair = Pair { servers, primary: 0 };
    let mut consumers: Vec<(usize, Consumer)> = [
        (0, Consumer::new("one", &[], false)),
        (1, Consumer::new("one", &[], true)),
        (1, Consumer::new("one", &["t0", "t2", "own"], false)),
        (0, Consumer::new("two", &[], false)),
        (1, Consumer::new("two", &["t1"], true)),
    ]
    .into();
    let (mut own, last_token) = (vec![Own::new(), Own::new()], AtomicI64::new(0));
    for _ in 0..PHASES {
        run_phase(&mut pair, &mut random, &mut consumers, &mut own, &last_token);
        for _ in 0..2 {
            for (at, consumer) in &mut consumers {
                catch_up(&pair, *at, consumer, &mut random);
            }
            pair.settle();
            assert_nothing_lost(&pair, &own);
            between(&mut pair, &mut random);
        }
    }
}

/// The reader comes to hold what the primary has.
fn catch_up(pair: &Pair, at: usize, consumer: &mut Consumer, random: &mut Random) {
    let (mut client, mut primary) = (pair.servers[at].client(), pair.primary().client());
    wait::wait_for("the reader holds the state", || {
        while !consumer.step(&mut client, random, 1).map_err(|error| error.to_string())? {}
        let expected = consumer.expected(&mut primary);
        if consumer.held == expected { Ok(()) } else { Err(format!("{:?}\n{expected:?}", consumer.held)) }
    });
}

/// What was acknowledged is there.
fn assert_nothing_lost(pair: &Pair, own: &[Own]) {
    let mut client = pair.primary().client();
    for (id, data) in own.iter().flatten() {
        let found = get(&mut client, "one", "own", id).and_then(|record| record.data);
        assert_eq!(found.as_ref(), Some(data), "{id}");
    }
}

#[test]
fn whatever_happens_readers_hold_the_state() {
    std::thread::scope(|scope| {
        for (seed, installed) in installed().enumerate() {
            scope.spawn(move || journey(installed, seed as u64));
        }
    });
}
