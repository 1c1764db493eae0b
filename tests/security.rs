//! Who may do what, and what nobody gets to see.

use std::net::Ipv4Addr;
use std::path::Path;

use redis_mirror_test_support::{
    Client, Family, Folder, Installed, Options, Server, Status, Value, any_server, cmd, servers, wait,
};

const PASSWORD: &str = "s3cr3t-word";

fn local(settings: &[(&str, &str)]) -> Server {
    let options = settings.iter().fold(Options::new().mirror(""), |all, (name, value)| all.set(name, value));
    Server::start(any_server(), options)
}

/// A client that is not this machine's own, as far as the server can tell.
fn stranger(server: &Server) -> Client {
    Client::connect_from(Ipv4Addr::new(127, 0, 0, 2), server.address()).expect("the server takes clients")
}

#[test]
fn mirrors_are_commanded_from_this_machine_unless_set_otherwise() {
    for installed in servers() {
        let server = Server::start(installed, Options::new().mirror(""));
        let (mut near, mut far) = (server.client(), stranger(&server));
        near.run(cmd!("MIRROR.CREATE", "m", "redis://10.0.0.1:1", "PAUSED"));
        for command in [
            cmd!("MIRROR.CREATE", "n", "redis://10.0.0.1:1", "PREFIX", "n:"),
            cmd!("MIRROR.DROP", "m"),
            cmd!("MIRROR.PAUSE", "m"),
            cmd!("MIRROR.RESUME", "m"),
            cmd!("MIRROR.RESYNC", "m"),
        ] {
            let refusal = far.refusal(command);
            assert!(refusal.starts_with("NOPERM") && refusal.contains("mirror.enable-create"), "{refusal}");
        }
        assert_eq!(far.texts(cmd!("MIRROR.LIST")), ["m"]);
        assert_eq!(Status::read(&mut far, "m").expect("status").state(), "paused");
        let refusal = near.refusal(cmd!("CONFIG", "SET", "mirror.enable-create", "yes"));
        assert!(refusal.contains("immutable"), "{refusal}");
    }
}

#[test]
fn nobody_or_everybody_may_create_mirrors() {
    let server = local(&[("mirror.enable-create", "no")]);
    let refusal = server.client().refusal(cmd!("MIRROR.CREATE", "m", "redis://10.0.0.1:1"));
    assert!(refusal.contains("mirror.enable-create is no"), "{refusal}");
    let server = local(&[("mirror.enable-create", "yes")]);
    stranger(&server).run(cmd!("MIRROR.CREATE", "m", "redis://10.0.0.1:1", "PAUSED"));
    // Who is elsewhere must not reach this machine's services by a mirror.
    let refusal =
        stranger(&server).refusal(cmd!("MIRROR.CREATE", "n", "redis://127.0.0.1:1", "PREFIX", "n:"));
    assert!(refusal.contains("an address of this machine"), "{refusal}");
}

#[test]
fn a_mirror_lends_no_rights() {
    for installed in servers() {
        let server = Server::start(installed, Options::new().mirror(""));
        server.client().run(cmd!("ACL", "SETUSER", "bob", "on", ">x", "+@all", "~b:*", "%R~*", "%W~w:*"));
        let mut bob = server.client();
        bob.run(cmd!("AUTH", "bob", "x"));
        for (name, options) in
            [("a", ""), ("b", "PREFIX a:"), ("c", "MATCH b*"), ("d", "MATCH b:* MATCH c:*")]
        {
            let words = options.split_whitespace();
            let refusal =
                bob.refusal(cmd!("MIRROR.CREATE", name, "redis://10.0.0.1:1", "PAUSED").args(words));
            assert!(refusal.starts_with("NOPERM") && refusal.contains("may not write all keys"), "{refusal}");
        }
        for (name, options) in [("e", "PREFIX b:e:"), ("f", "MATCH b:f:*"), ("g", "PREFIX w:")] {
            let words = options.split_whitespace();
            bob.run(cmd!("MIRROR.CREATE", name, "redis://10.0.0.1:1", "PAUSED").args(words));
        }
        // There the command itself has to be named.
        let right = if knows_categories(installed) { "-@admin" } else { "-mirror.create" };
        server.client().run(cmd!("ACL", "SETUSER", "eve", "on", ">x", "+@all", right, "~*"));
        let mut eve = server.client();
        eve.run(cmd!("AUTH", "eve", "x"));
        let refusal = eve.refusal(cmd!("MIRROR.CREATE", "x", "redis://10.0.0.1:1"));
        assert!(refusal.starts_with("NOPERM"), "{installed}: {refusal}");
        assert_eq!(server.client().texts(cmd!("MIRROR.LIST")), ["e", "f", "g"]);
        // Nor by commanding those of others.
        server.client().run(cmd!("MIRROR.CREATE", "h", "redis://10.0.0.1:1", "PREFIX", "h:", "PAUSED"));
        for command in [
            cmd!("MIRROR.DROP", "h", "PURGE"),
            cmd!("MIRROR.DROP", "h"),
            cmd!("MIRROR.RESYNC", "h"),
            cmd!("MIRROR.RESUME", "h"),
            cmd!("MIRROR.PAUSE", "h"),
        ] {
            let refusal = bob.refusal(command);
            assert!(refusal.contains("may not write all keys"), "{refusal}");
        }
        bob.run(cmd!("MIRROR.DROP", "e", "PURGE"));
    }
}

/// Valkey 9.1 grants dbs as well as keys.
#[test]
fn a_mirror_lends_no_dbs() {
    for installed in servers() {
        let server = Server::start(installed, Options::new().mirror(""));
        let mut client = server.client();
        if client.call(cmd!("ACL", "SETUSER", "bob", "on", ">x", "+@all", "~*", "db=0,3")).is_err() {
            continue;
        }
        client.run(cmd!("AUTH", "bob", "x"));
        for options in ["", "DB 0 DB 1", "DB 0 TO 5"] {
            let words = options.split_whitespace();
            let refusal = client.refusal(cmd!("MIRROR.CREATE", "m", "redis://10.0.0.1:1").args(words));
            assert!(refusal.contains("may not use all dbs"), "{installed}: {refusal}");
        }
        client.run(cmd!("MIRROR.CREATE", "m", "redis://10.0.0.1:1", "PAUSED", "DB", 7, "TO", 3));
    }
}

/// Redis 7.0 knows no categories of modules' commands.
fn knows_categories(installed: &Installed) -> bool {
    let version = &installed.version;
    version.family == Family::Valkey || (version.major, version.minor) >= (7, 2)
}

#[test]
fn the_commands_have_categories() {
    for installed in servers().iter().filter(|installed| knows_categories(installed)) {
        let server = Server::start(installed, Options::new().mirror(""));
        let mut client = server.client();
        for (name, categories) in [
            ("mirror.create", &["@mirror", "@admin", "@dangerous"][..]),
            ("mirror.status", &["@mirror", "@admin", "@fast"]),
            ("mirror.wait", &["@mirror", "@blocking"]),
        ] {
            let told = client.run(cmd!("COMMAND", "INFO", name)).to_string();
            let lacks = categories.iter().find(|category| !told.contains(*category));
            assert_eq!(lacks, None, "{installed}: {told}");
        }
    }
}

/// Key names are data: STATUS names keys in quarantine to who may read them.
#[test]
fn status_names_keys_to_who_may_read_them() {
    let Some(newer) = servers().iter().find(|server| server.name == "redis86") else {
        println!("skipped: redis86 is not installed");
        return;
    };
    let Some(older) = servers().iter().find(|server| server.name == "redis70") else {
        println!("skipped: redis70 is not installed");
        return;
    };
    let source = Server::start(newer, Options::new());
    source.client().run(cmd!("HSET", "hidden:h", "f", "v"));
    source.client().run(cmd!("HEXPIRE", "hidden:h", 1000, "FIELDS", 1, "f"));
    let server = Server::start(older, Options::new().mirror(""));
    let mut admin = server.client();
    admin.run(cmd!("MIRROR.CREATE", "m", source.url()));
    wait::wait_until("the key is in quarantine", || {
        Status::read(&mut admin, "m").expect("status").text("quarantined_keys").contains("hidden:h")
    });
    admin.run(cmd!("ACL", "SETUSER", "bob", "on", ">x", "+@all", "~b:*"));
    let mut bob = server.client();
    bob.run(cmd!("AUTH", "bob", "x"));
    let status = Status::read(&mut bob, "m").expect("status");
    assert_eq!(status.number("quarantined"), 1);
    assert!(!status.text("quarantined_keys").contains("hidden:h"), "{status:?}");
}

#[test]
fn sources_are_those_on_the_list() {
    let source = Server::start(any_server(), Options::new());
    let listed = format!("localhost:{} 10.*:6379", source.port());
    let server = local(&[("mirror.allow-sources", &format!("\"{listed}\""))]);
    let mut client = server.client();
    for (url, words) in [
        ("redis://127.0.0.1:1", "mirror.allow-sources does not allow"),
        ("redis://10.0.0.1:6380", "mirror.allow-sources does not allow"),
        ("redis://[fe80::1]", "mirror.allow-sources does not allow"),
    ] {
        let refusal = client.refusal(cmd!("MIRROR.CREATE", "m", url));
        assert!(refusal.contains(words), "{url}: {refusal}");
    }
    client.run(cmd!("MIRROR.CREATE", "name", format!("redis://localhost:{}", source.port()), "PREFIX", "n:"));
    Status::wait_state(&mut client, "name", "streaming", wait::PATIENCE).expect("it streams");
    client.run(cmd!("MIRROR.CREATE", "other", "redis://localhost:1", "PREFIX", "o:"));
    let status = Status::wait_state(&mut client, "other", "failed", wait::PATIENCE).expect("it fails");
    assert!(status.text("last_error").contains("mirror.allow-sources does not allow"), "{status:?}");
    let refusal = client.refusal(cmd!("CONFIG", "SET", "mirror.allow-sources", ""));
    assert!(refusal.contains("protected"), "{refusal}");
    for url in
        ["redis://169.254.169.254", "redis://[fe80::1]", "redis://0.0.0.0", "redis://[::ffff:169.254.1.1]"]
    {
        let refusal = local(&[]).client().refusal(cmd!("MIRROR.CREATE", "m", url));
        assert!(refusal.contains("address"), "{url}: {refusal}");
    }
}

/// Everything a server writes down or tells: files, logs, replies.
fn everything_told(server: &Server, source: &Server) -> Vec<(String, Vec<u8>)> {
    let mut client = server.client();
    client.run(cmd!("SAVE"));
    let mut told: Vec<(String, Vec<u8>)> = [
        "INFO everything",
        "INFO mirror",
        "MIRROR.STATUS",
        "MIRROR.LIST",
        "SLOWLOG GET -1",
        "COMMANDLOG GET -1 slow",
        "COMMANDLOG GET -1 large-request",
        "LATENCY LATEST",
        "ACL LOG",
        "CLIENT LIST",
        "CONFIG GET *",
        "MEMORY STATS",
    ]
    .into_iter()
    .map(|line| {
        (
            line.to_owned(),
            client.call(line).map_or_else(|error| error.to_string().into_bytes(), |value| flat(&value)),
        )
    })
    .collect();
    // The looking itself must be able to find something.
    let slow = told.iter().find(|(place, _)| place == "SLOWLOG GET -1").map(|(_, bytes)| bytes.as_slice());
    let created = format!("MIRROR.CREATEinline{}PREFIXinline:AUTH(redacted)(redacted)", source.url());
    assert!(slow.is_some_and(|slow| holds(slow, &created)), "{:?}", slow.map(String::from_utf8_lossy));
    read_files(server.dir(), &mut told);
    told
}

/// All texts of a reply, one after the other.
fn flat(value: &Value) -> Vec<u8> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        Value::Map(pairs) => pairs.iter().flat_map(|(key, item)| [flat(key), flat(item)].concat()).collect(),
        Value::Bytes(bytes) => bytes.clone(),
        other => other.to_string().into_bytes(),
    }
}

fn read_files(folder: &Path, told: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        if entry.path().is_dir() {
            read_files(&entry.path(), told);
        } else {
            told.push((entry.path().display().to_string(), std::fs::read(entry.path()).expect("a file")));
        }
    }
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[track_caller]
fn assert_silent(told: &[(String, Vec<u8>)], installed: &Installed) {
    assert!(told.len() > 10);
    for (place, bytes) in told {
        assert!(!holds(bytes, PASSWORD), "{installed}: {place} holds the password");
    }
}

#[test]
fn the_password_is_seen_nowhere() {
    for installed in servers() {
        let folder = Folder::new("secrets");
        folder.write("password", PASSWORD);
        let source = Server::start(installed, Options::new().set("requirepass", PASSWORD));
        let options = Options::new()
            .durable()
            .mirror("")
            .set("mirror.secrets-dir", folder.path().display())
            .set("slowlog-log-slower-than", 0)
            .set("slowlog-max-len", 100_000)
            .set("latency-monitor-threshold", 1)
            .set("loglevel", "debug")
            .env("MIRROR_PASSWORD", PASSWORD);
        let server = Server::start(installed, options);
        let mut monitor = server.client();
        monitor.run(cmd!("MONITOR"));
        tell_the_password(&server, &source);
        for name in ["inline", "multi", "resumed", "file", "env"] {
            Status::wait_state(&mut server.client(), name, "streaming", wait::PATIENCE).expect("it streams");
        }
        let mut told = everything_told(&server, &source);
        told.push(("MONITOR".to_owned(), monitored(&mut monitor, &server)));
        assert_silent(&told, installed);
        // The report of a crash inside the transaction that creates a mirror.
        let told = crash(server, &source);
        assert_silent(&told, installed);
    }
}

/// In every way there is, also in those that are refused.
fn tell_the_password(server: &Server, source: &Server) {
    let mut client = server.client();
    let create = |name: &str| cmd!("MIRROR.CREATE", name, source.url(), "PREFIX", format!("{name}:"));
    let inline = ["AUTH", "default", PASSWORD];
    client.run(create("inline").args(inline));
    client.run(cmd!("MULTI"));
    client.run(create("multi").args(inline));
    client.run(cmd!("EXEC"));
    client.run(create("resumed"));
    Status::wait_state(&mut client, "resumed", "failed", wait::PATIENCE).expect("it needs a password");
    client.run(cmd!("MIRROR.RESUME", "resumed", "AUTH", "default", PASSWORD));
    client.run(create("file").args(["AUTH", "FILE", "password"]));
    client.run(create("env").args(["AUTH", "ENV", "MIRROR_PASSWORD"]));
    let url = format!("redis://default:{PASSWORD}@{}", source.address());
    for refused in [
        cmd!("MIRROR.CREATE", "bad", url.as_str()),
        cmd!("MIRROR.CREATE", "inline", source.url()).args(inline),
        create("bad").args(inline).args(["NONSENSE"]),
        create("bad").args(["AUTH", PASSWORD]),
        cmd!("MIRROR.RESUME", "nobody", "AUTH", "default", PASSWORD),
        cmd!("MIRROR.RESUME", "inline", "AUTH", "default", PASSWORD, "MORE"),
    ] {
        let refusal = client.refusal(refused);
        assert!(!refusal.contains(PASSWORD), "{refusal}");
    }
    client.run(cmd!("ACL", "SETUSER", "eve", "on", ">x", "+@all", "-mirror.create", "~*"));
    let mut eve = server.client();
    eve.run(cmd!("AUTH", "eve", "x"));
    eve.refusal(create("eve").args(inline));
}

/// What MONITOR has told so far.
fn monitored(monitor: &mut Client, server: &Server) -> Vec<u8> {
    server.client().run(cmd!("ECHO", "the end of it"));
    let mut told = Vec::new();
    while !holds(&told, "the end of it") {
        told.extend(flat(&monitor.receive().expect("it goes on")));
    }
    told
}

fn crash(mut server: Server, source: &Server) -> Vec<(String, Vec<u8>)> {
    let mut client = server.client();
    client.run(cmd!("MULTI"));
    let create = cmd!("MIRROR.CREATE", "last", source.url(), "PREFIX", "last:", "AUTH", "default", PASSWORD);
    client.run(create);
    client.run(cmd!("DEBUG", "SEGFAULT"));
    assert!(client.call(cmd!("EXEC")).is_err());
    let status = server.wait_end();
    assert!(!status.success() && server.log().contains("crashed by signal"), "{status}");
    let mut told = vec![("nothing".to_owned(), Vec::new()); 10];
    read_files(server.dir(), &mut told);
    told
}

/// Keys that a client may use beside the mirror are none of its business.
#[test]
fn refused_commands_change_nothing() {
    let server = local(&[("mirror.enable-create", "yes")]);
    let mut client = server.client();
    client.run(cmd!("SET", "own", 1));
    let script = "return redis.call('MIRROR.CREATE', 'm', 'redis://10.0.0.1')";
    assert!(client.refusal(cmd!("EVAL", script, 0)).contains("script"));
    let library = format!("#!lua name=l\nredis.register_function('f', function() {script} end)");
    client.run(cmd!("FUNCTION", "LOAD", library));
    assert!(client.refusal(cmd!("FCALL", "f", 0)).contains("script"));
    assert!(client.texts(cmd!("MIRROR.LIST")).is_empty());
    assert_eq!(client.run(cmd!("KEYS", "*")), Value::Array(vec![Value::Bytes(b"own".to_vec())]));
}
