//! What readers and writers may rely on.

use std::collections::BTreeMap;

use redis_mirror_test_support::{Client, Random, cmd, wait};

use crate::store::{self, Cursor, acquire, as_put, get, list, put, sync, sync_refusal, versions};
use crate::waiter::Waiter;
use crate::{digest, on_each, on_every, payload};

/// What a reader holds who applies changes.
type State = BTreeMap<(String, String), (i64, Option<String>)>;

fn apply(state: &mut State, records: &[store::Record]) {
    for record in records {
        let name = (record.type_name.clone(), record.id.clone());
        match record.op.as_str() {
            "set" => drop(state.insert(name, (record.version, record.data.clone()))),
            _ => drop(state.remove(&name)),
        }
    }
}

fn state(client: &mut Client, key: &str) -> State {
    let mut all = State::new();
    apply(&mut all, &list(client, key, "").records);
    all
}

/// Across batches, evictions and records that end.
#[test]
fn g01_versions_have_no_gaps() {
    on_every(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s cap CAPACITY 2");
        assert_eq!(put(&mut client, "s", "SET a 1 x SET a 2 y DEL a none SET a 3 z").versions, [1, 2, 0, 3]);
        let full = put(&mut client, "s", "SET cap 1 x SET cap 2 x SET cap 3 x SET cap 4 x");
        assert_eq!((full.versions, full.evicted.len(), full.at.version), (vec![4, 5, 6, 7], 2, 9));
        put(&mut client, "s", "SET short 1 x PX 1");
        wait::wait_until("the record ends", || versions(&mut client, "s").0.version == 11);
        assert_eq!(put(&mut client, "s", "DEL a 1 SET a 9 x").versions, [12, 13]);
        let all = sync(&mut client, "s", &Cursor::start(), "");
        assert_eq!(all.versions(), (1..=13).collect::<Vec<_>>());
    });
}

/// Pages of the state, with writes between them, and then the feed.
#[test]
fn g02_pages_and_then_the_feed_are_the_state() {
    on_each(|server| {
        let (mut writer, mut reader) = (server.client(), server.client());
        let mut random = Random::new(7);
        let mut write = |count: usize| {
            for _ in 0..count {
                let (kind, id) = (random.below(4), random.below(30));
                let op = if random.one_in(4) {
                    format!("DEL t{kind} {id}")
                } else {
                    format!("SET t{kind} {id} {}", random.bits())
                };
                put(&mut writer, "s", &op);
            }
        };
        for round in 0..20 {
            write(40);
            let mut held = State::new();
            let mut seen = std::collections::BTreeSet::new();
            let mut page = store::list_page(&mut reader, "s", "COUNT 7", "0");
            loop {
                for record in &page.records {
                    assert!(seen.insert((record.type_name.clone(), record.id.clone())), "twice: {record:?}");
                }
                apply(&mut held, &page.records);
                if page.next == "0" {
                    break;
                }
                write(5);
                page = store::list_page(&mut reader, "s", "COUNT 7", &page.next);
            }
            let mut at = page.at;
            loop {
                let feed = sync(&mut reader, "s", &at, "COUNT 9");
                apply(&mut held, &feed.records);
                at = feed.at;
                if !feed.more {
                    break;
                }
            }
            assert_eq!(held, state(&mut reader, "s"), "round {round}");
        }
    });
}

/// Readers that wait, of one type or several, while another client writes.
#[test]
fn g03_a_reader_gets_each_change_once() {
    on_each(|server| {
        let mut reader = server.client();
        let address = server.address();
        let writer = std::thread::spawn(move || {
            let mut client = Client::connect(address).expect("connected");
            for number in 0..600 {
                put(
                    &mut client,
                    "s",
                    &format!("SET t{} {} x SET t{} b {number}", number % 3, number % 11, number % 2),
                );
            }
            put(&mut client, "s", "SET t0 end x");
        });
        let (mut at, mut got) = (Cursor::start(), Vec::new());
        loop {
            let page = sync(&mut reader, "s", &at, "TYPE t0 TYPE t2 COUNT 50 BLOCK 0");
            let is_end = page.records.iter().any(|record| record.id == "end");
            got.extend(page.records);
            at = page.at;
            if is_end {
                break;
            }
        }
        writer.join().expect("the writer ends");
        let mut all = sync(&mut reader, "s", &Cursor::start(), "COUNT 100000").records;
        all.retain(|record| record.type_name != "t1");
        assert_eq!(got, all);
    });
}

#[test]
fn g03_latest_leaves_out_what_has_changed_again_and_counts_it() {
    on_each(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t a 1 SET t b 1 SET t a 2 DEL t b SET t c 1");
        let page = sync(&mut client, "s", &Cursor::start(), "LATEST");
        assert_eq!((page.ids(), page.versions(), page.compacted), (vec!["a", "b", "c"], vec![3, 4, 5], 2));
        assert_eq!(sync(&mut client, "s", &Cursor::start(), "").compacted, 0);
    });
}

#[test]
fn g04_compacted_just_below_the_compact_version() {
    on_every(|server| {
        let mut client = server.client();
        let first = put(&mut client, "s", "SET a 1 x SET a 2 x SET a 3 x SET a 4 x").at;
        let at = |version| Cursor { version, ..first.clone() };
        assert_eq!(client.int("RECORD.TRIM s VERSION 2"), 2);
        assert_eq!(versions(&mut client, "s"), (at(4), 2));
        assert!(sync_refusal(&mut client, "s", &at(1)).starts_with("RECCOMPACTED 2 "));
        assert!(sync_refusal(&mut client, "s", &Cursor::start()).starts_with("RECCOMPACTED 2 "));
        assert_eq!(sync(&mut client, "s", &at(2), "").versions(), [3, 4]);
        // With an empty log too.
        assert_eq!(client.int("RECORD.TRIM s KEEP 0"), 2);
        assert!(sync_refusal(&mut client, "s", &at(3)).starts_with("RECCOMPACTED 4 "));
        assert!(sync(&mut client, "s", &at(4), "").records.is_empty());
        assert_eq!(list(&mut client, "s", "").records.len(), 4, "records stay");
        client.run("RECORD.CLEAR s");
        assert!(sync_refusal(&mut client, "s", &at(4)).starts_with("RECCOMPACTED 5 "));
        assert!(sync(&mut client, "s", &at(5), "").records.is_empty());
    });
}

/// One condition that doesn't hold.
#[test]
fn g07_a_put_is_all_or_nothing() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 1 x SET a 2 y").at;
        let token = acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
        let before = digest(&mut client);
        for (ops, error) in [
            ("SET a 3 z SET a 1 new VER 2".to_owned(), "RECVERSION operation 1: the record's version is 1"),
            ("SET a 3 z SET a 9 new XX".to_owned(), "RECVERSION operation 1: the record's version is 0"),
            ("SET a 3 z SET a 1 new NX".to_owned(), "RECEXISTS operation 1"),
            ("SET a 3 z DEL a 2 VER 1".to_owned(), "RECVERSION operation 1"),
            ("SET a 3 z SET a 3 y VER 3".to_owned(), "RECVERSION operation 1: an earlier operation"),
            (format!("FENCE l {} SET a 3 z", token + 1), "RECFENCED"),
            (format!("FENCE other {token} SET a 3 z"), "RECFENCED"),
        ] {
            let refusal = client.refusal(format!("RECORD.PUT s {ops}"));
            assert!(refusal.starts_with(error), "{ops}: {refusal}");
            assert_eq!(digest(&mut client), before, "{ops}");
        }
        let done = put(
            &mut client,
            "s",
            &format!("FENCE l {token} SET a 1 new VER 1 DEL a 2 VER 2 SET a 3 z NX SET a 4 z VER 0"),
        );
        assert_eq!((done.versions, done.at.epoch), (vec![3, 4, 5, 6], at.epoch), "no version was used");
    });
}

#[test]
fn g08_capacity_holds_after_each_command() {
    on_each(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s t CAPACITY 5");
        let mut random = Random::new(3);
        let mut oldest_first: Vec<String> = Vec::new();
        for _ in 0..300 {
            let ids: Vec<usize> = (0..1 + random.below(8)).map(|_| random.below(12)).collect();
            let deletes = random.one_in(3);
            let ops: Vec<String> = ids
                .iter()
                .map(|id| if deletes { format!("DEL t {id}") } else { format!("SET t {id} x") })
                .collect();
            let done = put(&mut client, "s", &ops.join(" "));
            for id in ids.iter().map(usize::to_string) {
                oldest_first.retain(|old| *old != id);
                if !deletes {
                    oldest_first.push(id);
                }
            }
            let evicted: Vec<String> = oldest_first.drain(..oldest_first.len().saturating_sub(5)).collect();
            assert_eq!(done.evicted.iter().map(|record| record.id.clone()).collect::<Vec<_>>(), evicted);
            assert!(done.evicted.iter().all(|record| record.reason.as_deref() == Some("capacity")));
            assert_eq!(list(&mut client, "s", "TYPE t").ids(), oldest_first);
        }
    });
}

#[test]
fn g09_one_holder_at_a_time_and_tokens_grow() {
    on_each(|server| {
        let mut client = server.client();
        let mut last = 0;
        for round in 0..20 {
            let mut racers: Vec<Waiter> = (0..8)
                .map(|racer| Waiter::send(server, format!("RECORD.LEASE s l ACQUIRE r{racer} PX 60000")))
                .collect();
            let won: Vec<(usize, i64)> = racers
                .iter_mut()
                .enumerate()
                .filter_map(|(at, racer)| Some((at, store::token(&racer.answer())?)))
                .collect();
            let [(winner, token)] = won[..] else { panic!("round {round}: {won:?} hold it") };
            assert!(token > last, "{token} after {last}");
            last = token;
            put(&mut client, "s", &format!("FENCE l {token} SET a {round} x"));
            client.run(format!("RECORD.LEASE s l RELEASE r{winner} {token}"));
            assert!(
                client.refusal(format!("RECORD.PUT s FENCE l {token} SET a b c")).starts_with("RECFENCED")
            );
        }
        let token = acquire(&mut client, "s", "l", "sleeper", 1).expect("it is free");
        wait::wait_until("the lease ends", || {
            client.run("RECORD.GETLEASE s l") == redis_mirror_test_support::Value::Nil
        });
        assert!(client.refusal(format!("RECORD.PUT s FENCE l {token} SET a b c")).starts_with("RECFENCED"));
        assert!(
            client.refusal(format!("RECORD.LEASE s l RENEW sleeper {token} PX 1000")).starts_with("RECLEASE")
        );
        assert!(acquire(&mut client, "s", "l", "next", 1000).expect("it has ended") > token);
    });
}

#[test]
fn g11_block_inside_multi_and_scripts_answers_at_once() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 1 x").at;
        assert!(acquire(&mut client, "s", "l", "me", 60_000).is_some());
        let wait = format!("RECORD.SYNC s {} {} BLOCK 0", at.epoch, at.version);
        client.run("MULTI");
        client.run(wait.as_str());
        client.run("RECORD.LEASE s l ACQUIRE you PX 1000 BLOCK 0");
        let done = client.run("EXEC");
        let [page, lease] = done.as_array().expect("two answers") else { panic!("{done}") };
        assert_eq!((store::as_feed(page).at, store::as_feed(page).records.len()), (at.clone(), 0));
        assert_eq!(store::token(lease), None);
        let script = "return redis.call('RECORD.SYNC', KEYS[1], ARGV[1], ARGV[2], 'BLOCK', '0')";
        let page = client.run(cmd!("EVAL", script, 1, "s", at.epoch.as_str(), at.version));
        assert_eq!(store::as_feed(&page).at, at);
        let script =
            "return redis.call('RECORD.LEASE', KEYS[1], 'l', 'ACQUIRE', 'you', 'PX', '5', 'BLOCK', '0')";
        assert_eq!(store::token(&client.run(cmd!("EVAL", script, 1, "s"))), None);
    });
}

#[test]
fn g12_the_log_keeps_its_limits() {
    on_each(|server| {
        let mut client = server.client();
        let mut random = Random::new(5);
        client.run("RECORD.SETOPTIONS s * MAXBYTES 1000");
        client.run("RECORD.SETOPTIONS n * MAXCHANGES 3");
        for _ in 0..200 {
            let ops: Vec<String> = (0..1 + random.below(5))
                .map(|_| format!("SET t {} {}", random.below(9), "d".repeat(1 + random.below(200))))
                .collect();
            put(&mut client, "s", &ops.join(" "));
            put(&mut client, "n", &ops.join(" "));
            let kept = kept(&mut client, "s");
            let cost: usize = kept
                .iter()
                .map(|record| 64 + 1 + record.id.len() + record.data.as_ref().map_or(0, String::len))
                .sum();
            assert!(cost <= 1000, "{cost}");
            assert!(self::kept(&mut client, "n").len() <= 3);
        }
        client.run("RECORD.SETOPTIONS s * MAXBYTES 0");
        assert!(kept(&mut client, "s").is_empty());
    });
}

fn kept(client: &mut Client, key: &str) -> Vec<store::Record> {
    let (at, compact_version) = versions(client, key);
    sync(client, key, &Cursor { version: compact_version, ..at }, "").records
}

/// A store that has seen a later time: its clock waits.
#[test]
fn g13_a_clock_that_steps_back_reorders_nothing() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET a 1 x");
        let now = client.run("RECORD.GET s a 1");
        let ahead = store::record(&now).modified_at + 3_600_000;
        let store = payload::store(ahead as u64, |store, write| {
            payload::put(store, write, "a", "old", b"x", Some(60_000));
        });
        let bytes = payload::of(&client.bytes("DUMP s").expect("a payload"), &store);
        client.run(cmd!("RESTORE", "r", 0, bytes));
        assert_eq!(get(&mut client, "r", "a", "old").expect("it has not ended").modified_at, ahead);
        let done = as_put(&client.run("RECORD.PUT r SET a new x PX 60000"));
        assert_eq!(done.modified_at, ahead);
        let new = get(&mut client, "r", "a", "new").expect("it is there");
        assert_eq!(new.expires_at, Some(ahead + 60_000));
        assert_eq!(list(&mut client, "r", "").ids(), ["old", "new"]);
    });
}
