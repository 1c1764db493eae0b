//! Records, leases and changes are due while the server may not write: it survives, and nothing is lost.

use redis_mirror_test_support::{Options, Value, cmd, wait};

use crate::store::{Cursor, acquire, put, sync, token, versions};
use crate::waiter::Waiter;
use crate::{digest, on_each_with, wait_caught_up, with_replica};

fn durable() -> Options {
    Options::new().durable().set("busy-reply-threshold", 10)
}

fn due(server: &redis_mirror_test_support::Server) -> (Cursor, Waiter) {
    let mut client = server.client();
    client.run("RECORD.SETOPTIONS s * RETAIN 60000");
    put(&mut client, "short", "SET t 1 x");
    client.run("RECORD.SETOPTIONS short * RETAIN 300");
    let at = put(&mut client, "s", "SET t 1 x PX 300 SET t 2 x PX 300 SET t 3 x").at;
    acquire(&mut client, "s", "l", "me", 300).expect("it is free");
    let waiter = Waiter::start(server, "RECORD.LEASE s l ACQUIRE you PX 60000 BLOCK 0");
    (at, waiter)
}

fn wait_done(server: &redis_mirror_test_support::Server, at: &Cursor, waiter: &mut Waiter) {
    assert!(token(&waiter.answer()).is_some());
    let mut client = server.client();
    wait::wait_until("the records end", || versions(&mut client, "s").0.version == at.version + 2);
    assert_eq!(sync(&mut client, "s", at, "").ids(), ["1", "2"]);
    wait::wait_until("the log forgets", || versions(&mut client, "short").1 == 1);
}

#[test]
fn a_pause_for_writes_is_kept() {
    on_each_with(durable(), |server| {
        let replica = with_replica(server);
        let (at, mut waiter) = due(server);
        let mut client = server.client();
        client.run("CLIENT PAUSE 900000 WRITE");
        wait::wait_until("they are hidden", || crate::store::list(&mut client, "s", "").ids() == ["3"]);
        let offset = server.info("replication").number("master_repl_offset");
        client.run("DEBUG SLEEP 0.1");
        assert_eq!(versions(&mut client, "s").0, at, "nothing is written");
        assert_eq!(server.info("replication").number("master_repl_offset"), offset);
        client.run("CLIENT UNPAUSE");
        wait_done(server, &at, &mut waiter);
        wait_caught_up(server, &replica);
        assert_eq!(digest(&mut replica.client()), digest(&mut client));
        let before = digest(&mut client);
        server.kill_and_resume();
        assert_eq!(digest(&mut server.client()), before);
    });
}

#[test]
fn a_busy_script_is_not_disturbed() {
    on_each_with(durable(), |server| {
        let (at, mut waiter) = due(server);
        let script = "local t = redis.call('TIME'); local v = redis.call('RECORD.VERSIONS', KEYS[1])[4]; \
                      repeat local n = redis.call('TIME') until n[1]*1000000+n[2] - t[1]*1000000-t[2] > 500000; \
                      return v == redis.call('RECORD.VERSIONS', KEYS[1])[4] and 1 or 0";
        assert_eq!(server.client().int(cmd!("EVAL", script, 1, "s")), 1, "a slice ran inside the script");
        wait_done(server, &at, &mut waiter);
    });
}

/// The primary pauses until its replica has everything, and becomes a replica itself.
#[test]
fn a_failover_loses_nothing() {
    on_each_with(durable(), |server| {
        let replica = with_replica(server);
        let (at, mut waiter) = due(server);
        wait_caught_up(server, &replica);
        replica.freeze();
        let mut client = server.client();
        client.run(cmd!("FAILOVER", "TO", "127.0.0.1", replica.port(), "TIMEOUT", 60_000));
        wait::wait_until("they are hidden", || crate::store::list(&mut client, "s", "").ids() == ["3"]);
        replica.thaw();
        wait::wait_until("the roles are changed", || {
            replica.info("replication").get("role") == Some("master")
                && server.info("replication").get("master_link_status") == Some("up")
        });
        assert!(waiter.answer() != Value::Nil, "it has the lease, or an error");
        let mut there = replica.client();
        wait::wait_until("the records end", || versions(&mut there, "s").0.version == at.version + 2);
        assert_eq!(sync(&mut there, "s", &at, "").ids(), ["1", "2"]);
        wait_caught_up(&replica, server);
        wait::wait_until("both are equal", || digest(&mut server.client()) == digest(&mut there));
    });
}
