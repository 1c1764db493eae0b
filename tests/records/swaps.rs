//! A replica that takes a new snapshot of the history it knows in beside its data, and swaps them at the end
//! (`repl-diskless-load swapdb`): it answers meanwhile.

use redis_mirror_test_support::{Options, Server, cmd, wait};

use crate::store::{Cursor, as_feed, put, sync, sync_command, versions};
use crate::waiter::Waiter;
use crate::{digest, on_each_with, start, wait_caught_up};

/// A server that loads looks at its clients between any two keys; and sockets don't hold so much.
const KEYS: usize = 500;
const BYTES: usize = 40_000;

/// A primary whose backlog holds next to nothing, and whose snapshot is as large as its values.
fn small() -> Options {
    Options::new().set("repl-backlog-size", "16kb").set("rdbcompression", "no")
}

/// A replica that swaps.
fn swapping(primary: &Server) -> Server {
    let options = Options::new()
        .set("repl-diskless-load", "swapdb")
        // It looks at its clients this often while it loads.
        .set("loading-process-events-interval-bytes", 1024);
    let replica = start(primary.installed(), options);
    replica.replicate(primary.address());
    replica
}

/// Cuts the link, has something written, and then so much that the replica needs a snapshot.
fn lose(primary: &Server, replica: &Server, meanwhile: impl FnOnce()) {
    replica.client().run("CONFIG SET key-load-delay 50000");
    replica.freeze();
    let mut client = primary.client();
    client.run("CLIENT KILL TYPE replica");
    meanwhile();
    for number in 0..KEYS {
        client.run(cmd!("SET", format!("junk:{number}"), "x".repeat(BYTES)));
    }
    replica.thaw();
    wait::wait_until("it loads beside its data", || is_loading(replica));
}

fn is_loading(replica: &Server) -> bool {
    replica.info("persistence").get("async_loading") == Some("1")
}

/// Lets the load end.
fn wait_swapped(primary: &Server, replica: &Server) {
    replica.client().run("CONFIG SET key-load-delay 0");
    wait::wait_until("it follows again", || {
        !is_loading(replica) && replica.info("replication").get("master_link_status") == Some("up")
    });
    wait_caught_up(primary, replica);
}

fn on_pairs(story: impl Fn(&Server, &Server) + Sync) {
    on_each_with(small(), |primary| {
        let mut client = primary.client();
        put(&mut client, "s", "SET t 1 x");
        let replica = swapping(primary);
        wait_caught_up(primary, &replica);
        story(primary, &replica);
    });
}

#[test]
fn readers_wait_on_over_a_swap() {
    on_pairs(|primary, replica| {
        let mut client = primary.client();
        let at = versions(&mut client, "s").0;
        let waits = |kind: &str| Waiter::start(replica, sync_command("s", &at, kind));
        let (mut news, mut none) = (waits("TYPE t BLOCK 0"), waits("TYPE never BLOCK 0"));
        let mut new = Waiter::start(replica, sync_command("new", &Cursor::start(), "BLOCK 0"));
        lose(primary, replica, || {
            let mut client = primary.client();
            put(&mut client, "s", "SET u 1 x SET t 2 x");
            put(&mut client, "new", "SET t 1 x");
        });
        // What it has is what it had.
        assert_eq!(versions(&mut replica.client(), "s").0, at);
        assert_eq!(sync(&mut replica.client(), "s", &Cursor::start(), "").versions(), [1]);
        let mut late = Waiter::start(replica, sync_command("s", &at, "TYPE t BLOCK 0"));
        assert!(is_loading(replica) && news.is_blocked(replica));
        wait_swapped(primary, replica);
        assert_eq!(as_feed(&news.answer()).versions(), [3]);
        assert_eq!(as_feed(&late.answer()).versions(), [3]);
        assert_eq!(as_feed(&new.answer()).versions(), [1]);
        assert!(none.is_blocked(replica));
        assert_eq!(digest(&mut replica.client()), digest(&mut client));
        put(&mut client, "s", "SET never 1 x");
        assert_eq!(as_feed(&none.answer()).versions(), [4]);
        // Nobody who knows the history has to read anew, and a promotion begins an epoch as ever.
        assert_eq!(sync(&mut replica.client(), "s", &at, "").versions(), [2, 3, 4]);
        replica.client().run("REPLICAOF NO ONE");
        assert_ne!(put(&mut replica.client(), "s", "SET t 3 x").at.epoch, at.epoch);
    });
}

#[test]
fn a_load_that_fails_beside_the_data_changes_nothing() {
    on_pairs(|primary, replica| {
        let mut client = primary.client();
        let at = versions(&mut client, "s").0;
        let mut waits = Waiter::start(replica, sync_command("s", &at, "TYPE t BLOCK 0"));
        lose(primary, replica, || drop(put(&mut primary.client(), "s", "SET t 2 x")));
        let fulls = |server: &Server| server.info("stats").number("sync_full");
        let before = fulls(primary);
        client.run("CONFIG SET repl-diskless-sync-delay 600");
        client.run("CLIENT KILL TYPE replica");
        replica.client().run("CONFIG SET key-load-delay 0");
        wait::wait_until("the load is given up", || !is_loading(replica));
        // The answers of this turn are behind the answers of those that were told.
        replica.client().run("PING");
        assert!(waits.is_blocked(replica));
        assert_eq!(versions(&mut replica.client(), "s").0, at);
        client.run("CONFIG SET repl-diskless-sync-delay 0");
        wait_swapped(primary, replica);
        assert!(fulls(primary) > before);
        assert_eq!(as_feed(&waits.answer()).versions(), [2]);
        assert_eq!(digest(&mut replica.client()), digest(&mut client));
    });
}
