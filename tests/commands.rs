//! The commands as a client meets them: replies, errors, rights.

use std::io::{Read, Write};

use redis_mirror_test_support::{Options, Server, Status, Topology, Value, any_server, cmd, servers, wait};

/// Whether a text stands anywhere in a reply.
fn holds_text(value: &Value, text: &[u8]) -> bool {
    match value {
        Value::Bytes(bytes) => bytes.windows(text.len()).any(|window| window == text),
        Value::Array(items) => items.iter().any(|item| holds_text(item, text)),
        Value::Map(pairs) => pairs.iter().any(|(key, item)| holds_text(key, text) || holds_text(item, text)),
        _ => false,
    }
}

fn local() -> Server {
    Server::start(any_server(), Options::new().mirror(""))
}

#[test]
fn the_module_loads_on_every_server_and_documents_its_commands() {
    for installed in servers() {
        let server = Server::start(installed, Options::new().mirror(""));
        let mut client = server.client();
        for name in ["create", "drop", "pause", "resume", "resync", "list", "status", "wait"] {
            let docs = client.run(cmd!("COMMAND", "DOCS", format!("mirror.{name}")));
            assert!(holds_text(&docs, b"summary"), "{} {name}: {docs:?}", installed.name);
        }
        assert!(client.texts(cmd!("MIRROR.LIST")).is_empty());
        assert_eq!(client.int(cmd!("DBSIZE")), 0);
    }
}

#[test]
fn bad_input_is_refused_by_name_and_changes_nothing() {
    let server = local();
    let mut client = server.client();
    let cases: &[(&[&str], &str)] = &[
        (&["m"], "wrong number of arguments"),
        (&["m", "http://x"], "URL"),
        (&["m", "redis://user:hush@127.0.0.1"], "holds a password"),
        (&["m", "redis://user@127.0.0.1"], "AUTH FILE or AUTH ENV"),
        (&["m", "redis://127.0.0.1:99999"], "port"),
        (&["m", "redis+sentinel://127.0.0.1"], "not supported yet"),
        (&["bad name", "redis://127.0.0.1"], "name"),
        (&["m", "redis://127.0.0.1", "NONSENSE"], "unknown option"),
        (&["m", "redis://127.0.0.1", "METHOD", "SCAN"], "not supported yet"),
        (&["m", "redis://127.0.0.1", "TLS", "INSECURE"], "rediss://"),
        (&["m", "rediss://127.0.0.1", "TLS", "MAYBE"], "TLS is followed by"),
        (&["m", "rediss://127.0.0.1", "TLS", "CA", "../ca.pem"], "folder for secrets"),
        (&["m", "redis://127.0.0.1", "AUTH", "ENV", "PATH"], "MIRROR_"),
        (&["m", "redis://127.0.0.1", "DB", "x"], "db number"),
        (&["m", "redis://127.0.0.1", "DB", "0", "DB", "0"], "twice"),
        (&["m", "redis://127.0.0.1", "PREFIX"], "lacks an argument"),
        (&["m", "redis://127.0.0.1", "STRIP", "a", "STRIP", "b"], "twice"),
    ];
    for (words, expected) in cases {
        let refusal = client.refusal(cmd!("MIRROR.CREATE").args(words.iter().copied()));
        assert!(refusal.contains(expected), "{words:?}: {refusal}");
        assert!(!refusal.contains("hush"), "{refusal}");
    }
    for command in ["MIRROR.STATUS", "MIRROR.DROP", "MIRROR.PAUSE", "MIRROR.RESUME", "MIRROR.RESYNC"] {
        assert!(client.refusal(cmd!(command, "nobody")).contains("no such mirror"));
    }
    assert!(client.refusal(cmd!("MIRROR.WAIT", "nobody", 10)).contains("no such mirror"));
    assert!(client.refusal(cmd!("MIRROR.WAIT", "nobody", "soon")).contains("integer"));
    assert!(client.texts(cmd!("MIRROR.LIST")).is_empty());
}

#[test]
fn clients_may_not_say_how_far_a_mirror_is() {
    let server = local();
    let mut client = server.client();
    client.run(cmd!("MIRROR.CREATE", "m", "redis://127.0.0.1:1", "PAUSED"));
    let id = "a".repeat(40);
    let checkpoint = cmd!("MIRROR.CHECKPOINT", 1, "m", "streaming", id.as_str(), 5, 0, id.as_str(), "1,0,0");
    assert!(client.refusal(checkpoint).contains("internal"));
    assert!(client.refusal(cmd!("MIRROR.STATE", 1, "DROP", "m")).contains("internal"));
    assert_eq!(client.texts(cmd!("MIRROR.LIST")), ["m"]);
}

#[test]
fn scopes_that_meet_and_names_that_exist_are_refused() {
    let server = local();
    let mut client = server.client();
    client.run(cmd!("MIRROR.CREATE", "a", "redis://127.0.0.1:1", "PREFIX", "x:", "PAUSED"));
    assert!(client.refusal(cmd!("MIRROR.CREATE", "a", "redis://127.0.0.1:1")).contains("exists"));
    let refusal = client.refusal(cmd!("MIRROR.CREATE", "b", "redis://127.0.0.1:1", "PREFIX", "x:y:"));
    assert!(refusal.contains("overlaps") && refusal.contains("mirror a"), "{refusal}");
    client.run(cmd!("MIRROR.CREATE", "b", "redis://127.0.0.1:1", "PREFIX", "y:", "PAUSED"));
    assert_eq!(client.texts(cmd!("MIRROR.LIST")), ["a", "b"]);
    client.run(cmd!("MIRROR.DROP", "a"));
    assert_eq!(client.texts(cmd!("MIRROR.LIST")), ["b"]);
}

#[test]
fn cluster_mode_and_aof_without_preamble_are_refused() {
    let server = Server::start(any_server(), Options::new().mirror("").set("cluster-enabled", "yes"));
    let refusal = server.client().refusal(cmd!("MIRROR.CREATE", "m", "redis://127.0.0.1:1"));
    assert!(refusal.contains("cluster"), "{refusal}");
    let options = Options::new().mirror("").durable().set("aof-use-rdb-preamble", "no");
    let server = Server::start(any_server(), options);
    let refusal = server.client().refusal(cmd!("MIRROR.CREATE", "m", "redis://127.0.0.1:1"));
    assert!(refusal.contains("aof-use-rdb-preamble"), "{refusal}");
}

#[test]
fn an_unreachable_source_is_a_state_with_an_error() {
    let server = local();
    let mut client = server.client();
    client.run(cmd!("MIRROR.CREATE", "m", "redis://127.0.0.1:1"));
    let status = Status::wait_state(&mut client, "m", "backing-off", wait::PATIENCE).expect("it backs off");
    assert!(status.text("last_error").contains("cannot connect"), "{status:?}");
    assert_eq!(status.number("full_resyncs"), 0);
}

#[test]
fn this_server_itself_is_no_source() {
    let server = local();
    let mut client = server.client();
    client.run(cmd!("MIRROR.CREATE", "m", server.url(), "PREFIX", "x:"));
    let status = Status::wait_state(&mut client, "m", "failed", wait::PATIENCE).expect("it fails");
    assert!(status.text("last_error").contains("this server"), "{status:?}");
}

/// The history of a replica of this server is this server's own.
#[test]
fn a_replica_of_this_server_is_no_source() {
    let server = local();
    let replica = Server::start(any_server(), Options::new().mirror(""));
    replica.replicate(server.address());
    let mut client = server.client();
    client.run(cmd!("SET", "own", 1));
    client.run(cmd!("MIRROR.CREATE", "m", replica.url(), "PREFIX", "x:"));
    let status = Status::wait_state(&mut client, "m", "failed", wait::PATIENCE).expect("it fails");
    assert!(status.text("last_error").contains("this server"), "{status:?}");
    assert_eq!(client.int(cmd!("DBSIZE")), 1);
}

#[test]
fn a_source_that_loads_its_data_is_waited_for() {
    let installed = any_server();
    let mut source = Server::start(installed, Options::new());
    source.client().run(cmd!("DEBUG", "POPULATE", 3000));
    source.client().run(cmd!("SAVE"));
    let slow = source
        .options_mut()
        .clone()
        .set("key-load-delay", 500)
        .set("loading-process-events-interval-bytes", 1024);
    *source.options_mut() = slow;
    source.kill();
    let server = Server::start(
        installed,
        Options::new().mirror("").set("mirror.reconnect-max-ms", 100).set("mirror.reconnect-min-ms", 100),
    );
    let mut client = server.client();
    client.run(cmd!("MIRROR.CREATE", "m", source.url()));
    std::thread::scope(|scope| {
        scope.spawn(|| source.resume());
        wait::wait_until("the source is seen loading", || {
            Status::read(&mut client, "m").expect("status").text("last_error").contains("loading")
        });
    });
    Status::wait_state(&mut client, "m", "streaming", wait::PATIENCE).expect("it streams");
    assert_eq!(client.int(cmd!("DBSIZE")), 3000);
}

/// Whoever answers something else is told apart, and none of its words are repeated.
#[test]
fn a_peer_that_is_no_redis_is_told() {
    for (greeting, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\nServer: hush\r\n\r\n"[..], "may be no Redis or Valkey server"),
        (b"SSH-2.0-hush\r\n", "may be no Redis or Valkey server"),
        (b"", "closed the connection"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let server = local();
        let mut client = server.client();
        client.run(cmd!("MIRROR.CREATE", "m", format!("redis://{address}")));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut peer, _) = listener.accept().expect("somebody comes");
                let _sent = peer.write_all(greeting);
                let _what_it_wants = peer.read(&mut [0; 100]);
            });
            let told = || Status::read(&mut server.client(), "m").expect("status").text("last_error");
            wait::wait_for(&format!("{words:?}"), || match told() {
                text if text.contains(words) => Ok(()),
                text => Err(text),
            });
            assert!(!told().contains("hush"));
        });
        client.run(cmd!("MIRROR.DROP", "m"));
    }
}

#[test]
fn passwords_are_used_kept_secret_and_asked_for_again() {
    let server = any_server();
    let source = Options::new().set("requirepass", "s3cr3t-word");
    let local = Options::new().durable();
    let source = Server::start(server, source);
    let mut local = Server::start(server, local.mirror("").set("slowlog-log-slower-than", 0));
    let mut client = local.client();
    client.run(cmd!("MIRROR.CREATE", "bad", source.url(), "PREFIX", "bad:"));
    let status = Status::wait_state(&mut client, "bad", "failed", wait::PATIENCE).expect("it fails");
    assert!(status.text("last_error").contains("authentication"), "{status:?}");
    client.run(cmd!("MIRROR.CREATE", "m", source.url(), "AUTH", "default", "s3cr3t-word", "PREFIX", "m:"));
    Status::wait_state(&mut client, "m", "streaming", wait::PATIENCE).expect("it streams");
    for told in [cmd!("SLOWLOG", "GET", -1), cmd!("MIRROR.STATUS"), cmd!("INFO", "everything")] {
        assert!(!holds_text(&client.run(told), b"s3cr3t"));
    }
    local.kill_and_resume();
    assert!(!local.log().contains("s3cr3t"));
    let aof = std::fs::read_dir(local.dir().join("appendonlydir")).expect("there is an AOF");
    for file in aof.flatten() {
        let bytes = std::fs::read(file.path()).expect("it can be read");
        assert!(!bytes.windows(6).any(|window| window == b"s3cr3t"), "{:?}", file.path());
    }
    let mut client = local.client();
    Status::wait_state(&mut client, "m", "needs-credentials", wait::PATIENCE).expect("it waits");
    client.run(cmd!("MIRROR.RESUME", "m", "AUTH", "default", "s3cr3t-word"));
    Status::wait_state(&mut client, "m", "streaming", wait::PATIENCE).expect("it streams again");
}

#[test]
fn pause_resume_and_wait() {
    let at = Topology::start(any_server(), any_server()).expect("both servers start");
    let (mut source, mut local) = (at.source.client(), at.local.client());
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    local.run(cmd!("MIRROR.PAUSE", "m"));
    assert_eq!(Status::read(&mut local, "m").expect("status").state(), "paused");
    assert!(local.refusal(cmd!("MIRROR.WAIT", "m", 10)).contains("no link"));
    source.run(cmd!("SET", "k", "v"));
    local.run(cmd!("MIRROR.RESUME", "m"));
    redis_mirror_test_support::wait_applied(&mut local, "m", wait::PATIENCE).expect("the write arrives");
    assert_eq!(local.text(cmd!("GET", "k")), "v");
    let status = Status::read(&mut local, "m").expect("status");
    assert_eq!((status.number("full_resyncs"), status.number("partial_resyncs")), (1, 1));
    let far = status.number("applied_offset") + 1_000_000;
    assert_eq!(local.run(cmd!("MIRROR.WAIT", "m", 20, "OFFSET", far)), Value::Nil);
    local.run(cmd!("MIRROR.RESYNC", "m"));
    wait::wait_until("the resync is over", || {
        let status = Status::read(&mut local, "m").expect("status");
        status.number("full_resyncs") == 2 && status.state() == "streaming"
    });
    at.assert_exact("m");
    assert!(local.text(cmd!("INFO", "mirror")).contains("full_resyncs=2"));
}

#[test]
fn two_servers_mirror_each_other_without_feeding_each_other() {
    let installed = any_server();
    let options = || Options::new().durable().mirror("").set("repl-ping-replica-period", 1);
    let (a, b) = (Server::start(installed, options()), Server::start(installed, options()));
    a.client().run(cmd!("MIRROR.CREATE", "b", b.url(), "MATCH", "b:*"));
    b.client().run(cmd!("MIRROR.CREATE", "a", a.url(), "MATCH", "a:*"));
    for number in 0..2_000 {
        a.client().run(cmd!("INCR", format!("a:{}", number % 10)));
        b.client().run(cmd!("INCR", format!("b:{}", number % 10)));
    }
    redis_mirror_test_support::wait_applied(&mut a.client(), "b", wait::PATIENCE)
        .expect("everything is applied");
    redis_mirror_test_support::wait_applied(&mut b.client(), "a", wait::PATIENCE)
        .expect("everything is applied");
    for number in 0..10 {
        for key in [format!("a:{number}"), format!("b:{number}")] {
            assert_eq!(a.client().text(cmd!("GET", key.as_str())), "200");
            assert_eq!(b.client().text(cmd!("GET", key.as_str())), "200");
        }
    }
    let offset = |server: &Server| server.info("replication").number("master_repl_offset").unwrap_or(0);
    let before = (offset(&a), offset(&b));
    // Three pings each way, and hardly more: neither answers the other's bytes with bytes.
    wait::wait_until("pings flow", || offset(&a) >= before.0 + 42 && offset(&b) >= before.1 + 42);
    assert!(offset(&a) - before.0 < 1_000 && offset(&b) - before.1 < 1_000, "{before:?}");
}

/// The walk must not go on over a mirror that was created anew meanwhile.
#[test]
fn a_mirror_that_is_being_purged_is_not_dropped_beside() {
    let at = Topology::start(any_server(), any_server()).expect("both servers start");
    at.source.client().run(cmd!("EVAL", "for i = 1, 100000 do redis.call('SET', i, i) end", 0));
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    let mut local = at.local.client();
    std::thread::scope(|scope| {
        let purge = scope.spawn(|| at.local.client().int(cmd!("MIRROR.DROP", "m", "PURGE")));
        wait::wait_until("the purge has begun", || local.int(cmd!("DBSIZE")) < 100_000);
        let refused = local.refusal(cmd!("MIRROR.DROP", "m"));
        assert!(refused.contains("purged already"), "{refused}");
        assert_eq!(purge.join().expect("the purge is answered"), 100_000);
    });
    assert!(local.texts(cmd!("MIRROR.LIST")).is_empty());
}

/// Waits that are over take no place, also while nothing is applied.
#[test]
fn waits_that_timed_out_are_forgotten() {
    let local = local();
    local.client().run(cmd!("MIRROR.CREATE", "m", "redis://127.0.0.1:1"));
    let connect = |_| std::net::TcpStream::connect(local.address()).expect("the server takes clients");
    let mut clients: Vec<_> = (0..400).map(connect).collect();
    for _ in 0..26 {
        for client in &mut clients {
            client.write_all(b"MIRROR.WAIT m 1\r\n").expect("the server reads");
        }
        for client in &mut clients {
            let mut reply = [0; 5];
            client.read_exact(&mut reply).expect("the server answers");
            assert_eq!(&reply, b"$-1\r\n", "{}", String::from_utf8_lossy(&reply));
        }
    }
}
