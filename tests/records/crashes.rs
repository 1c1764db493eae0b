//! kill -9: who is behind goes on, who is ahead is told, and nobody misses or repeats a change.

use std::collections::BTreeMap;

use redis_mirror_test_support::{Client, Installed, Options, Random, Server};

use crate::store::{Cursor, Record, list, put, sync_command, versions};
use crate::{installed, start, wait_caught_up};

/// How many crashes, over all servers.
fn rounds() -> usize {
    std::env::var("REDIS_MIRROR_TEST_CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(50)
}

/// A consumer: the state it has built out of a list and the feed after it.
#[derive(Default)]
pub struct Consumer {
    pub at: Option<Cursor>,
    pub state: BTreeMap<(String, String), i64>,
    lists: usize,
}

impl Consumer {
    pub fn apply(&mut self, records: &[Record]) {
        for record in records {
            let name = (record.type_name.clone(), record.id.clone());
            match record.op.as_str() {
                "set" => drop(self.state.insert(name, record.version)),
                _ => drop(self.state.remove(&name)),
            }
        }
    }

    pub fn list(&mut self, client: &mut Client) {
        let page = list(client, "s", "");
        self.state.clear();
        self.apply(&page.records);
        self.at = Some(page.at);
        self.lists += 1;
    }

    /// Reads on, from the beginning if it is told to.
    pub fn read(&mut self, client: &mut Client) {
        loop {
            let Some(at) = self.at.clone() else { return self.list(client) };
            match client.call(sync_command("s", &at, "COUNT 7")) {
                Ok(value) => {
                    let page = crate::store::as_feed(&value);
                    let versions = page.versions();
                    assert!(
                        versions.iter().zip(at.version + 1..).all(|(found, next)| *found == next),
                        "{at:?}: {versions:?}"
                    );
                    self.apply(&page.records);
                    self.at = Some(page.at);
                    if !page.more {
                        return;
                    }
                }
                Err(error) => {
                    assert!(error.to_string().contains("RECEPOCH"), "{error}");
                    self.at = None;
                }
            }
        }
    }

    pub fn assert_exact(&self, client: &mut Client) {
        let mut other = Consumer::default();
        other.list(client);
        assert_eq!((&self.state, &self.at), (&other.state, &other.at));
    }
}

fn write(client: &mut Client, random: &mut Random, count: usize) {
    for _ in 0..count {
        let (kind, id) = (random.below(2), random.below(9));
        let op = if random.one_in(4) { "DEL" } else { "SET" };
        let data = if op == "SET" { " x" } else { "" };
        put(client, "s", &format!("{op} t{kind} {id}{data} SET t{kind} b{} y", random.below(3)));
    }
}

/// A consumer that is behind what survives, and one that has seen what doesn't, come to a server after a crash.
fn go_on(server: &Server, behind: &mut Consumer, ahead: &mut Consumer, random: &mut Random, was_lost: bool) {
    let mut client = server.client();
    let lists = (behind.lists, ahead.lists);
    // Sometimes the lost versions are given again before anybody looks.
    if random.one_in(2) {
        let count = 1 + random.below(20);
        write(&mut client, random, count);
    }
    behind.read(&mut client);
    ahead.read(&mut client);
    write(&mut client, random, 3);
    behind.read(&mut client);
    ahead.read(&mut client);
    assert_eq!(behind.lists, lists.0, "who is behind goes on");
    assert_eq!(ahead.lists, lists.1 + usize::from(was_lost), "who is ahead begins anew, and only then");
    behind.assert_exact(&mut client);
    ahead.assert_exact(&mut client);
}

fn promotions(installed: &Installed, rounds: usize) {
    let mut random = Random::new(23);
    let mut primary = start(installed, Options::new());
    let (mut behind, mut ahead) = (Consumer::default(), Consumer::default());
    for _ in 0..rounds {
        let replica = crate::with_replica(&primary);
        let mut client = primary.client();
        write(&mut client, &mut random, 5);
        behind.read(&mut client);
        wait_caught_up(&primary, &replica);
        let kept = versions(&mut client, "s").0;
        // What comes now does not reach the replica.
        replica.freeze();
        let tail = random.below(10);
        write(&mut client, &mut random, tail);
        ahead.read(&mut client);
        let was_lost = versions(&mut client, "s").0 != kept;
        // Dead before the frozen one can read on: its socket still has what was sent, so that is cut off.
        primary.client().run("CLIENT KILL TYPE replica");
        drop(client);
        primary.kill();
        replica.thaw();
        replica.client().run("REPLICAOF NO ONE");
        let has_all = versions(&mut replica.client(), "s").0.version > kept.version;
        go_on(&replica, &mut behind, &mut ahead, &mut random, was_lost && !has_all);
        primary = replica;
    }
}

/// A second of writes may be lost.
fn restarts(installed: &Installed, rounds: usize) {
    let mut random = Random::new(29);
    let options = Options::new().set("appendonly", "yes").set("appendfsync", "everysec");
    let mut server = start(installed, options);
    let (mut behind, mut ahead) = (Consumer::default(), Consumer::default());
    for _ in 0..rounds {
        let mut client = server.client();
        write(&mut client, &mut random, 5);
        behind.read(&mut client);
        let kept = file(&server);
        let count = 1 + random.below(10);
        write(&mut client, &mut random, count);
        ahead.read(&mut client);
        server.kill();
        // The kernel has what a killed server wrote: a crash of the machine is what loses it.
        std::fs::OpenOptions::new()
            .write(true)
            .open(&kept.0)
            .and_then(|file| file.set_len(kept.1))
            .expect("it is cut");
        server.resume();
        go_on(&server, &mut behind, &mut ahead, &mut random, true);
    }
}

/// The AOF that is being written, and its length.
fn file(server: &Server) -> (std::path::PathBuf, u64) {
    // While it is being synced, what is to be written waits.
    redis_mirror_test_support::wait::wait_until("all is written", || {
        server.info("persistence").number("aof_buffer_length") == Some(0)
    });
    let dir = server.dir().join("appendonlydir");
    let files = std::fs::read_dir(dir).expect("the folder is there").flatten();
    let file = files.map(|file| file.path()).find(|path| path.to_string_lossy().ends_with(".incr.aof"));
    let file = file.expect("there is one");
    let length = std::fs::metadata(&file).expect("its length").len();
    (file, length)
}

fn on_all(rounds: usize, story: fn(&Installed, usize)) {
    let all: Vec<&Installed> = installed().collect();
    let each = rounds.div_ceil(all.len().max(1));
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            all.into_iter().map(|installed| scope.spawn(move || story(installed, each))).collect();
        threads.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
    });
}

#[test]
fn g06_a_promotion_after_a_crash_misses_and_repeats_nothing() {
    on_all(rounds() * 4 / 5, promotions);
}

#[test]
fn g06_a_restart_after_a_crash_misses_and_repeats_nothing() {
    on_all(rounds() / 5, restarts);
}
