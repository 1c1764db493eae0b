//! Pauses, busy scripts, reloads, snapshots, settings.

use std::thread::sleep;
use std::time::{Duration, Instant};

use redis_mirror_test_support::{Client, Value, cmd, wait};

use super::{AtWork, local_options, on_all, on_each};

/// How long BGSAVE is asked for again and again: longer in a soak.
fn saving_time() -> Duration {
    let seconds = std::env::var("REDIS_MIRROR_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

#[test]
fn pauses_for_writes_again_and_again() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        for _ in 0..4 {
            at.local().client().run(cmd!("CLIENT", "PAUSE", 60_000, "WRITE"));
            at.wait_gate("paused-writes");
            at.assert_stands_still();
            at.local().client().run(cmd!("CLIENT", "UNPAUSE"));
            at.wait_progress();
        }
        at.assert_exact(1);
    });
}

/// A gate that were asked in every turn would burn a core for as long as it is closed.
#[test]
fn a_long_pause_costs_no_processor_time() {
    const WINDOW: Duration = Duration::from_secs(3);
    /// In ticks of 10 ms: a tenth of the window.
    const MORE_THAN_IDLE_MAX: u64 = 30;
    on_all(|server| {
        let mut at = AtWork::start(server);
        at.local().client().run(cmd!("CLIENT", "PAUSE", 120_000, "WRITE"));
        at.wait_gate("paused-writes");
        at.assert_stands_still();
        at.stop_traffic();
        let end = at.at.source.info("replication").number("master_repl_offset").unwrap_or(0);
        let read = |at: &AtWork| at.applied() + at.status().number("lag_bytes");
        wait::wait_until("all is read", || read(&at) + 1 >= end);
        let spent = |at: &AtWork| {
            let before = at.local().cpu_ticks();
            sleep(WINDOW);
            at.local().cpu_ticks() - before
        };
        let paused = spent(&at);
        at.local().client().run(cmd!("CLIENT", "UNPAUSE"));
        at.assert_exact(1);
        let idle = spent(&at);
        println!("{server}: {paused} ticks in a pause, {idle} when idle, of {}", WINDOW.as_millis() / 10);
        assert!(paused <= idle + MORE_THAN_IDLE_MAX, "{paused} ticks in a pause, {idle} when idle");
    });
}

/// Reads a counter, waits, reads it again: 1 when nothing came between.
const BUSY: &str = "redis.call('SELECT', 1); local a = redis.call('GET', 'counter'); \
    local t = redis.call('TIME'); \
    repeat local n = redis.call('TIME') until n[1]*1000000+n[2] - t[1]*1000000-t[2] > 2000000; \
    return a == redis.call('GET', 'counter') and 1 or 0";

#[test]
fn busy_scripts_and_functions_past_their_time() {
    on_each(|server| {
        let local = local_options().set("busy-reply-threshold", 20);
        let mut at = AtWork::start_with(server, redis_mirror_test_support::Options::new(), local);
        let library =
            format!("#!lua name=busy\nredis.register_function('busy', function(keys, args) {BUSY} end)");
        at.local().client().run(cmd!("FUNCTION", "LOAD", library));
        for busy in [cmd!("EVAL", BUSY, 0), cmd!("FCALL", "busy", 0)] {
            let mut client = at.local().client();
            client.send(&busy).expect("it is sent");
            at.wait_gate("busy");
            assert_eq!(client.receive().expect("it ends").as_int(), Some(1), "a slice ran inside {busy}");
            at.wait_progress();
        }
        at.assert_exact(1);
    });
}

#[test]
fn reloads() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        for round in 0..4 {
            let how = if round % 2 == 0 { cmd!("DEBUG", "RELOAD") } else { cmd!("DEBUG", "LOADAOF") };
            at.local().client().run(how);
            at.wait_progress();
        }
        at.assert_exact(1);
    });
}

#[test]
fn snapshots_without_end() {
    on_all(|server| {
        let mut at = AtWork::start(server);
        let mut client = at.local().client();
        let until = Instant::now() + saving_time();
        let mut saves = 0;
        while Instant::now() < until {
            // Refused while one runs.
            saves += i32::from(client.call("BGSAVE").is_ok());
            sleep(Duration::from_millis(50));
        }
        assert!(saves > 3, "{saves} snapshots in all");
        at.local().wait_saved();
        at.assert_exact(1);
    });
}

/// Every setting there is, to values at and beyond its bounds: those beyond are refused.
#[test]
fn every_setting_changes_while_it_applies() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        let mut client = at.local().client();
        let settings = settings(&mut client);
        assert!(settings.iter().any(|(name, _)| name == "mirror.apply-budget-us"), "{settings:?}");
        for (name, before) in &settings {
            let accepted = others(before).filter(|value| {
                let is_accepted = client.call(cmd!("CONFIG", "SET", name.as_str(), *value)).is_ok();
                if is_accepted {
                    at.wait_progress();
                }
                is_accepted
            });
            let accepted = accepted.count();
            assert!(accepted > 1 || FIXED.contains(&name.as_str()), "{name}: {accepted}");
            if accepted > 0 {
                client.run(cmd!("CONFIG", "SET", name.as_str(), before.as_str()));
            }
        }
        // A transaction of two commands is too large while one may have one: that costs a resync.
        at.assert_equal();
    });
}

fn settings(client: &mut Client) -> Vec<(String, String)> {
    let value = client.run(cmd!("CONFIG", "GET", "mirror.*"));
    let pairs = value.pairs().unwrap_or_default();
    pairs
        .into_iter()
        .filter_map(|(name, value): (&Value, &Value)| Some((name.as_text()?, value.as_text()?)))
        .collect()
}

/// Settings that can't be changed while the server runs, unless it is started to allow that.
const FIXED: [&str; 3] = ["mirror.enable-create", "mirror.secrets-dir", "mirror.allow-sources"];

/// Values to try: those in range are accepted.
fn others(before: &str) -> impl Iterator<Item = &'static str> {
    const NUMBERS: [&str; 9] =
        ["0", "1", "20", "65536", "1048576", "1000000", "3600000", "4294967296", "9223372036854775807"];
    const WORDS: [&str; 4] = ["exact", "behind", "yes", "no"];
    let is_number = before.parse::<i64>().is_ok();
    let (numbers, words) = if is_number { (&NUMBERS[..], &[][..]) } else { (&[][..], &WORDS[..]) };
    numbers.iter().chain(words).copied()
}
