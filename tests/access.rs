//! How a source is reached: TLS, and passwords that are kept elsewhere.

use redis_mirror_test_support::{
    Authority, Client, ClientCertificates, Folder, Installed, Options, Server, Status, TlsPort, any_server,
    cmd, servers, wait,
};

const PASSWORD: &str = "s3cr3t-word";

fn status(client: &mut Client, name: &str) -> Status {
    Status::read(client, name).expect("status")
}

/// Waits until a mirror says why it can't reach its source.
#[track_caller]
fn wait_error(client: &mut Client, name: &str, words: &str) {
    wait::wait_for(&format!("{name} to say {words:?}"), || {
        let status = status(client, name);
        let told = status.text("last_error");
        if told.contains(words) { Ok(()) } else { Err(format!("{}: {told}", status.state())) }
    });
    assert_ne!(status(client, name).state(), "streaming");
}

#[track_caller]
fn wait_streaming(client: &mut Client, name: &str) -> Status {
    Status::wait_state(client, name, "streaming", wait::PATIENCE).unwrap_or_else(|error| panic!("{error}"))
}

/// A source with TLS, and certificates in a folder that the local server may read.
struct Secured {
    source: Server,
    local: Server,
    _folder: Folder,
}

impl Secured {
    fn start(installed: &Installed, clients: ClientCertificates) -> Secured {
        let (ours, other) = (Authority::new("ours"), Authority::new("other"));
        let port = TlsPort::new(ours.server(&["127.0.0.1", "db.example.org"]), &ours).clients(clients);
        let folder = Folder::new("secrets");
        folder.write("ca.pem", ours.pem());
        folder.write("other.pem", other.pem());
        folder.write("none.pem", "nothing\n");
        for (name, identity) in [("client", ours.client("us")), ("stranger", other.client("us"))] {
            folder.write(&format!("{name}.crt"), &identity.chain_pem);
            folder.write(&format!("{name}.key"), &identity.key_pem);
        }
        let source = Server::start(installed, Options::new().tls(port));
        source.client().run(cmd!("SET", "k", "v"));
        let local = Options::new()
            .mirror("")
            .set("mirror.secrets-dir", folder.path().display())
            .set("mirror.reconnect-max-ms", 1000)
            // What stands for the authorities of the system, which a bare one has none of.
            .env("SSL_CERT_FILE", &folder.path().join("other.pem").display().to_string());
        Secured { local: Server::start(installed, local), source, _folder: folder }
    }

    fn create(&self, name: &str, options: &str) {
        let url = format!("rediss://{}", self.source.tls_address());
        let words = options.split_whitespace();
        self.local.client().run(cmd!("MIRROR.CREATE", name, url, "PREFIX", format!("{name}:")).args(words));
    }
}

/// Debian's Valkey binds the C library's calls and a module's to two allocators: reading the system's
/// authorities, and files, inside of it is what this is about as well.
#[test]
fn tls_is_verified_on_every_server() {
    for installed in servers() {
        let at = Secured::start(installed, ClientCertificates::NotAsked);
        let mut client = at.local.client();
        at.create("good", "TLS CA ca.pem");
        at.create("named", "TLS CA ca.pem TLS SNI db.example.org");
        at.create("open", "TLS INSECURE");
        for name in ["good", "named", "open"] {
            wait_streaming(&mut client, name);
            at.source.client().run(cmd!("SET", "k", name));
            client.run(cmd!("MIRROR.WAIT", name, 10_000));
            assert_eq!(client.text(cmd!("GET", format!("{name}:k"))), name, "{installed}");
        }
        assert_eq!(status(&mut client, "good").text("tls"), "verified");
        assert_eq!(status(&mut client, "open").text("tls"), "insecure");
        for (name, options, words) in [
            ("system", "", "authority that is not trusted here"),
            ("other", "TLS CA other.pem", "authority that is not trusted here"),
            ("elsewhere", "TLS CA ca.pem TLS SNI db.example.net", "not valid for db.example.net"),
            ("none", "TLS CA none.pem", "holds no certificate"),
            ("missing", "TLS CA missing.pem", "can't be read"),
            ("mixed", "TLS CA ca.pem TLS CERT client.crt KEY stranger.key", "key"),
        ] {
            at.create(name, options);
            wait_error(&mut client, name, words);
        }
        assert_eq!(client.int(cmd!("DBSIZE")), 3, "{installed}");
    }
}

#[test]
fn a_certificate_of_ours_is_shown_where_it_is_asked_for() {
    let at = Secured::start(any_server(), ClientCertificates::Required);
    let mut client = at.local.client();
    at.create("shown", "TLS CA ca.pem TLS CERT client.crt KEY client.key");
    wait_streaming(&mut client, "shown");
    at.create("hidden", "TLS CA ca.pem");
    wait_error(&mut client, "hidden", "client certificate");
    at.create("stranger", "TLS CA ca.pem TLS CERT stranger.crt KEY stranger.key");
    wait_error(&mut client, "stranger", "certificate");
    assert_eq!(client.text(cmd!("GET", "shown:k")), "v");
}

#[test]
fn the_wrong_port_is_told() {
    let at = Secured::start(any_server(), ClientCertificates::NotAsked);
    let mut client = at.local.client();
    client.run(cmd!(
        "MIRROR.CREATE",
        "a",
        format!("rediss://{}", at.source.address()),
        "TLS",
        "INSECURE",
        "PREFIX",
        "a:"
    ));
    wait_error(&mut client, "a", "TLS");
    client.run(cmd!("MIRROR.CREATE", "b", format!("redis://{}", at.source.tls_address()), "PREFIX", "b:"));
    wait_error(&mut client, "b", "is it a port with TLS");
    assert_eq!(client.int(cmd!("DBSIZE")), 0);
}

/// A TLS link is cut, the server killed, and all goes on as without.
#[test]
fn a_tls_mirror_survives_kill_9() {
    let mut at = Secured::start(any_server(), ClientCertificates::NotAsked);
    let durable = at.local.options_mut().clone().durable();
    *at.local.options_mut() = durable;
    at.local.kill_and_resume();
    at.create("m", "TLS CA ca.pem");
    wait_streaming(&mut at.local.client(), "m");
    at.local.kill_and_resume();
    at.source.client().run(cmd!("INCR", "n"));
    let status = wait_streaming(&mut at.local.client(), "m");
    assert_eq!((status.number("full_resyncs"), status.text("tls").as_str()), (1, "verified"));
    at.local.client().run(cmd!("MIRROR.WAIT", "m", 10_000));
    assert_eq!(at.local.client().text(cmd!("GET", "m:n")), "1");
}

/// A source with a password, and a server that has it in a file and in a variable.
fn with_password(installed: &Installed) -> (Server, Server, Folder) {
    let folder = Folder::new("secrets");
    folder.write("source-password", &format!("{PASSWORD}\n"));
    folder.write("wrong", "not it\n");
    let source = Server::start(installed, Options::new().set("requirepass", PASSWORD));
    let local = Options::new()
        .durable()
        .mirror("")
        .set("mirror.secrets-dir", folder.path().display())
        .set("mirror.reconnect-min-ms", 50)
        .set("mirror.reconnect-max-ms", 50)
        .env("MIRROR_SOURCE", PASSWORD);
    (source, Server::start(installed, local), folder)
}

#[test]
fn passwords_in_files_and_variables_outlive_a_restart() {
    for installed in servers() {
        let (source, mut local, _folder) = with_password(installed);
        let mut client = local.client();
        let url = format!("redis://default@{}", source.address());
        client.run(cmd!(
            "MIRROR.CREATE",
            "f",
            url.as_str(),
            "PREFIX",
            "f:",
            "AUTH",
            "FILE",
            "source-password"
        ));
        client.run(cmd!("MIRROR.CREATE", "e", source.url(), "PREFIX", "e:", "AUTH", "ENV", "MIRROR_SOURCE"));
        for restart in [false, true] {
            if restart {
                local.kill_and_resume();
            }
            let mut client = local.client();
            for (name, credentials) in [("f", "file"), ("e", "env")] {
                let status = wait_streaming(&mut client, name);
                assert_eq!(status.text("credentials"), credentials);
                assert_eq!(status.number("full_resyncs"), 1, "{installed}: {status:?}");
            }
        }
        assert!(!local.log().contains(PASSWORD));
    }
}

/// A file may be corrected, or its password changed: it is read anew for each connection.
#[test]
fn a_refused_password_in_a_file_is_tried_again() {
    let (source, local, folder) = with_password(any_server());
    let mut client = local.client();
    client.run(cmd!("MIRROR.CREATE", "m", source.url(), "PREFIX", "m:", "AUTH", "FILE", "wrong"));
    wait_error(&mut client, "m", "refused the user or password");
    Status::wait_state(&mut client, "m", "backing-off", wait::PATIENCE).expect("it tries again");
    folder.write("wrong", &format!("{PASSWORD}\r\nsecond line"));
    wait_streaming(&mut client, "m");
    client.run(cmd!(
        "MIRROR.CREATE",
        "late",
        source.url(),
        "PREFIX",
        "l:",
        "PAUSED",
        "AUTH",
        "FILE",
        "no-file"
    ));
    client.run(cmd!("MIRROR.RESUME", "late"));
    wait_error(&mut client, "late", "no-file");
    client.run(cmd!("MIRROR.RESUME", "late", "AUTH", "ENV", "MIRROR_SOURCE"));
    wait_streaming(&mut client, "late");
    client.run(cmd!("MIRROR.CREATE", "unset", source.url(), "PREFIX", "u:", "AUTH", "ENV", "MIRROR_OTHER"));
    wait_error(&mut client, "unset", "MIRROR_OTHER");
}

#[test]
fn files_are_read_in_their_folder_alone() {
    let local = Server::start(any_server(), Options::new().mirror(""));
    let refusal =
        local.client().refusal(cmd!("MIRROR.CREATE", "m", "redis://127.0.0.1:1", "AUTH", "FILE", "x"));
    assert!(refusal.contains("mirror.secrets-dir is not set"), "{refusal}");
    let (source, local, folder) = with_password(any_server());
    let outside = Folder::new("outside");
    outside.write("password", PASSWORD);
    std::os::unix::fs::symlink(outside.path().join("password"), folder.path().join("link")).expect("a link");
    let mut client = local.client();
    for (name, path) in [("a", "link"), ("b", "/etc/passwd"), ("c", "link/../link")] {
        let prefix = format!("{name}:");
        let create = cmd!("MIRROR.CREATE", name, source.url(), "PREFIX", prefix, "AUTH", "FILE", path);
        match client.call(create) {
            Ok(_) => wait_error(&mut client, name, "not inside mirror.secrets-dir"),
            Err(error) => assert!(error.to_string().contains("folder for secrets"), "{error}"),
        }
    }
}

/// The rights at the source that the README names are enough for everything: the snapshot, the stream,
/// values that are fetched again, MIRROR.WAIT.
#[test]
fn the_rights_that_the_readme_names_are_enough() {
    let readme = std::fs::read_to_string("README.md").expect("the README is there");
    let (_, rest) = readme.split_once("`ACL SETUSER mirror on").expect("it names the rights");
    let (rights, _) = rest.split_once('`').expect("in a quotation");
    let rights: Vec<&str> = rights.split_whitespace().filter(|word| !word.starts_with('>')).collect();
    for installed in servers() {
        let source = Server::start(installed, Options::new());
        let mut at_source = source.client();
        at_source
            .run(cmd!("ACL", "SETUSER", "mirror", "on", format!(">{PASSWORD}")).args(rights.iter().copied()));
        at_source.run(cmd!("SET", "in:a", 1));
        let local = Server::start(installed, Options::new().mirror(""));
        let mut client = local.client();
        let create = cmd!("MIRROR.CREATE", "m", source.url(), "MATCH", "in:*", "AUTH", "mirror", PASSWORD);
        client.run(create);
        wait_streaming(&mut client, "m");
        at_source.run(cmd!("SET", "out:b", 2));
        // Only the source knows what the new key holds.
        at_source.run(cmd!("RENAME", "out:b", "in:b"));
        assert!(client.run(cmd!("MIRROR.WAIT", "m", 10_000)).as_int().is_some(), "{installed}");
        wait::wait_until("the renamed key is here", || {
            client.run(cmd!("EXISTS", "in:b")).as_int() == Some(1)
        });
        let status = status(&mut client, "m");
        assert_eq!((status.number("repaired"), status.text("last_error").as_str()), (1, ""), "{installed}");
    }
}
