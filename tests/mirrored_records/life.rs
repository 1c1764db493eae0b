//! What else happens to a mirrored store: others write to it, its mirror ends, its mirror's server is mirrored back.

use redis_mirror_test_support::{
    Client, Server, Status, Topology, Value, any_server, cmd, wait, wait_applied,
};

use super::{assert_clean, installed, pairs, start, status, stores, wait_equal, with_module};

/// A field of RECORD.VERSIONS as text.
fn version_field(client: &mut Client, key: &str, field: &str) -> String {
    let versions = client.run(cmd!("RECORD.VERSIONS", key));
    let fields = versions.as_array().unwrap_or_default();
    let at = fields.iter().position(|name| name.as_text().as_deref() == Some(field)).expect("a field");
    fields[at + 1].to_string()
}

fn mirrored(at: &Topology) {
    for number in 0..20 {
        at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", number, "data"));
    }
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    wait_equal(&at.source, &at.local, "m", ("r:", "r:"));
}

#[test]
fn a_store_that_was_written_to_here_is_fetched_again() {
    let writes = [
        cmd!("RECORD.PUT", "r:one", "SET", "t", "mine", "data"),
        // No version is taken: the history is another all the same.
        cmd!("RECORD.LEASE", "r:one", "lock", "TRY", "me", 100_000),
        cmd!("RECORD.TRIM", "r:one", "KEEP", 3),
        cmd!("RECORD.CLEAR", "r:one"),
        cmd!("DEL", "r:one"),
        cmd!("SET", "r:one", "a string"),
    ];
    for (source, local) in pairs() {
        let at = start(source, local, with_module());
        mirrored(&at);
        for (number, write) in writes.iter().enumerate() {
            at.local.client().run(write.clone());
            at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", number, "changed"));
            wait_equal(&at.source, &at.local, "m", ("r:", "r:"));
            let repaired = status(&at.local).number("repaired");
            assert_eq!(repaired, number as i64 + 1, "{local}: {write:?}");
        }
        assert_clean(&at.local);
        assert!(status(&at.local).number("local_writes") >= writes.len() as i64);
    }
}

#[test]
fn a_local_write_is_found_after_a_restart_too() {
    let Some(local) = installed("redis86") else { return };
    let mut at = start(any_server(), local, with_module().durable());
    mirrored(&at);
    at.local.client().run(cmd!("RECORD.LEASE", "r:one", "lock", "TRY", "me", 100_000));
    at.local.kill_and_resume();
    at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", 1, "changed"));
    wait_equal(&at.source, &at.local, "m", ("r:", "r:"));
    assert!(status(&at.local).number("repaired") > 0);
    assert_clean(&at.local);
}

/// While the mirror exists nothing ends here but by the source's word; afterwards the store is this server's.
#[test]
fn records_end_by_the_source_until_the_mirror_is_dropped() {
    for (source, local) in pairs() {
        let at = start(source, local, with_module());
        mirrored(&at);
        at.source.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", "brief", "data", "PX", 1500));
        wait_applied(&mut at.local.client(), "m", wait::PATIENCE).expect("applied");
        // The source says nothing more: its record's end does not come here.
        at.source.freeze();
        let gone =
            |server: &Server| server.client().run(cmd!("RECORD.GET", "r:one", "t", "brief")) == Value::Nil;
        wait::wait_until("its time is over here", || gone(&at.local));
        assert_eq!(version_field(&mut at.local.client(), "r:one", "version"), "21", "hidden, not deleted");
        let epoch = version_field(&mut at.local.client(), "r:one", "epoch");
        at.local.client().run(cmd!("MIRROR.DROP", "m"));
        wait::wait_until("this server ends it", || {
            version_field(&mut at.local.client(), "r:one", "version") == "22"
        });
        assert_ne!(version_field(&mut at.local.client(), "r:one", "epoch"), epoch, "a history of its own");
        at.source.thaw();
        at.local.client().run(cmd!("RECORD.PUT", "r:one", "SET", "t", 1, "mine"));
        assert_eq!(version_field(&mut at.local.client(), "r:one", "version"), "23");
    }
}

#[test]
fn servers_that_mirror_each_other_get_each_change_once() {
    let (Some(one), Some(other)) = (installed("redis70"), installed("valkey9")) else { return };
    let one = Server::start(one, with_module());
    let other = Server::start(other, with_module());
    // No filter stands between them: only the origins of what comes tell that it is their own.
    one.client().run(cmd!("MIRROR.CREATE", "m", other.url()));
    other.client().run(cmd!("MIRROR.CREATE", "m", one.url()));
    for server in [&one, &other] {
        Status::wait_state(&mut server.client(), "m", "streaming", wait::PATIENCE).expect("it streams");
    }
    for number in 0..100 {
        one.client().run(cmd!("RECORD.PUT", "one:r", "SET", "t", number % 9, "data"));
        other.client().run(cmd!("RECORD.PUT", "other:r", "SET", "t", number % 9, "data"));
    }
    wait_equal(&one, &other, "m", ("one:", "one:"));
    wait_equal(&other, &one, "m", ("other:", "other:"));
    for (server, own) in [(&one, "one:r"), (&other, "other:r")] {
        assert_eq!(version_field(&mut server.client(), own, "version"), "100");
        assert_eq!(status(server).number("operations"), 100, "only what the other wrote itself");
        // STATUS hears of it a little later.
        wait::wait_until("what was its own came back and was dropped", || {
            status(server).number("looped") > 0
        });
        assert_clean(server);
    }
    assert_eq!(stores(&mut one.client(), ""), stores(&mut other.client(), ""));
}

/// What ends here goes to the source, which mirrors this server too, though a mirror writes at the same time: in one
/// transaction with the mirror's own writes it would look as if the source had ended it.
#[test]
fn what_ends_here_is_not_taken_for_the_sources_word() {
    let (Some(one), Some(other)) = (installed("redis70"), installed("valkey9")) else { return };
    let one = Server::start(one, with_module());
    let other = Server::start(other, with_module());
    one.client().run(cmd!("MIRROR.CREATE", "m", other.url(), "MATCH", "plain:*"));
    other.client().run(cmd!("MIRROR.CREATE", "m", one.url(), "MATCH", "r:*"));
    for server in [&one, &other] {
        Status::wait_state(&mut server.client(), "m", "streaming", wait::PATIENCE).expect("it streams");
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = other.client();
            (0..6_000)
                .for_each(|number| drop(client.run(cmd!("SET", format!("plain:{}", number % 100), number))));
        });
        let mut client = one.client();
        for number in 0..2_000 {
            client.run(cmd!("RECORD.PUT", "r:s", "SET", "t", number, "x", "PX", 1 + number % 20));
        }
    });
    wait::wait_until("all have ended", || {
        one.client().run("RECORD.TYPES r:s").as_array().is_some_and(<[_]>::is_empty)
    });
    wait_equal(&one, &other, "m", ("r:", "r:"));
    assert_eq!(status(&other).number("repaired"), 0, "nothing had to be fetched again");
}
