//! Leases, and clients that wait for them.

use redis_mirror_test_support::{Command, Value, cmd, wait};

use crate::store::{acquire, put, token};
use crate::waiter::{Waiter, wait_waiting, waiting};
use crate::{digest, on_each, on_every};

/// Longer than any test waits: what is not handed over is not found out by time.
const WAIT: &str = "PX 600000 BLOCK 0";

#[test]
fn a_lease_is_handed_over_in_the_order_of_coming() {
    on_every(|server| {
        let mut client = server.client();
        let mut last = acquire(&mut client, "s", "l", "c", 60_000).expect("it is free");
        let mut holder = "c".to_owned();
        let mut queue: Vec<Waiter> = (0..5)
            .map(|at| Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE w{at} {WAIT}")))
            .collect();
        // One who leaves and one whose time is over get nothing.
        drop(queue.remove(1));
        wait_waiting(server, 4);
        let mut late = Waiter::start(server, "RECORD.LEASE s l ACQUIRE late PX 60000 BLOCK 30");
        assert_eq!(late.answer(), Value::Nil);
        for (waiter, name) in queue.iter_mut().zip(["w0", "w2", "w3", "w4"]) {
            assert!(waiter.is_blocked(server));
            client.run(format!("RECORD.LEASE s l RELEASE {holder} {last}"));
            let got = token(&waiter.answer()).expect("it is granted");
            assert!(got > last);
            (last, holder) = (got, name.to_owned());
            let held = client.run("RECORD.GETLEASE s l");
            assert_eq!(held.as_array().and_then(|held| held[0].as_text()).as_deref(), Some(name));
        }
        assert_eq!(waiting(server), 0);
        // The form that the seed has gives it back as well.
        let mut waiter = Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE next {WAIT}"));
        client.run("RECORD.LEASE s l TRY w4 0");
        assert!(token(&waiter.answer()).is_some());
    });
}

#[test]
fn a_lease_that_ends_goes_to_who_waits_and_not_to_who_comes() {
    on_every(|server| {
        let mut client = server.client();
        let first = acquire(&mut client, "s", "l", "first", 60_000).expect("it is free");
        let mut waiter = Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE waits {WAIT}"));
        client.run(format!("RECORD.LEASE s l RENEW first {first} PX 50"));
        assert!(token(&waiter.answer()).is_some_and(|token| token > first));
        // In one turn of the event loop: it has ended when the newcomers come, and nobody has noticed.
        let mut waiting = ["x", "y"].map(|lease| {
            let first = acquire(&mut client, "s", lease, "first", 60_000).expect("it is free");
            (first, Waiter::start(server, format!("RECORD.LEASE s {lease} ACQUIRE waits {WAIT}")))
        });
        let steps = [
            &format!("RECORD.LEASE s x RENEW first {} PX 50", waiting[0].0),
            &format!("RECORD.LEASE s y RENEW first {} PX 50", waiting[1].0),
            "DEBUG SLEEP 0.1",
            "RECORD.LEASE s x ACQUIRE newcomer PX 60000",
            "RECORD.LEASE s y TRY newcomer 60000",
        ];
        let done = client.pipeline(&steps.map(Command::from)).expect("five answers");
        assert_eq!((token(&done[3]), token(&done[4])), (None, None));
        for (_, waiter) in &mut waiting {
            assert!(token(&waiter.answer()).is_some());
        }
    });
}

/// The key goes, and the lease with it.
#[test]
fn who_waits_for_a_lease_is_told_when_the_store_is_gone() {
    on_every(|server| {
        let mut client = server.client();
        for end in [
            "DEL s",
            "UNLINK s",
            "FLUSHALL",
            "RENAME s t",
            "SET s 1",
            "SWAPDB 0 1",
            "PEXPIRE s 1",
            "RENAME other s",
        ] {
            client.run("FLUSHALL");
            put(&mut client, "other", "SET a 1 x");
            acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
            let mut waiter = Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE you {WAIT}"));
            client.run(end);
            assert!(waiter.refusal().starts_with("RECEPOCH"), "{end}");
        }
        // Another store in the same step.
        client.run("FLUSHALL");
        acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
        let mut waiter = Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE you {WAIT}"));
        client.run("MULTI");
        client.run("DEL s");
        client.run("RECORD.PUT s SET a 1 x");
        client.run("EXEC");
        assert!(waiter.refusal().starts_with("RECEPOCH"));
        assert!(acquire(&mut client, "s", "l", "you", 1000).is_some());
    });
}

/// The key is touched when the lease has ended and nobody has noticed yet: it is still theirs who wait.
#[test]
fn a_lease_that_has_ended_unnoticed_is_not_a_lost_one() {
    on_every(|server| {
        let mut client = server.client();
        acquire(&mut client, "s", "l", "me", 1500).expect("it is free");
        let mut waiter = Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE you {WAIT}"));
        let steps = ["DEBUG SLEEP 1.6", "RECORD.PUT s SET a 1 x", "EXPIRE s 1000", "PERSIST s"];
        client.pipeline(&steps.map(Command::from)).expect("four answers");
        assert!(token(&waiter.answer()).is_some());
    });
}

/// Granted and gone in one step: nobody would know who holds it.
#[test]
fn a_lease_that_could_not_be_delivered_is_given_back() {
    on_every(|server| {
        let mut client = server.client();
        let token = acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
        let leaves = Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE leaves {WAIT}"));
        let mut stays = Waiter::start(server, format!("RECORD.LEASE s l ACQUIRE stays {WAIT}"));
        client.run("MULTI");
        client.run(format!("RECORD.LEASE s l RELEASE me {token}"));
        client.run(cmd!("CLIENT", "KILL", "ID", leaves.id));
        client.run("EXEC");
        assert!(crate::store::token(&stays.answer()).is_some());
        let held = client.run("RECORD.GETLEASE s l");
        assert_eq!(held.as_array().and_then(|held| held[0].as_text()).as_deref(), Some("stays"));
    });
}

#[test]
fn unblocked_and_killed_candidates_get_no_lease() {
    on_each(|server| {
        let mut client = server.client();
        let held = acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
        let command = format!("RECORD.LEASE s l ACQUIRE you {WAIT}");
        let mut waiter = Waiter::start(server, command.as_str());
        client.run(cmd!("CLIENT", "UNBLOCK", waiter.id));
        assert_eq!(waiter.answer(), Value::Nil);
        let mut waiter = Waiter::start(server, command.as_str());
        client.run(cmd!("CLIENT", "UNBLOCK", waiter.id, "ERROR"));
        assert!(waiter.refusal().starts_with("UNBLOCKED"));
        let waiter = Waiter::start(server, command.as_str());
        client.run(cmd!("CLIENT", "KILL", "ID", waiter.id));
        wait_waiting(server, 0);
        client.run(format!("RECORD.LEASE s l RELEASE me {held}"));
        assert_eq!(client.run("RECORD.GETLEASE s l"), Value::Nil);
    });
}

/// What a refused wish leaves behind.
#[test]
fn a_lease_that_is_held_changes_nothing_for_others() {
    on_each(|server| {
        let mut client = server.client();
        let held = acquire(&mut client, "s", "l", "me", 60_000).expect("it is free");
        let before = digest(&mut client);
        for wish in ["ACQUIRE you PX 1000", "ACQUIRE me PX 1000", "TRY you 1000", "TRY you 0"] {
            client.run(format!("RECORD.LEASE s l {wish}"));
        }
        for wish in [
            format!("RENEW you {held} PX 1000"),
            format!("RENEW me {} PX 1000", held + 1),
            format!("RELEASE you {held}"),
            format!("RELEASE me {}", held - 1),
        ] {
            assert!(client.refusal(format!("RECORD.LEASE s l {wish}")).starts_with("RECLEASE"), "{wish}");
        }
        assert!(client.refusal("RECORD.LEASE none l RELEASE me 1").starts_with("RECLEASE"));
        assert_eq!(digest(&mut client), before);
        let renewed = token(&client.run(format!("RECORD.LEASE s l RENEW me {held} PX 90000")));
        assert_eq!(renewed, Some(held));
        let left = client
            .run("RECORD.GETLEASE s l")
            .as_array()
            .and_then(|held| held[2].as_int())
            .expect("it is held");
        assert!((60_001..=90_000).contains(&left), "{left}");
        wait::wait_until("nobody waits", || waiting(server) == 0);
    });
}
