//! Failovers and shutdowns, here and at the source.

use redis_mirror_test_support::{
    Options, Server, Status, Traffic, cmd, wait, wait::wait_until, wait_applied,
};

use super::{AtWork, assert_follows, assert_mirrored, local_options, on_all, traffic};

fn is_primary(server: &Server) -> bool {
    server.info("replication").get("role") == Some("master")
}

/// The mirror goes on where the clients go; the former primary closes its link.
#[test]
fn a_failover_here() {
    on_all(|server| {
        let mut at = AtWork::start(server);
        Traffic::wait_rounds(&at.at.source, 50);
        at.local().client().run("FAILOVER");
        wait_until("the replica is the primary", || {
            is_primary(&at.at.replicas[0]) && !is_primary(at.local())
        });
        Traffic::wait_rounds(&at.at.source, 50);
        at.stop_traffic();
        let promoted = &at.at.replicas[0];
        wait_applied(&mut promoted.client(), "m", wait::PATIENCE)
            .unwrap_or_else(|error| panic!("{error}\n{}", promoted.log_tail()));
        assert_mirrored(&at.at.source, promoted);
        let status = Status::read(&mut promoted.client(), "m").expect("status");
        assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
        assert_eq!(at.at.source.info("stats").number("sync_full"), Some(1));
        assert_eq!((at.status().state().as_str(), at.status().text("gate").as_str()), ("paused", "replica"));
        assert_follows(promoted, at.local());
        at.assert_own_keys();
        assert_eq!(at.at.source.info("replication").number("connected_slaves"), Some(1));
    });
}

/// FAILOVER without a target chooses the replica that is, and the stream goes on from the new history.
#[test]
fn failovers_at_the_source() {
    on_all(|server| {
        let mut at = AtWork::start(server);
        let second = Server::start(server, Options::new().set("repl-backlog-size", "256mb"));
        second.replicate(at.at.source.address());
        for to in ["", "TO"] {
            Traffic::wait_rounds(&at.at.source, 50);
            let failover = match to {
                "" => cmd!("FAILOVER"),
                _ => cmd!("FAILOVER", "TO", "127.0.0.1", second.port()),
            };
            at.at.source.client().run(failover);
            wait_until("the second is the primary", || is_primary(&second) && !is_primary(&at.at.source));
            at.stop_traffic();
            at.traffic = Some(traffic(&second));
            at.wait_progress();
            at.stop_traffic();
            // And back, for the next round.
            second.client().run("FAILOVER");
            wait_until("the first is the primary", || is_primary(&at.at.source) && !is_primary(&second));
            at.traffic = Some(traffic(&at.at.source));
            at.wait_progress();
        }
        assert!(is_primary(at.local()));
        at.assert_exact(1);
    });
}

/// The server waits for its replica and must not be written to meanwhile.
#[test]
fn a_shutdown_here_with_a_lagging_replica() {
    on_all(|server| {
        let mut at = AtWork::start_with(server, Options::new(), local_options().set("shutdown-timeout", 2));
        at.at.replicas[0].freeze();
        at.wait_progress();
        at.local().client().send(&cmd!("SHUTDOWN")).expect("it is sent");
        let ended = at.at.local.wait_end();
        assert!(ended.success(), "{ended}\n{}", at.at.local.log_tail());
        at.at.replicas[0].thaw();
        at.at.local.resume();
        at.wait_progress();
        at.assert_exact(1);
    });
}

/// A source that waits for its replica tells of its end, and keeps its history in its snapshot.
#[test]
fn a_shutdown_of_the_source_with_a_lagging_replica() {
    on_all(|server| {
        let source = Options::new().set("shutdown-timeout", 2).set("save", "3600 1000000");
        let mut at = AtWork::start_with(server, source, local_options());
        let second = Server::start(server, Options::new());
        second.replicate(at.at.source.address());
        second.freeze();
        at.wait_progress();
        at.stop_traffic();
        at.at.source.client().send(&cmd!("SHUTDOWN")).expect("it is sent");
        let ended = at.at.source.wait_end();
        assert!(ended.success(), "{ended}\n{}", at.at.source.log_tail());
        at.at.source.resume();
        at.traffic = Some(traffic(&at.at.source));
        at.wait_progress();
        at.assert_exact(1);
    });
}
