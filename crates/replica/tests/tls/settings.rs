//! What is wrong with the settings is said before any connection is made.

use std::process::{Command, Stdio};

use redis_mirror_test_support::{Authority, Identity};
use redis_replica::transport::tls::{ClientIdentity, Roots, TlsConfig, TlsConnector, TlsError, Verification};

fn error(config: TlsConfig) -> TlsError {
    TlsConnector::new(config).expect_err("the settings are wrong")
}

fn with_roots(pem: &str) -> TlsConfig {
    TlsConfig { roots: Roots::Pem(pem.into()), ..TlsConfig::default() }
}

/// Without the system's authorities, which a machine may lack.
fn with_identity(chain: &str, key: &str) -> TlsConfig {
    let identity = Some(ClientIdentity::new(chain, key));
    TlsConfig { identity, verification: Verification::Insecure, ..TlsConfig::default() }
}

fn client() -> Identity {
    Authority::new("ca").client("us")
}

#[test]
fn roots_are_read_whole_or_refused() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let bundle = format!("# a bundle\n{}\n\n{}", one.pem(), two.pem());
    assert!(TlsConnector::new(with_roots(&bundle)).is_ok());
    assert_eq!(error(with_roots("")), TlsError::NoRoot);
    assert_eq!(error(with_roots("no PEM at all")), TlsError::NoRoot);
    assert_eq!(error(with_roots(&client().key_pem)), TlsError::NoRoot, "a key is no certificate");
    let broken = one.pem().replace("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nAAAA");
    assert_eq!(error(with_roots(&broken)), TlsError::RootUnreadable);
    let cut = &one.pem()[..one.pem().len() / 2];
    assert_eq!(error(with_roots(&format!("{}{cut}", two.pem()))), TlsError::RootUnreadable);
    assert_eq!(error(with_roots(&" ".repeat(5 << 20))), TlsError::TooLarge { what: "CA" });
}

#[test]
fn an_identity_is_checked_when_it_is_named() {
    let (ours, other) = (client(), client());
    assert!(TlsConnector::new(with_identity(&ours.chain_pem, &ours.key_pem)).is_ok());
    let cases = [
        ("", ours.key_pem.as_str(), TlsError::NoIdentityCertificate),
        (&ours.key_pem, &ours.key_pem, TlsError::NoIdentityCertificate),
        (
            "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----",
            &ours.key_pem,
            TlsError::IdentityUnreadable,
        ),
        (&ours.chain_pem, "", TlsError::NoKey),
        (&ours.chain_pem, &ours.chain_pem, TlsError::NoKey),
        (
            &ours.chain_pem,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            TlsError::KeyUnreadable,
        ),
        (
            &ours.chain_pem,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
            TlsError::KeyEncrypted,
        ),
        (&ours.chain_pem, &other.key_pem, TlsError::KeyMismatch),
    ];
    for (chain, key, expected) in cases {
        assert_eq!(error(with_identity(chain, key)), expected);
    }
}

#[test]
fn a_server_name_must_be_one() {
    let named = |name: &str| TlsConfig {
        server_name: Some(name.into()),
        verification: Verification::Insecure,
        ..TlsConfig::default()
    };
    for name in ["", "a b", "10.0.0.0.1 ", "host:6379"] {
        assert_eq!(error(named(name)), TlsError::ServerName, "{name:?}");
    }
    for name in ["redis.example.org", "10.0.0.1", "::1", "under_score.example"] {
        assert!(TlsConnector::new(named(name)).is_ok(), "{name:?}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let ours = client();
    let config = with_identity(&ours.chain_pem, &ours.key_pem);
    let shown = format!("{config:?} {:?}", TlsConnector::new(config.clone()).unwrap());
    let secret = ours.key_pem.lines().nth(1).unwrap();
    assert!(!shown.contains(secret) && !shown.contains("PRIVATE"), "{shown}");
}

/// Every form in which a key comes, made by the tool that users make them with.
#[test]
fn keys_come_in_three_forms() {
    let forms: [(&str, &[&str]); 3] = [
        ("BEGIN RSA PRIVATE KEY", &["genrsa", "-traditional", "2048"]),
        ("BEGIN EC PRIVATE KEY", &["ecparam", "-name", "prime256v1", "-genkey", "-noout"]),
        ("BEGIN PRIVATE KEY", &["genpkey", "-algorithm", "ed25519"]),
    ];
    for (label, words) in forms {
        let Some(key) = openssl(words, "") else { return };
        assert!(key.contains(label), "openssl made another form than {label}");
        let request = ["req", "-new", "-x509", "-subj", "/CN=us", "-key", "/dev/stdin"];
        let Some(certificate) = openssl(&request, &key) else { return };
        if let Err(error) = TlsConnector::new(with_identity(&certificate, &key)) {
            panic!("{label}: {error}");
        }
    }
}

/// What the openssl program prints; None, and a line that says so, if there is none.
fn openssl(words: &[&str], input: &str) -> Option<String> {
    use std::io::Write;
    let mut openssl = Command::new("openssl");
    openssl.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = openssl.spawn() else {
        println!("skipped: there is no openssl program to make keys with");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {words:?} failed");
    Some(String::from_utf8(output.stdout).unwrap())
}
