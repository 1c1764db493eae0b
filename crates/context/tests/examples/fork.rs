//! `examples/fork`.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Server};

use crate::acl_auth::on_each_server_with;
use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["fork"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("MSET a 1 b 2");
    client.run("RPUSH list x");
    client.run("CENSUS.START");
    wait_until("the keys are counted", || {
        client.bytes("CENSUS.SHOW").is_some_and(|shown| shown == b"list 1, string 2")
    });
    // The server asks after its children now and then.
    wait_until("the next can begin", || client.call("CENSUS.START").is_ok());
    assert!(client.refusal("CENSUS.START").contains("another child is running"));
    client.run("CENSUS.STOP");
    wait_until("the next can begin", || client.call("CENSUS.START").is_ok());
    client.run("CENSUS.STOP");
}

#[test]
fn the_comment_shows_what_happens() {
    crate::harness::on_each_server(&["fork"], drive);
}

fn ends(client: &mut Client, wanted: &str) {
    wait_until(wanted, || client.texts("OW.JOURNAL").iter().any(|line| line == wanted));
}

#[test]
fn the_end_of_a_child_is_told_once_with_its_code_or_its_signal() {
    on_each_server_with("odd_work", |server, client| {
        client.run("OW.FORK exit 7");
        ends(client, "end Exited(7)");
        client.run("OW.FORK panic");
        ends(client, "end Exited(101)");
        assert!(server.log().contains("in a child"));
        client.run("OW.FORK exit 255");
        ends(client, "end Killed(10)");
        let pid = client.int("OW.FORK hang");
        std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
        ends(client, "end Killed(9)");
        client.run("OW.FORK exit 9 DONEPANIC");
        ends(client, "end Exited(9)");
        wait_until("the panic is logged", || server.log().contains("at the end of a child"));
        assert!(!client.texts("OW.JOURNAL").contains(&"seen by nobody".to_owned()));
        assert_eq!(client.texts("OW.JOURNAL").iter().filter(|line| line.starts_with("end ")).count(), 5);
    });
}

#[test]
fn one_child_runs_at_a_time_and_a_killed_one_says_nothing() {
    on_each_server_with("odd_work", |server, client| {
        client.run("OW.FORK beat");
        assert!(client.refusal("OW.FORK exit 0").contains("another child is running"));
        assert!(
            client.refusal("BGSAVE").contains("in progress") || client.refusal("BGSAVE").contains("child")
        );
        assert_eq!(client.int("OW.KILL"), 1);
        assert_eq!(client.int("OW.KILL"), 0);
        assert!(server.log().contains("the captured is dropped"));
        assert!(client.texts("OW.JOURNAL").iter().all(|line| !line.starts_with("end ")));
        // While the server saves by itself.
        client.run("CONFIG SET rdb-key-save-delay 100000");
        for at in 0..100 {
            client.run(format!("SET k{at} x"));
        }
        client.run("BGSAVE");
        assert!(client.refusal("OW.FORK exit 0").contains("another child is running"));
    });
}

#[test]
fn a_heartbeat_reaches_info() {
    on_each_server_with("odd_work", |server, client| {
        client.run("OW.FORK beat");
        let percent = || server.info("persistence").get("current_fork_perc").unwrap_or_default().to_owned();
        wait_until("the child is heard", || percent().starts_with("25") || percent().starts_with("100"));
        client.run("OW.KILL");
    });
}
