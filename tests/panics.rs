//! A panic in the module ends at most one mirror, never the server.
//!
//! Needs the module built with the feature `fault-injection`, whose path stands in
//! `REDIS_MIRROR_FAULT_MODULE`: scripts/test.sh builds it.

use std::path::PathBuf;

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::{
    Installed, Options, Server, Status, cmd, servers, wait, wait::wait_until, wait_applied,
};

/// Runs a story on every server there is, with the backtraces that Debian's Valkey would die of.
fn on_every_server(story: impl Fn(&mut Faulty)) {
    let Some(module) = std::env::var_os("REDIS_MIRROR_FAULT_MODULE").map(PathBuf::from) else {
        return println!("skipped: REDIS_MIRROR_FAULT_MODULE is not set; scripts/test.sh builds that module");
    };
    for installed in servers() {
        let options = Options::new().durable().env("RUST_BACKTRACE", "1");
        let mut at = Faulty::start(installed, options.module(&module, ""));
        story(&mut at);
        assert_eq!(at.local.client().text("PING"), "PONG", "{installed}");
    }
}

/// Two mirrors of one source: `m`, which meets the fault, and `other`.
struct Faulty {
    source: Server,
    local: Server,
}

impl Faulty {
    fn start(installed: &Installed, options: Options) -> Self {
        let source = Server::start(installed, Options::new().set("repl-backlog-size", "64mb"));
        let local = Server::start(installed, options);
        for n in 0..200 {
            source.client().run(cmd!("SET", format!("key:{n}"), n));
        }
        let at = Faulty { source, local };
        for (name, db) in [("m", 0), ("other", 1)] {
            at.local.client().run(cmd!("MIRROR.CREATE", name, at.source.url(), "DB", db));
            wait_applied(&mut at.local.client(), name, wait::PATIENCE).expect("the snapshot is applied");
        }
        at
    }

    fn arm(&self, site: &str) {
        self.local.client().run(cmd!("MIRROR.FAULT", site));
    }

    fn status(&self, name: &str) -> Status {
        Status::read(&mut self.local.client(), name).expect("the mirror has a status")
    }

    fn write(&self, db: u32) {
        let mut client = self.source.client();
        client.run(cmd!("SELECT", db));
        for n in 0..50 {
            client.run(cmd!("INCR", "counter"));
            client.run(cmd!("RPUSH", "list", n));
        }
    }

    /// The names of those that have failed, of which there must be one at least.
    fn wait_failed(&self) -> Vec<&'static str> {
        let failed = |name: &&'static str| self.status(name).state() == "failed";
        let names = || ["m", "other"].into_iter().filter(failed).collect::<Vec<_>>();
        wait_until("a mirror fails", || !names().is_empty());
        names()
    }

    fn assert_failed_alone(&self, failed: &str) {
        let status = self.status(failed);
        let error = status.text("last_error");
        assert!(error.starts_with("internal error ") && error.contains("MIRROR.RESYNC"), "{error}");
        assert!(self.local.log().contains("injected into"), "{}", self.local.log_tail());
        assert_eq!(status.text("consistent"), if error.contains("in the link") { "yes" } else { "no" });
        let other = if failed == "m" { "other" } else { "m" };
        self.write(u32::from(other == "other"));
        wait_applied(&mut self.local.client(), other, wait::PATIENCE).expect("the other mirror goes on");
        assert_eq!(self.status(other).number("full_resyncs"), 1);
    }

    /// The way back, which needs one more full resync.
    fn assert_resynced(&self, failed: &str) {
        self.local.client().run(cmd!("MIRROR.RESYNC", failed));
        self.write(0);
        self.write(1);
        for name in ["m", "other"] {
            wait_applied(&mut self.local.client(), name, wait::PATIENCE).expect("everything is applied");
        }
        digest::assert_mirrored(&self.source, &self.local, &Mapping::identity());
        let status = self.status(failed);
        assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (2, "yes"));
    }
}

#[test]
fn a_panic_in_a_command_is_an_error_reply() {
    on_every_server(|at| {
        let refusal = at.local.client().refusal(cmd!("MIRROR.FAULT", "command"));
        assert!(refusal.contains("internal error"), "{refusal}");
        assert!(at.local.log().contains("injected into Command"), "{}", at.local.log_tail());
        assert_eq!(at.status("m").state(), "streaming");
    });
}

/// Half a unit is applied: no position is true any more, neither here nor in the AOF.
#[test]
fn a_panic_in_a_slice_ends_one_mirror() {
    on_every_server(|at| {
        at.arm("slice");
        at.write(0);
        assert_eq!(at.wait_failed(), ["m"]);
        at.assert_failed_alone("m");
        at.assert_resynced("m");
    });
}

/// The process may end before the user has read of it: what it left must not be gone on from.
#[test]
fn a_crash_after_a_panic_does_not_go_on_from_half_a_unit() {
    on_every_server(|at| {
        at.arm("slice");
        at.write(0);
        assert_eq!(at.wait_failed(), ["m"]);
        // Nothing more is written before the end but what the failure itself has left.
        at.local.kill_and_resume();
        at.write(0);
        for name in ["m", "other"] {
            wait_applied(&mut at.local.client(), name, wait::PATIENCE).expect("everything is applied");
        }
        digest::assert_mirrored(&at.source, &at.local, &Mapping::identity());
        assert_eq!(
            (at.status("m").number("full_resyncs"), at.status("other").number("full_resyncs")),
            (2, 1)
        );
    });
}

#[test]
fn a_panic_in_a_link_ends_one_mirror() {
    on_every_server(|at| {
        at.arm("link");
        let failed = at.wait_failed();
        let [failed] = failed.as_slice() else { panic!("{failed:?} have failed") };
        at.assert_failed_alone(failed);
        at.assert_resynced(failed);
    });
}

/// The event told that the keys are gone: a mirror that missed it must not pass for exact.
#[test]
fn a_panic_in_an_event_ends_one_mirror() {
    on_every_server(|at| {
        at.arm("event");
        at.local.client().run("FLUSHDB");
        assert_eq!(at.wait_failed(), ["m"]);
        at.assert_failed_alone("m");
        at.assert_resynced("m");
    });
}

/// It is the timer that looks at a closed gate again.
#[test]
fn a_panic_in_a_timer_leaves_the_gate_looked_after() {
    on_every_server(|at| {
        at.local.client().run(cmd!("CLIENT", "PAUSE", 60_000, "WRITE"));
        at.arm("timer");
        at.write(0);
        wait_until("the timer panics", || at.local.log().contains("injected into Timer"));
        at.local.client().run(cmd!("CLIENT", "UNPAUSE"));
        wait_applied(&mut at.local.client(), "m", wait::PATIENCE).expect("everything is applied");
        digest::assert_mirrored(&at.source, &at.local, &Mapping::identity());
        assert_eq!(at.status("m").number("full_resyncs"), 1);
    });
}

#[test]
fn a_panic_in_info_costs_one_section() {
    on_every_server(|at| {
        at.arm("info");
        let info = at.local.info("everything");
        assert!(info.get("redis_version").is_some() && info.get("mirror_count").is_none());
        assert_eq!(at.local.info("everything").number("mirror_count"), Some(2));
    });
}

/// A child that can't write the state fails, so that the file with the state stays; a save in the foreground
/// has the data at least.
#[test]
fn a_panic_in_a_save_spoils_no_snapshot() {
    on_every_server(|at| {
        let mut client = at.local.client();
        client.run("SAVE");
        let file = || std::fs::read(at.local.dir().join("dump.rdb")).expect("there is a snapshot");
        let before = file();
        at.arm("save");
        client.run("BGSAVE");
        at.local.wait_saved();
        assert_eq!(at.local.info("persistence").get("rdb_last_bgsave_status"), Some("err"));
        assert!(file() == before, "the one with the state stays");
        at.arm("save");
        client.run("SAVE");
        client.run(cmd!("DEBUG", "RELOAD", "NOSAVE"));
        assert_eq!(client.text(cmd!("GET", "key:7")), "7");
        assert!(at.local.log().contains("lacks the data of"), "{}", at.local.log_tail());
    });
}
