//! Snapshots on demand.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Server, servers};

use super::{is_since_7_2, on_each_probe, probe_options};

/// Whether this server has them; otherwise the error is as documented.
fn is_supported(server: &Server, client: &mut Client) -> bool {
    if is_since_7_2(server.installed()) {
        return true;
    }
    for command in ["TP.SAVE x.rdb", "TP.LOAD x.rdb"] {
        let refusal = client.refusal(command);
        assert!(refusal.contains("it came with Redis 7.2 and Valkey 7.2"), "{refusal}");
    }
    false
}

fn fill(client: &mut Client) {
    client.run("TP.SET key text 1.5 2.5 part");
    client.run("SET string value");
    client.run("SADD set a b c");
    client.run("SELECT 5");
    client.run("SET other value");
    client.run("SELECT 0");
}

#[test]
fn a_data_set_is_saved_and_loaded() {
    on_each_probe(|server, client| {
        if !is_supported(server, client) {
            return;
        }
        fill(client);
        let digest = client.text("DEBUG DIGEST");
        client.run("TP.SAVE on-demand.rdb");
        assert!(server.dir().join("on-demand.rdb").exists(), "relative to the server's folder");
        client.run("SET more 1");
        client.run("DEL key");
        client.run("TP.LOAD on-demand.rdb");
        assert_eq!(client.text("DEBUG DIGEST"), digest);
        client.run("FLUSHALL");
        client.run("TP.LOAD on-demand.rdb LATER");
        wait_until("the timer", || client.texts("TP.JOURNAL").contains(&"later: OK".into()));
        assert_eq!(client.text("DEBUG DIGEST"), digest);
    });
}

#[test]
fn a_file_that_can_t_be_loaded_leaves_the_data_as_it_is() {
    on_each_probe(|server, client| {
        if !is_supported(server, client) {
            return;
        }
        fill(client);
        client.run("TP.SAVE good.rdb");
        let digest = client.text("DEBUG DIGEST");
        let good = std::fs::read(server.dir().join("good.rdb")).expect("it was saved");
        let bad = server.dir().join("bad.rdb");
        let middle = good.len() / 2;
        let mut bent = good.clone();
        bent[middle] ^= 1;
        for content in
            [b"".as_slice(), b"REDIS", b"%s%n\0\xff", &good[..middle], &good[..good.len() - 1], &bent]
        {
            std::fs::write(&bad, content).expect("the folder is writable");
            assert!(client.refusal("TP.LOAD bad.rdb").contains("cut short, corrupt or without a checksum"));
        }
        assert!(client.refusal("TP.LOAD none.rdb").contains("open failed: errno 2"));
        assert!(client.refusal("TP.LOAD .").contains("failed: errno 21"));
        assert!(client.refusal("TP.SAVE /none/x.rdb").contains("RdbSave failed: errno 2"));
        client.refusal(Command::new("TP.SAVE").arg(b"\xff%s%n/\r\nx".as_slice()));
        assert_eq!(client.text("DEBUG DIGEST"), digest);
    });
}

#[test]
fn both_are_refused_where_they_would_pull_data_from_under_something() {
    on_each_probe(|server, client| {
        if !is_supported(server, client) {
            return;
        }
        fill(client);
        client.run("TP.SAVE good.rdb");
        for command in ["TP.SAVE good.rdb OPEN key", "TP.LOAD good.rdb OPEN key"] {
            assert!(client.refusal(command).contains("a key is open here"), "{command}");
        }
        for command in ["TP.SAVE", "TP.LOAD"] {
            client.run("MULTI");
            client.run(format!("{command} good.rdb"));
            let reply = client.run("EXEC");
            let refusal = reply.as_array().and_then(|all| all[0].error()).unwrap_or_default();
            assert!(refusal.contains("a script or a transaction is running"), "{reply:?}");
            let script = format!("return redis.pcall('{command}', 'good.rdb')");
            let refusal = client.refusal(Command::new("EVAL").arg(script.as_str()).arg("0"));
            assert!(refusal.contains("a script or a transaction is running"), "{refusal}");
        }
        client.run("REPLICAOF 127.0.0.1 1");
        client.run("CONFIG SET replica-read-only no");
        assert!(client.refusal("TP.LOAD good.rdb").contains("this server is a replica"));
        client.run("TP.SAVE replica.rdb");
        client.run("REPLICAOF NO ONE");
        client.run("TP.LOAD replica.rdb");
    });
}

#[test]
fn a_load_restarts_the_aof_and_drops_the_replicas() {
    for installed in servers().iter().filter(|installed| is_since_7_2(installed)) {
        let mut primary = Server::start(installed, probe_options().durable());
        let replica = Server::start(installed, probe_options());
        let mut client = primary.client();
        fill(&mut client);
        replica.replicate(primary.address());
        client.run("TP.SAVE good.rdb");
        client.run("FLUSHALL");
        client.run("TP.LOAD good.rdb");
        client.run("SET after load");
        let digest = client.text("DEBUG DIGEST");
        let mut two = replica.client();
        wait_until("the replica has the same", || two.text("DEBUG DIGEST") == digest);
        wait_until("the rewrite ends", || {
            let info = primary.info("persistence");
            info.number("aof_rewrite_in_progress") == Some(0)
                && info.number("aof_rewrite_scheduled") == Some(0)
        });
        primary.kill_and_resume();
        assert_eq!(primary.client().text("DEBUG DIGEST"), digest, "{installed}");
    }
}

#[test]
fn a_panic_in_a_save_leaves_no_file() {
    on_each_probe(|server, client| {
        if !is_supported(server, client) {
            return;
        }
        client.run("TP.SET key panic:save 1 1");
        assert!(client.refusal("TP.SAVE bad.rdb").contains("panicked"));
        assert!(!server.dir().join("bad.rdb").exists());
        client.run("DEL key");
        client.run("TP.SAVE good.rdb");
    });
}
