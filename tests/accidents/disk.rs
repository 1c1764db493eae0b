//! Disks that fail, and an AOF that is switched about.

use std::fs;

use redis_mirror_test_support::{Options, Server, cmd, wait, wait::wait_until, wait_applied};

use super::{AtWork, on_each};

/// The length of the longest file of the AOF.
fn aof_bytes(server: &Server) -> u64 {
    let files = fs::read_dir(server.dir().join("appendonlydir")).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).max().unwrap_or(0)
}

fn kill_and_resume(at: &mut AtWork) {
    at.at.local.kill_and_resume();
    wait_applied(&mut at.at.local.client(), "m", wait::PATIENCE)
        .unwrap_or_else(|error| panic!("{error}\n{}", at.at.local.log_tail()));
}

/// The server refuses its clients, and the mirror holds back as well.
#[test]
fn the_disk_of_the_aof_is_full() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        // The log is far shorter.
        wait_until("the AOF has grown", || aof_bytes(at.local()) > 1 << 20);
        at.local().limit_files(Some(aof_bytes(at.local())));
        at.wait_gate("disk");
        assert!(at.local().client().refusal(cmd!("SET", "own:1", 1)).starts_with("MISCONF"));
        at.assert_stands_still();
        at.local().limit_files(None);
        at.wait_gate("open");
        at.wait_progress();
        kill_and_resume(&mut at);
        at.assert_exact(1);
    });
}

/// The child that made the replica's snapshot may still be there.
fn save(at: &AtWork) {
    let mut client = at.local().client();
    wait_until("a snapshot is begun", || client.call("BGSAVE").is_ok());
}

/// With save points a server that can't save takes no writes (`stop-writes-on-bgsave-error`).
#[test]
fn a_snapshot_has_failed() {
    on_each(|server| {
        let local =
            Options::new().mirror("").set("save", "3600 100000000").set("stop-writes-on-bgsave-error", "yes");
        let mut at = AtWork::start_with(server, Options::new(), local);
        at.local().limit_files(Some(512));
        save(&at);
        at.wait_gate("disk");
        at.local().limit_files(None);
        at.assert_stands_still();
        at.local().client().run(cmd!("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"));
        at.wait_gate("open");
        at.wait_progress();
        at.local().client().run(cmd!("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"));
        at.wait_gate("disk");
        save(&at);
        at.wait_gate("open");
        at.wait_progress();
        at.assert_exact(1);
    });
}

#[test]
fn an_aof_that_is_switched_off_and_on() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        for _ in 0..2 {
            at.local().client().run(cmd!("CONFIG", "SET", "appendonly", "no"));
            at.wait_progress();
            at.local().client().run(cmd!("CONFIG", "SET", "appendonly", "yes"));
            at.wait_progress();
            at.local().wait_saved();
        }
        at.wait_progress();
        kill_and_resume(&mut at);
        at.assert_exact(1);
    });
}

/// Without its preamble a rewritten AOF holds keys only: the state is written behind them.
#[test]
fn an_aof_that_is_rewritten_without_a_preamble() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        at.local().client().run(cmd!("CONFIG", "SET", "aof-use-rdb-preamble", "no"));
        for _ in 0..2 {
            at.local().client().run("BGREWRITEAOF");
            at.wait_progress();
            at.local().wait_saved();
        }
        kill_and_resume(&mut at);
        at.assert_exact(1);
    });
}
