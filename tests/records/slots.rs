//! Slots that move all at once: `CLUSTER MIGRATESLOTS` of Valkey 9, `CLUSTER MIGRATION IMPORT` of Redis 8.4.

use std::sync::atomic::{AtomicBool, Ordering};

use redis_mirror_test_support::{Client, Cluster, Command, Options, Server, Value, cmd, server, wait};

use crate::cluster::replica;
use crate::store::{Cursor, as_feed, as_put, put, sync, sync_command, versions};
use crate::wait_caught_up;
use crate::waiter::{Waiter, wait_waiting};

const KEY: &str = "{tag}s";

/// A cluster of two, and the slot of [`KEY`] on its way from one to the other.
struct Move<'c> {
    cluster: &'c Cluster,
    slot: i64,
    from: usize,
}

fn on_both(story: impl Fn(&Move<'_>) + Sync) {
    let story = &story;
    std::thread::scope(|scope| {
        for installed in ["valkey9", "redis86"].into_iter().filter_map(server) {
            scope.spawn(move || {
                let cluster = Cluster::start(installed, 2, &Options::new().mirror(""));
                let slot = cluster.nodes()[0].client().int(cmd!("CLUSTER", "KEYSLOT", KEY));
                story(&Move { cluster: &cluster, slot, from: usize::from(slot >= 8192) });
            });
        }
    });
}

impl Move<'_> {
    fn source(&self) -> &Server {
        &self.cluster.nodes()[self.from]
    }

    fn target(&self) -> &Server {
        &self.cluster.nodes()[1 - self.from]
    }

    /// The other way.
    fn back(&self) -> Self {
        Move { from: 1 - self.from, ..*self }
    }

    fn is_valkey(&self) -> bool {
        self.source().installed().name.starts_with("valkey")
    }

    fn start(&self) {
        let slot = self.slot;
        if self.is_valkey() {
            let to = self.cluster.id(1 - self.from);
            self.source().client().run(cmd!("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", to));
        } else {
            self.target().client().run(cmd!("CLUSTER", "MIGRATION", "IMPORT", slot, slot));
        }
    }

    /// The same, and doesn't end: not before [`Move::let_end`], or for some seconds.
    fn start_slowly(&self) {
        let mut source = self.source().client();
        if self.is_valkey() {
            source.run("DEBUG SLOTMIGRATION PREVENT-PAUSE 1");
        } else {
            source.run("CONFIG SET rdb-key-save-delay 2500000");
        }
        self.start();
        wait::wait_until("the first store is copied", || upkeep(self.target()) != 0);
        source.run("CONFIG SET rdb-key-save-delay 0");
    }

    fn let_end(&self) {
        if self.is_valkey() {
            self.source().client().run("DEBUG SLOTMIGRATION PREVENT-PAUSE 0");
        }
    }

    fn cancel(&self) {
        if self.is_valkey() {
            self.source().client().run("CLUSTER CANCELSLOTMIGRATIONS");
        } else {
            self.target().client().run("CLUSTER MIGRATION CANCEL ALL");
        }
    }

    #[track_caller]
    fn wait_done(&self) {
        let mut client = self.source().client();
        wait::wait_until("the slot is the other node's", || is_moved(&client.call(cmd!("EXISTS", KEY))));
    }

    /// Nothing of the slot is here.
    fn wait_clean(&self, node: &Server) {
        let mut client = node.client();
        wait::wait_until("nothing is left", || {
            client.int(cmd!("CLUSTER", "COUNTKEYSINSLOT", self.slot)) == 0 && upkeep(node) == 0
        });
    }
}

fn is_moved(answer: &redis_mirror_test_support::Result<Value>) -> bool {
    answer.as_ref().is_err_and(|error| error.to_string().contains("MOVED"))
}

/// How many stores a server knows of that have something to do some time.
fn upkeep(node: &Server) -> i64 {
    node.info("mirror").number("mirror_record_stores_with_upkeep").expect("the field is there")
}

/// Stores with anything: one record ends while they are copied, and one after.
fn fill(client: &mut Client) -> Cursor {
    client.run(cmd!("RECORD.SETOPTIONS", KEY, "t", "CAPACITY", 9));
    for key in [KEY, "{tag}b", "{tag}c"] {
        put(client, key, "SET t stays x SET t gone x DEL t gone SET t ends x PX 1200");
    }
    put(client, "{tag}b", "SET t late x PX 7000");
    client.run(cmd!("RECORD.LEASE", KEY, "l", "ACQUIRE", "me", "PX", 600_000));
    versions(client, KEY).0
}

fn content(client: &mut Client) -> Vec<String> {
    client.texts(cmd!("DEBUG", "DIGEST-VALUE", KEY))
}

#[test]
fn stores_move_at_once_and_send_those_who_wait_after_them() {
    on_both(|slot| {
        let (mut client, mut there) = (slot.source().client(), slot.target().client());
        let at = fill(&mut client);
        let waiter = |command: Command| Waiter::start(slot.source(), command);
        let mut waiters = [
            waiter(sync_command(KEY, &at, "TYPE quiet BLOCK 0")),
            waiter(sync_command("{tag}new", &Cursor::start(), "BLOCK 0")),
            waiter(cmd!("RECORD.LEASE", KEY, "l", "ACQUIRE", "you", "PX", 600_000, "BLOCK", 0)),
        ];
        let mut hears = slot.target().client();
        hears.run(cmd!("SUBSCRIBE", format!("record:{KEY}")));
        slot.start_slowly();
        for number in 0..20 {
            put(&mut client, KEY, &format!("SET t {} x SET u {number} y", number % 3));
        }
        let change = |client: &mut Client| sync(client, KEY, &at, "TYPE t").records;
        wait::wait_until("a record ends at the source", || {
            change(&mut client).iter().any(|change| change.reason.as_deref() == Some("ttl"))
        });
        let (before, last) = (content(&mut client), versions(&mut client, KEY).0);
        // The slot goes while nothing may be asked for, and the answers wait for that to be over.
        client.run("CLIENT PAUSE 3000 WRITE");
        slot.let_end();
        slot.wait_done();
        let moved = format!("MOVED {} {}", slot.slot, slot.target().address());
        for waiter in &mut waiters {
            assert_eq!(waiter.refusal(), moved);
        }
        wait_waiting(slot.source(), 0);
        assert_eq!(content(&mut there), before);
        assert_eq!(versions(&mut there, KEY).0, last);
        assert_each_heard_once(slot, &mut hears);
        // Cursors are good there, leases are held, and what is due is done.
        let new = put(&mut there, KEY, "SET u new x").at;
        assert_ne!(new.epoch, last.epoch);
        assert_eq!(sync(&mut there, KEY, &last, "").ids(), ["new"]);
        assert_eq!(
            there.run(cmd!("RECORD.LEASE", KEY, "l", "TRY", "you", 1)).as_array().map(<[_]>::len),
            Some(3)
        );
        wait::wait_until("a record ends at the target", || {
            crate::store::get(&mut there, "{tag}b", "t", "late").is_none()
                && sync(&mut there, "{tag}b", &Cursor::start(), "").records.last().map(|last| last.op.clone())
                    == Some("del".into())
        });
        slot.wait_clean(slot.source());
    });
}

/// The node that takes over follows silently.
fn assert_each_heard_once(slot: &Move<'_>, hears: &mut Client) {
    for node in slot.cluster.nodes() {
        node.client().run(cmd!("PUBLISH", format!("record:{KEY}"), "end"));
    }
    let (mut heard, mut ends) = (Vec::new(), 0);
    while ends < 2 {
        let message = hears.receive().expect("a message");
        match message.as_array().and_then(|items| items[2].as_text()).expect("text").as_str() {
            "end" => ends += 1,
            version => heard.push(version.parse::<i64>().expect("a version")),
        }
    }
    assert!(heard.len() > 20 && heard.is_sorted_by(|a, b| a < b), "{heard:?}");
}

#[test]
fn a_move_that_is_cancelled_leaves_nothing_behind() {
    on_both(|slot| {
        let mut client = slot.source().client();
        let at = fill(&mut client);
        let mut waiter = Waiter::start(slot.source(), sync_command(KEY, &at, "TYPE u BLOCK 0"));
        slot.start_slowly();
        put(&mut client, KEY, "SET t 1 x");
        slot.cancel();
        slot.let_end();
        slot.wait_clean(slot.target());
        assert!(waiter.is_blocked(slot.source()));
        let last = put(&mut client, KEY, "SET u 1 x").at;
        assert_eq!(last.epoch, at.epoch, "nothing was lost");
        assert_eq!(as_feed(&waiter.answer()).ids(), ["1"]);
        slot.start();
        slot.wait_done();
        assert!(sync(&mut slot.target().client(), KEY, &at, "TYPE u").ids() == ["1"]);
    });
}

#[test]
fn a_move_whose_target_is_killed_is_none() {
    on_both(|slot| {
        let mut client = slot.source().client();
        // Without it the node takes no keys while another is away.
        client.run("CONFIG SET cluster-require-full-coverage no");
        let at = fill(&mut client);
        let mut waiter = Waiter::start(slot.source(), sync_command(KEY, &at, "TYPE u BLOCK 0"));
        slot.start_slowly();
        slot.target().client().send(&"DEBUG SEGFAULT".into()).expect("it is sent");
        put(&mut client, KEY, "SET t 1 x");
        assert!(waiter.is_blocked(slot.source()));
        let last = put(&mut client, KEY, "SET u 1 x").at;
        assert_eq!(last.epoch, at.epoch);
        assert_eq!(as_feed(&waiter.answer()).ids(), ["1"]);
    });
}

#[test]
fn replicas_of_both_nodes_follow_a_move() {
    on_both(|slot| {
        let mut client = slot.source().client();
        let at = fill(&mut client);
        let (gives, takes) = (replica(slot.cluster, slot.from), replica(slot.cluster, 1 - slot.from));
        wait_caught_up(slot.source(), &gives);
        let mut reader = gives.client();
        reader.run("READONLY");
        wait::wait_until("it serves the slot", || reader.call(cmd!("EXISTS", KEY)).is_ok());
        reader.send(&sync_command(KEY, &at, "TYPE quiet BLOCK 0")).expect("it is sent");
        wait_waiting(&gives, 1);
        slot.start();
        slot.wait_done();
        let mut there = slot.target().client();
        put(&mut there, KEY, "SET u 1 x");
        wait_caught_up(slot.target(), &takes);
        assert_eq!(content(&mut takes.client()), content(&mut there));
        let told = reader.receive().expect("an answer");
        assert!(told.error().is_some_and(|told| told.starts_with("RECEPOCH")), "{told}");
        wait_caught_up(slot.source(), &gives);
        assert_eq!(gives.client().int("DBSIZE"), 0);
    });
}

/// A client that goes where it is sent.
struct Follower<'c> {
    cluster: &'c Cluster,
    node: usize,
    client: Client,
}

impl<'c> Follower<'c> {
    fn new(slot: &Move<'c>) -> Self {
        Follower { cluster: slot.cluster, node: slot.from, client: slot.source().client() }
    }

    fn call(&mut self, command: &Command) -> Value {
        loop {
            let answer = self.client.call(command.clone());
            if !is_moved(&answer) {
                return answer.unwrap_or_else(|error| panic!("{error}"));
            }
            self.node = 1 - self.node;
            self.client = self.cluster.nodes()[self.node].client();
        }
    }
}

/// Writes until it is told to stop; answers what it was told.
fn write(writer: &mut Follower<'_>, stop: &AtomicBool) -> Vec<i64> {
    let (mut told, mut number) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let op = ["SET", "t", if number % 2 == 0 { "even" } else { "odd" }, "x"];
        told.extend(as_put(&writer.call(&cmd!("RECORD.PUT", KEY).args(op))).versions);
        number += 1;
    }
    told
}

/// Reads until it has a version; every change once, in order.
fn read(reader: &mut Follower<'_>, mut at: Cursor, end: &AtomicBool) -> Vec<i64> {
    let mut seen = Vec::new();
    loop {
        let is_last = end.load(Ordering::Relaxed);
        let page = as_feed(&reader.call(&sync_command(KEY, &at, "BLOCK 50")));
        seen.extend(page.versions());
        if is_last && page.records.is_empty() {
            return seen;
        }
        at = page.at;
    }
}

#[test]
fn nobody_misses_or_repeats_a_change_while_a_slot_moves_to_and_fro() {
    on_both(|slot| {
        let at = put(&mut slot.source().client(), KEY, "SET t first x").at;
        let (stop, end) = (AtomicBool::new(false), AtomicBool::new(false));
        let (mut writer, mut reader) = (Follower::new(slot), Follower::new(slot));
        let (told, seen) = std::thread::scope(|scope| {
            let told = scope.spawn(|| write(&mut writer, &stop));
            let seen = scope.spawn(|| read(&mut reader, at.clone(), &end));
            for round in 0..4 {
                let back = slot.back();
                let next = if round % 2 == 0 { slot } else { &back };
                next.start();
                next.wait_done();
            }
            stop.store(true, Ordering::Relaxed);
            let told = told.join().expect("the writer");
            end.store(true, Ordering::Relaxed);
            (told, seen.join().expect("the reader"))
        });
        assert!(told.len() > 20, "{}", told.len());
        assert_eq!(told, (2..told.len() as i64 + 2).collect::<Vec<_>>());
        assert_eq!(seen, told);
    });
}
