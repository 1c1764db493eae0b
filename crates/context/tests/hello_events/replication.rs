//! Roles: what a replica is told, and that it is not written to.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Server, servers};

use crate::{journal, journal_with, options, position};

#[test]
fn roles_replicas_and_links_are_told() {
    for installed in servers() {
        let (primary, replica) = (Server::start(installed, options()), Server::start(installed, options()));
        let (mut at_primary, mut at_replica) = (primary.client(), replica.client());
        replica.replicate(primary.address());
        journal_with(&mut at_primary, "replica Online");
        wait_until("the link is up", || journal(&mut at_replica).contains(&"link Up".to_owned()));
        let lines = journal(&mut at_replica);
        position(&lines, "role Replica id 40 primary true");
        position(&lines, "loading Started(Primary)");

        at_replica.run("HE.POST incr:n");
        journal_with(&mut at_replica, "posted incr Replica");
        at_primary.run("HE.POST incr:n");
        wait_until("the write arrives", || at_replica.bytes("GET n").as_deref() == Some(b"1"));

        at_replica.run("REPLICAOF NO ONE");
        journal_with(&mut at_replica, "role Primary id 40 primary false");
        journal_with(&mut at_primary, "replica Offline");
        at_replica.run("HE.POST incr:n");
        journal_with(&mut at_replica, "posted incr true");
    }
}
