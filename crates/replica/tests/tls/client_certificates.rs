//! Servers that ask who we are. In TLS 1.3 they answer after the handshake has ended for us.

use std::io::Write;

use redis_mirror_test_support::wait::wait_for;
use redis_mirror_test_support::{Authority, ClientCertificates, Identity, Server};
use redis_replica::transport::tls::{ClientIdentity, TlsConfig, TlsConnector, TlsFailure};
use redis_replica::transport::{
    ClientError, ConnectError, Driver, DriverConfig, DriverError, Endpoint, LinkError, Reconnect,
};

use super::links::Nobody;
use super::{PATIENCE, VERSIONS, assert_answers, good_port, ping, secure, start, trusting, with_each_server};

/// A refusal may be seen before or after another byte of ours meets a closed socket: tried often.
const TRIES: usize = 20;

fn showing(authority: &Authority, identity: &Identity) -> TlsConfig {
    let identity = ClientIdentity::new(identity.chain_pem.as_str(), identity.key_pem.as_str());
    TlsConfig { identity: Some(identity), ..trusting(authority) }
}

/// Why the server does not talk to us, in the handshake or at the first command.
#[track_caller]
fn refusal(server: &Server, config: TlsConfig) -> TlsFailure {
    let outcome = match secure(server.tls_address(), "localhost", config) {
        Ok(stream) => ping(stream),
        Err(ConnectError::Tls(failure)) => return failure,
        Err(error) => panic!("{error}"),
    };
    match outcome {
        Err(ClientError::Io(error)) => {
            TlsFailure::of(&error).unwrap_or_else(|| panic!("no failure of TLS: {error}")).clone()
        }
        other => panic!("expected a failure of TLS, got {other:?}"),
    }
}

#[test]
fn a_certificate_that_fits_is_accepted() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        for version in VERSIONS {
            let port = good_port(&authority).clients(ClientCertificates::Required);
            let server = start(installed, port, version);
            let ours = showing(&authority, &authority.client("us"));
            assert_answers(secure(server.tls_address(), "localhost", ours));
        }
    });
}

#[test]
fn a_missing_certificate_is_named() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        for (version, expected) in
            VERSIONS.into_iter().zip([TlsFailure::HandshakeRefused, TlsFailure::ClientCertificateRequired])
        {
            let port = good_port(&authority).clients(ClientCertificates::Required);
            let server = start(installed, port, version);
            for _ in 0..TRIES {
                assert_eq!(refusal(&server, trusting(&authority)), expected, "{installed}, {version}");
            }
        }
    });
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let stranger = showing(&authority, &Authority::new("other").client("us"));
        let expected = TlsFailure::ClientCertificateRefused { reason: "its authority is not trusted there" };
        for version in VERSIONS {
            for asks in [ClientCertificates::Required, ClientCertificates::Optional] {
                let server = start(installed, good_port(&authority).clients(asks), version);
                for _ in 0..TRIES {
                    assert_eq!(refusal(&server, stranger.clone()), expected, "{installed}, {version}");
                }
            }
        }
    });
}

#[test]
fn an_optional_certificate_may_be_missing() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let port = good_port(&authority).clients(ClientCertificates::Optional);
        let server = start(installed, port, "TLSv1.3");
        assert_answers(secure(server.tls_address(), "localhost", trusting(&authority)));
    });
}

/// Who writes on and never reads meets a closed socket; the reason still waits there, unread.
#[test]
fn a_write_finds_the_reason_that_was_not_read() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let port = good_port(&authority).clients(ClientCertificates::Required);
        let server = start(installed, port, "TLSv1.3");
        let mut stream = secure(server.tls_address(), "localhost", trusting(&authority)).unwrap();
        server.wait_log(0, "rror accepting a client connection", PATIENCE);
        let error = wait_for("the end of the socket", || match stream.write(b"PING\r\n") {
            Ok(_) => Err("it takes more"),
            Err(error) => Ok(error),
        });
        assert_eq!(TlsFailure::of(&error), Some(&TlsFailure::ClientCertificateRequired), "{error}");
    });
}

/// The driver's words for it, whether it comes at the first read or at the first write.
#[test]
fn the_driver_names_a_missing_certificate() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let port = good_port(&authority).clients(ClientCertificates::Required);
        let server = start(installed, port, "TLSv1.3");
        for _ in 0..TRIES {
            let mut config = DriverConfig::new(Endpoint::new("127.0.0.1", server.tls_address().port()));
            config.tls = Some(TlsConnector::new(trusting(&authority)).unwrap());
            config.reconnect = Reconnect::Never;
            match Driver::new(config).run(&mut Nobody) {
                Err(DriverError::Link(LinkError::Io(error))) => {
                    assert_eq!(TlsFailure::of(&error), Some(&TlsFailure::ClientCertificateRequired));
                }
                other => panic!("{installed}: expected a failure of TLS, got {other:?}"),
            }
        }
    });
}
