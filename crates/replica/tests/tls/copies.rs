//! The example `copy` with `rediss://` on both sides. The authority comes from the environment, as a user gives it: each
//! copy is a process of its own.

use std::process::Command as Process;

use redis_mirror_test_support::digest::assert_same;
use redis_mirror_test_support::{
    Authority, ClientCertificates, Command, Folder, Installed, Options, Server, TlsPort,
};

use super::copying::{self, COPIED, FAILED};
use super::{good_port, with_each_server};

/// The arguments of the copy that this process is to make, one a line.
const ARGUMENTS: &str = "REDIS_MIRROR_TEST_COPY";

/// What the others start; by itself it has nothing to copy.
#[test]
fn as_a_process() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let arguments: Vec<String> = arguments.lines().map(String::from).collect();
    std::process::exit(i32::from(copying::run(&arguments, &mut std::io::stderr())));
}

/// Copies, trusting `authority`; the exit code and what was said.
fn copied(authority: &Authority, arguments: &[&str]) -> (u8, String) {
    let folder = Folder::new("copy");
    folder.write("ca.pem", authority.pem());
    let output = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "copies::as_a_process", "--nocapture"])
        .env(ARGUMENTS, arguments.join("\n"))
        .env("SSL_CERT_FILE", folder.path().join("ca.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap(), said)
}

/// A server whose clients need a user, and the URL of it with TLS.
fn server(installed: &Installed, port: TlsPort) -> (Server, String) {
    let server = Server::start(installed, Options::new().tls(port));
    server.client().run(Command::new("ACL SETUSER copier on >s3cr@t ~* &* +@all"));
    let url = format!("rediss://copier:s3cr%40t@localhost:{}", server.tls_address().port());
    (server, url)
}

fn fill(server: &Server) {
    for words in ["SET s 1 PX 100000000", "RPUSH l a b", "HSET h f v", "ZADD z 1 a", "SELECT 5", "SADD t a"] {
        server.client().run(Command::new(words));
    }
    server.client().run(Command::new("DEBUG POPULATE 5000 key 100"));
}

#[test]
fn both_sides_encrypted() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let (from, source) = server(installed, good_port(&authority));
        let (to, target) = server(installed, good_port(&authority));
        fill(&from);
        let (code, said) = copied(&authority, &[&source, &target]);
        assert_eq!(code, COPIED, "{installed}: {said}");
        assert_same(&from, &to);
    });
}

#[test]
fn either_side_encrypted() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let (first, encrypted) = server(installed, good_port(&authority));
        let plain = Server::start(installed, Options::new());
        fill(&first);
        let (code, said) = copied(&authority, &[&encrypted, &plain.url()]);
        assert_eq!(code, COPIED, "{installed}: {said}");
        assert_same(&first, &plain);
        first.client().run(Command::new("FLUSHALL"));
        let (code, said) = copied(&authority, &[&plain.url(), &encrypted]);
        assert_eq!(code, COPIED, "{installed}: {said}");
        assert_same(&plain, &first);
    });
}

/// Each in words that tell what to do, and none with the password.
#[test]
fn what_is_not_trusted_is_refused_on_either_side() {
    with_each_server(|installed| {
        let (authority, stranger) = (Authority::new("ca"), Authority::new("ca"));
        let (_trusted, good) = server(installed, good_port(&authority));
        let (_foreign, bad) = server(installed, good_port(&stranger));
        let demanding = good_port(&authority).clients(ClientCertificates::Required);
        let (_demanding, asking) = server(installed, demanding);
        for (source, target) in [(&good, &bad), (&bad, &good), (&good, &asking), (&asking, &good)] {
            let (code, said) = copied(&authority, &[source, target]);
            assert_eq!(code, FAILED, "{installed}: {said}");
            assert!(said.contains("certificate"), "{installed}: {said}");
            assert!(!said.contains("s3cr"), "{installed}: {said}");
        }
    });
}
