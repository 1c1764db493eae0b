//! Whom we accept as the server.

use redis_mirror_test_support::{Authority, Identity, TlsPort};
use redis_replica::transport::tls::{TlsConfig, TlsFailure, Verification};

use super::{NAMES, VERSIONS, assert_answers, failure, good_port, secure, start, trusting, with_each_server};

#[test]
fn a_trusted_name_or_address_is_accepted() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        for version in VERSIONS {
            let server = start(installed, good_port(&authority), version);
            for host in NAMES {
                assert_answers(secure(server.tls_address(), host, trusting(&authority)));
            }
            let named = TlsConfig { server_name: Some("localhost".into()), ..trusting(&authority) };
            assert_answers(secure(server.tls_address(), "elsewhere.example", named));
        }
    });
}

#[test]
fn another_name_or_address_is_refused() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        for version in VERSIONS {
            let server = start(installed, good_port(&authority), version);
            for host in ["elsewhere.example", "127.0.0.2", "::1"] {
                let refused = failure(secure(server.tls_address(), host, trusting(&authority)));
                assert_eq!(refused, TlsFailure::WrongName { name: host.into() });
            }
            let named = TlsConfig { server_name: Some("other.example".into()), ..trusting(&authority) };
            let refused = failure(secure(server.tls_address(), "localhost", named));
            assert_eq!(refused, TlsFailure::WrongName { name: "other.example".into() });
        }
    });
}

/// The certificate, why it is refused, and that INSECURE takes it all the same.
#[test]
fn bad_certificates_are_refused_by_name_unless_insecure() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("other"));
    let namesake = TlsFailure::CertificateUnusable {
        reason: "a signature is wrong: it may come from another authority of the same name",
    };
    let is_authority = TlsFailure::CertificateUnusable {
        reason: "it is a certificate of an authority itself: sign one for the server with it",
    };
    let for_clients =
        TlsFailure::CertificateUnusable { reason: "it is not meant for servers (extended key usage)" };
    let cases: [(Identity, TlsFailure); 6] = [
        (stranger.server(&NAMES), TlsFailure::UnknownAuthority),
        (Authority::new("ca").server(&NAMES), namesake),
        (authority.expired_server(&NAMES), TlsFailure::CertificateExpired),
        (authority.future_server(&NAMES), TlsFailure::CertificateNotYetValid),
        (authority.itself(), is_authority),
        (authority.client("localhost"), for_clients),
    ];
    with_each_server(|installed| {
        for (identity, expected) in &cases {
            let server = start(installed, TlsPort::new(identity.clone(), &authority), "TLSv1.2 TLSv1.3");
            let refused = failure(secure(server.tls_address(), "localhost", trusting(&authority)));
            assert_eq!(refused, *expected, "{installed}");
            let insecure = TlsConfig { verification: Verification::Insecure, ..TlsConfig::default() };
            assert_answers(secure(server.tls_address(), "anything.example", insecure));
        }
    });
}

/// The system's authorities are asked by default, and they don't know ours.
#[test]
fn an_authority_of_ours_is_not_the_systems() {
    with_each_server(|installed| {
        let server = start(installed, good_port(&Authority::new("ca")), "TLSv1.3");
        match redis_replica::transport::tls::TlsConnector::new(TlsConfig::default()) {
            Ok(_) => {
                let refused = failure(secure(server.tls_address(), "localhost", TlsConfig::default()));
                assert_eq!(refused, TlsFailure::UnknownAuthority);
            }
            Err(error) => println!("skipped: {error}"),
        }
    });
}
