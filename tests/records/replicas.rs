//! Native replicas.

use redis_mirror_test_support::{Server, Value, cmd, wait};

use crate::persistence::fill;
use crate::store::{
    Cursor, acquire, as_feed, get, list_page, put, sync, sync_command, sync_refusal, versions,
};
use crate::waiter::Waiter;
use crate::{digest, docs, on_each, on_every, wait_caught_up, with_replica};

fn promote(replica: &Server) {
    replica.client().run("REPLICAOF NO ONE");
}

#[test]
fn g05_a_replica_is_equal() {
    on_every(|server| {
        let early = with_replica(server);
        fill(&mut server.client(), 5);
        let late = with_replica(server);
        let mut client = server.client();
        put(&mut client, "s", "SET t1 last x");
        client.run("COPY s copy");
        client.run("RENAME cleared renamed");
        put(&mut client, "copy", "SET t1 last x");
        for replica in [&early, &late] {
            wait_caught_up(server, replica);
            assert_eq!(digest(&mut replica.client()), digest(&mut client));
            assert_eq!(versions(&mut replica.client(), "copy"), versions(&mut client, "copy"));
        }
    });
}

/// A replica serves whatever reads, and nothing else.
#[test]
fn a_replica_reads_and_does_not_write() {
    on_every(|server| {
        let replica = with_replica(server);
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x SET t 2 x").at;
        client.run(format!("RECORD.CURSOR s c SET {} 1", at.epoch));
        acquire(&mut client, "s", "l", "me", 100_000).expect("it is free");
        wait_caught_up(server, &replica);
        let mut there = replica.client();
        for (name, call, use_of_key) in docs::CALLS {
            let command = format!("{name} {call}");
            if use_of_key == docs::READS {
                assert_ne!(there.run(command.as_str()), Value::Nil, "{command}");
            } else {
                assert!(there.refusal(command.as_str()).starts_with("READONLY"), "{command}");
            }
        }
        assert_eq!(digest(&mut there), digest(&mut client));
    });
}

/// The primary says when a record ends; a replica hides it until it hears so.
#[test]
fn a_replica_hides_what_has_ended() {
    on_each(|server| {
        let replica = with_replica(server);
        let (mut client, mut there) = (server.client(), replica.client());
        put(&mut client, "s", "SET t 1 x PX 2000 SET t 2 x");
        acquire(&mut client, "s", "l", "me", 2000).expect("it is free");
        wait_caught_up(server, &replica);
        assert!(get(&mut there, "s", "t", "1").is_some());
        server.freeze();
        wait::wait_until("it is hidden", || get(&mut there, "s", "t", "1").is_none());
        assert_eq!(crate::store::list(&mut there, "s", "").ids(), ["2"]);
        wait::wait_until("so is the lease", || {
            there.run("RECORD.GETLEASE s l") == redis_mirror_test_support::Value::Nil
        });
        assert_eq!(there.run("RECORD.QUERY s t").as_array().map(<[_]>::len), Some(1));
        assert_eq!(versions(&mut there, "s").0.version, 2, "nothing is deleted by the replica");
        server.thaw();
        wait::wait_until("the primary deletes it", || versions(&mut there, "s").0.version == 3);
        assert!(there.refusal("RECORD.PUT s SET t 3 x").starts_with("READONLY"));
    });
}

/// Readers at replicas are woken by what arrives.
#[test]
fn streams_are_read_from_replicas() {
    on_every(|server| {
        let replica = with_replica(server);
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x").at;
        wait_caught_up(server, &replica);
        let mut waiter = Waiter::start(&replica, sync_command("s", &at, "TYPE t BLOCK 0"));
        put(&mut client, "s", "SET u 1 x");
        put(&mut client, "s", "SET t 2 x");
        assert_eq!(as_feed(&waiter.answer()).ids(), ["2"]);
        let mut waiter = Waiter::start(&replica, sync_command("s", &at, "TYPE never BLOCK 0"));
        client.run("DEL s");
        assert!(waiter.refusal().starts_with("RECEPOCH"));
    });
}

/// The tail that is lost is told by the epoch, waiting readers included.
#[test]
fn fault08_a_lost_tail_is_noticed() {
    on_each(|server| {
        let replica = with_replica(server);
        let mut client = server.client();
        let behind = put(&mut client, "s", "SET t 1 x").at;
        wait_caught_up(server, &replica);
        // The replica is promoted without what comes now.
        let ahead = Cursor { version: behind.version + 2, ..behind.clone() };
        let mut waiter = Waiter::start(&replica, sync_command("s", &ahead, "BLOCK 0"));
        replica.client().run("REPLICAOF NO ONE");
        assert!(waiter.refusal().starts_with("RECEPOCH"));
        let mut there = replica.client();
        assert!(sync_refusal(&mut there, "s", &ahead).starts_with("RECEPOCH"));
        assert!(sync(&mut there, "s", &behind, "").records.is_empty());
        let new = put(&mut there, "s", "SET t a x SET t b x SET t c x").at;
        assert_ne!(new.epoch, behind.epoch);
        assert!(sync_refusal(&mut there, "s", &ahead).starts_with("RECEPOCH"));
        assert_eq!(sync(&mut there, "s", &behind, "").ids(), ["a", "b", "c"]);
    });
}

/// A list leaves out what changes while it is read: if that change is lost, the list has a hole, and its cursor tells.
#[test]
fn a_list_that_depends_on_a_lost_change_is_no_beginning() {
    on_each(|server| {
        let replica = with_replica(server);
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x SET t 2 x SET t 3 x").at;
        wait_caught_up(server, &replica);
        promote(&replica);
        let first = list_page(&mut client, "s", "COUNT 1", "0");
        put(&mut client, "s", "SET t 3 lost");
        let rest = list_page(&mut client, "s", "COUNT 10", &first.next);
        assert_eq!((first.ids(), rest.ids(), rest.at.version), (vec!["1"], vec!["2"], 3));
        assert_eq!(sync(&mut client, "s", &rest.at, "").ids(), ["3"], "here the feed fills the hole");
        assert!(sync_refusal(&mut replica.client(), "s", &rest.at).starts_with("RECEPOCH"));
        assert!(sync(&mut replica.client(), "s", &at, "").records.is_empty(), "who has it all goes on");
    });
}

/// It waits at a replica of the one that is promoted, for what will never come.
#[test]
fn a_reader_ahead_of_what_was_promoted_is_told_by_the_next_write() {
    on_each(|server| {
        let promoted = with_replica(server);
        let last = with_replica(&promoted);
        let at = put(&mut server.client(), "s", "SET t 1 x").at;
        wait_caught_up(server, &promoted);
        wait_caught_up(&promoted, &last);
        let ahead = Cursor { version: at.version + 5, ..at.clone() };
        let mut waiter = Waiter::start(&last, sync_command("s", &ahead, "BLOCK 0"));
        promote(&promoted);
        put(&mut promoted.client(), "s", "SET t 2 x");
        assert!(waiter.refusal().starts_with("RECEPOCH"));
        assert_eq!(sync(&mut last.client(), "s", &at, "").ids(), ["2"]);
    });
}

#[test]
fn an_orderly_failover_needs_no_new_list() {
    on_each(|server| {
        let replica = with_replica(server);
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x").at;
        acquire(&mut client, "s", "l", "me", 100_000).expect("it is free");
        wait_caught_up(server, &replica);
        let mut stays = Waiter::start(&replica, sync_command("s", &at, "BLOCK 0"));
        let mut told = Waiter::start(server, sync_command("s", &at, "BLOCK 0"));
        let mut lease = Waiter::start(server, "RECORD.LEASE s l ACQUIRE you PX 1000 BLOCK 0");
        client.run("FAILOVER");
        wait::wait_until("the roles are changed", || {
            replica.info("replication").get("role") == Some("master")
                && server.info("replication").get("master_link_status") == Some("up")
        });
        // Who waited at the old primary is sent away by the server itself.
        assert!(told.refusal().starts_with("UNBLOCKED"));
        assert!(lease.refusal().starts_with("UNBLOCKED"));
        let mut there = replica.client();
        let new = put(&mut there, "s", "SET t 2 x").at;
        assert_ne!(new.epoch, at.epoch);
        assert_eq!(as_feed(&stays.answer()).ids(), ["2"]);
        assert_eq!(sync(&mut there, "s", &at, "").ids(), ["2"]);
        wait_caught_up(&replica, server);
        assert_eq!(sync(&mut server.client(), "s", &at, "").ids(), ["2"]);
        assert_eq!(digest(&mut server.client()), digest(&mut there));
        promote(server);
        assert_ne!(put(&mut server.client(), "s", "SET t 3 x").at.epoch, new.epoch);
        assert_eq!(server.client().int(cmd!("EXISTS", "s")), 1);
    });
}

/// A primary that was a replica for a while has what it wrote itself, and may have missed what the other wrote.
#[test]
fn a_promotion_begins_an_epoch_though_nothing_was_written_meanwhile() {
    on_each(|server| {
        let replica = with_replica(server);
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x").at;
        wait_caught_up(server, &replica);
        for (from, to) in [(server, &replica), (&replica, server)] {
            from.client().run("FAILOVER");
            wait::wait_until("the roles are changed", || {
                to.info("replication").get("role") == Some("master")
                    && from.info("replication").get("master_link_status") == Some("up")
            });
        }
        let full = |server: &Server| server.info("stats").number("sync_full");
        assert_eq!((full(server), full(&replica)), (Some(1), Some(0)), "the store is the same all the time");
        assert_ne!(put(&mut server.client(), "s", "SET t 2 x").at.epoch, at.epoch);
        assert_eq!(sync(&mut server.client(), "s", &at, "").ids(), ["2"]);
    });
}

/// What a client writes to a replica that lets it, no change of the primary would follow.
#[test]
fn a_replica_that_may_be_written_to_keeps_its_stores_as_they_are() {
    on_every(|server| {
        let replica = with_replica(server);
        let (mut client, mut there) = (server.client(), replica.client());
        put(&mut client, "s", "SET t 1 x");
        wait_caught_up(server, &replica);
        there.run("CONFIG SET replica-read-only no");
        for call in [
            "PUT s SET t 2 x",
            "PUT mine SET t 2 x",
            "LEASE s l TRY me 1000",
            "SETOPTIONS s t TTL 5",
            "CURSOR s c SET 0 0",
            "TRIM s KEEP 0",
            "CLEAR s",
        ] {
            assert!(there.refusal(format!("RECORD.{call}")).starts_with("READONLY"), "{call}");
        }
        there.run("SET plain 1");
        there.run("DEL plain");
        put(&mut client, "s", "SET t 3 x");
        wait_caught_up(server, &replica);
        assert_eq!(digest(&mut there), digest(&mut client));
        promote(&replica);
        put(&mut there, "s", "SET t 4 x");
    });
}
