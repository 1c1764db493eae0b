//! What happens to a server while it applies at full speed: it survives, and the mirror is exact afterwards.
//!
//! The local server has an AOF and a native replica; the source is written to with commands that show when one
//! is lost or repeated. The mirror puts db 0 of the source into db 1 here; db 0 is this server's own.

mod disk;
mod interruptions;
mod limits;
mod roles;
mod wholesale;

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::{
    Installed, Options, Server, Status, Topology, Traffic, cmd, server, wait, wait_applied,
};

/// Both families, the oldest and the newest of each that differ.
const SERVERS: [&str; 4] = ["redis70", "redis86", "valkey81", "valkey9"];

fn installed() -> impl Iterator<Item = &'static Installed> {
    SERVERS.into_iter().filter_map(|name| {
        let found = server(name);
        if found.is_none() {
            println!("skipped: {name} is not installed");
        }
        found
    })
}

/// A story on one server after the other.
fn on_each(story: impl Fn(&'static Installed)) {
    installed().for_each(story);
}

/// A story that mostly waits, on all servers at once.
fn on_all(story: impl Fn(&'static Installed) + Sync) {
    let story = &story;
    std::thread::scope(|scope| installed().for_each(|server| drop(scope.spawn(move || story(server)))));
}

/// A mirror at work.
struct AtWork {
    at: Topology,
    traffic: Option<[Traffic; 2]>,
}

fn local_options() -> Options {
    let quick = Options::new().set("mirror.reconnect-min-ms", 20).set("mirror.reconnect-max-ms", 200);
    quick.mirror("").set("appendonly", "yes")
}

impl AtWork {
    fn start(installed: &'static Installed) -> Self {
        Self::start_with(installed, Options::new(), local_options())
    }

    /// Both with a replica here, and a source whose backlog covers every gap.
    fn start_with(installed: &'static Installed, source: Options, local: Options) -> Self {
        let source = source.set("repl-backlog-size", "256mb");
        let mut at = Topology::start_with(installed, source, installed, local).expect("both servers start");
        at.add_replica().expect("a replica joins");
        for n in 0..100 {
            at.local.client().run(cmd!("SET", format!("own:{n}"), n));
        }
        let traffic = Some(traffic(&at.source));
        at.create("m", "DB 0 TO 1").expect("the mirror is created");
        at.wait_streaming("m").expect("the snapshot is applied");
        AtWork { at, traffic }
    }

    fn local(&self) -> &Server {
        &self.at.local
    }

    fn status(&self) -> Status {
        Status::read(&mut self.at.local.client(), "m").expect("the mirror has a status")
    }

    fn applied(&self) -> i64 {
        self.status().number("applied_offset")
    }

    /// Waits until the mirror has gone on from where it is.
    fn wait_progress(&self) {
        let before = self.applied();
        wait::wait_until("the mirror goes on", || self.applied() > before);
    }

    fn wait_gate(&self, word: &str) {
        wait::wait_for(&format!("the gate to be {word}"), || match self.status().text("gate") {
            seen if seen == word => Ok(()),
            seen => Err(seen),
        });
    }

    /// With the gate closed nothing is applied, however much arrives.
    fn assert_stands_still(&self) {
        let (applied, read) = (self.applied(), self.status().number("bytes_read"));
        wait::wait_until("more arrives", || self.status().number("bytes_read") > read + 100_000);
        assert_eq!(self.applied(), applied);
    }

    fn stop_traffic(&mut self) {
        for traffic in self.traffic.take().into_iter().flatten() {
            traffic.stop();
        }
    }

    /// Server, mirror, replica and own keys are as they should be, after so many full resyncs.
    fn assert_exact(&mut self, full_resyncs: i64) {
        self.assert_equal();
        let status = self.status();
        assert_eq!(status.number("full_resyncs"), full_resyncs, "{status:?}\n{}", self.at.local.log_tail());
    }

    /// The same, after however many.
    fn assert_equal(&mut self) {
        self.stop_traffic();
        let tail = || self.at.local.log_tail();
        wait_applied(&mut self.at.local.client(), "m", wait::PATIENCE)
            .unwrap_or_else(|error| panic!("{error}\n{}", tail()));
        assert_mirrored(&self.at.source, &self.at.local);
        self.assert_own_keys();
        let status = self.status();
        assert_eq!((status.text("consistent").as_str(), status.text("gate").as_str()), ("yes", "open"));
        for replica in &self.at.replicas {
            assert_follows(&self.at.local, replica);
        }
        assert!(self.at.local.is_running());
    }

    fn assert_own_keys(&self) {
        let mut client = self.at.local.client();
        assert_eq!(client.int("DBSIZE"), 100);
        for n in 0..100 {
            assert_eq!(client.text(cmd!("GET", format!("own:{n}"))), n.to_string());
        }
    }
}

/// Two that write to the same keys.
fn traffic(to: &Server) -> [Traffic; 2] {
    [Traffic::start(to.address()), Traffic::start(to.address())]
}

fn assert_mirrored(source: &Server, local: &Server) {
    digest::assert_mirrored(source, local, &Mapping::identity().db(0, 1));
}

/// A native replica holds what its primary does.
fn assert_follows(primary: &Server, replica: &Server) {
    wait::wait_until("the replica has everything", || {
        // A restarted primary takes another id when its first replica comes.
        let (end, seen) = (primary.info("replication"), replica.info("replication"));
        let is_same = |field| seen.get(field) == end.get(field);
        seen.get("master_link_status") == Some("up")
            && is_same("master_replid")
            && seen.number("master_repl_offset") >= end.number("master_repl_offset")
    });
    digest::assert_mirrored(primary, replica, &Mapping::identity());
}
