//! Why a TLS connection failed, in words of our own: what the peer sent is never part of them.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Why a handshake, or an established TLS connection, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// Nobody we trust signed the certificate.
    #[error("the server's certificate is signed by an authority that is not trusted here: name its CA file")]
    UnknownAuthority,
    /// The certificate was valid once.
    #[error("the server's certificate has expired: renew it there, or check the clock here")]
    CertificateExpired,
    /// The certificate will be valid.
    #[error("the server's certificate is not valid yet: check the clocks of both sides")]
    CertificateNotYetValid,
    /// The certificate is for somebody else.
    #[error(
        "the server's certificate is not valid for {name}: its subject alternative names must contain it \
         (a common name does not count)"
    )]
    WrongName {
        /// What was asked for.
        name: String,
    },
    /// The certificate can't be accepted for another reason.
    #[error("the server's certificate can't be accepted: {reason}")]
    CertificateUnusable {
        /// Why.
        reason: &'static str,
    },
    /// The server wants a certificate of ours, and there is none.
    #[error("the server requires a client certificate: configure one")]
    ClientCertificateRequired,
    /// The server does not accept our certificate.
    #[error("the server refused our client certificate: {reason}")]
    ClientCertificateRefused {
        /// Why.
        reason: &'static str,
    },
    /// The server found nothing to agree on.
    #[error(
        "the server refused the TLS handshake: it may require a client certificate, or allow no version (1.2, 1.3) \
         or cipher that is known here"
    )]
    HandshakeRefused,
    /// We found nothing to agree on.
    #[error("the server offers no TLS version (1.2, 1.3), cipher or key exchange that is known here")]
    NothingInCommon,
    /// The server does not serve the name.
    #[error("the server does not know the name {name} (SNI)")]
    NameRefused {
        /// What was asked for.
        name: String,
    },
    /// The server sent an alert.
    #[error("the server ended TLS with alert {code}: see its log")]
    Alert {
        /// Its number (RFC 8446, section 6).
        code: u8,
    },
    /// The peer speaks something else.
    #[error("the peer does not speak TLS: is this its port without TLS?")]
    NotTls,
    /// The handshake took too long.
    #[error("no TLS handshake within {} ms: is this a port with TLS, and the server idle?", waited.as_millis())]
    TimedOut {
        /// How long was waited.
        waited: Duration,
    },
    /// The connection ended in the handshake.
    #[error("the server closed the connection in the TLS handshake: is this a port with TLS? See its log")]
    Closed,
    /// The socket failed in the handshake.
    #[error("the connection broke in the TLS handshake: {kind}")]
    Broken {
        /// How.
        kind: io::ErrorKind,
    },
    /// The host to connect to can't be asked for.
    #[error("{name} is neither a host name nor an IP address, which TLS needs to verify the server")]
    InvalidName {
        /// What was asked for.
        name: String,
    },
    /// The stream is encrypted already.
    #[error("the connection is encrypted already")]
    AlreadySecured,
    /// The peer breaks the protocol, or somebody changed its bytes.
    #[error("the TLS connection can't be trusted any more: {reason}")]
    Protocol {
        /// What was found.
        reason: &'static str,
    },
}

impl TlsFailure {
    /// The reason in an error of a read or a write, if it is one of TLS.
    pub fn of(error: &io::Error) -> Option<&TlsFailure> {
        error.get_ref()?.downcast_ref()
    }

    /// What an error of the TLS library means, on a connection to `name`.
    pub(super) fn from_rustls(error: &Error, name: &str) -> Self {
        match error {
            Error::InvalidCertificate(error) => from_certificate(error, name),
            Error::AlertReceived(alert) => from_alert(*alert, name),
            Error::PeerIncompatible(_) => TlsFailure::NothingInCommon,
            Error::InvalidMessage(InvalidMessage::MessageTooLarge) => protocol("a message is too large"),
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
                protocol("a message can't be read or comes at the wrong time")
            }
            Error::InappropriateHandshakeMessage { .. } => {
                protocol("a handshake message comes at the wrong time")
            }
            Error::DecryptError => protocol("a record can't be decrypted"),
            Error::PeerMisbehaved(_) => protocol("the peer breaks the rules"),
            Error::NoCertificatesPresented => TlsFailure::CertificateUnusable { reason: "it sent none" },
            _ => protocol("the TLS library gave up"),
        }
    }
}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, failure)
    }
}

pub(super) fn protocol(reason: &'static str) -> TlsFailure {
    TlsFailure::Protocol { reason }
}

fn from_certificate(error: &CertificateError, name: &str) -> TlsFailure {
    match error {
        CertificateError::UnknownIssuer => TlsFailure::UnknownAuthority,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::CertificateExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFailure::CertificateNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFailure::WrongName { name: name.to_owned() }
        }
        other => TlsFailure::CertificateUnusable { reason: certificate_fault(other) },
    }
}

fn certificate_fault(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::BadEncoding => "it can't be read",
        CertificateError::Revoked => "it was revoked",
        CertificateError::BadSignature => {
            "a signature is wrong: it may come from another authority of the same name"
        }
        CertificateError::UnhandledCriticalExtension => {
            "it holds a critical extension that is not known here"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not meant for servers (extended key usage)"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed by an algorithm that is not supported"
        }
        CertificateError::Other(other) => other.0.downcast_ref().map_or("it breaks a rule", webpki_fault),
        _ => "it breaks a rule",
    }
}

fn webpki_fault(error: &webpki::Error) -> &'static str {
    match error {
        webpki::Error::CaUsedAsEndEntity => {
            "it is a certificate of an authority itself: sign one for the server with it"
        }
        webpki::Error::EndEntityUsedAsCa => "it is signed by a certificate that is none of an authority",
        webpki::Error::UnsupportedCertVersion => "it is older than X.509 version 3",
        webpki::Error::NameConstraintViolation => "its authority may not sign for this name",
        webpki::Error::PathLenConstraintViolated | webpki::Error::MaximumPathDepthExceeded => {
            "there are too many authorities between it and the root"
        }
        _ => "it breaks a rule",
    }
}

fn from_alert(alert: AlertDescription, name: &str) -> TlsFailure {
    let refused = |reason| TlsFailure::ClientCertificateRefused { reason };
    match alert {
        AlertDescription::CertificateRequired => TlsFailure::ClientCertificateRequired,
        AlertDescription::UnknownCA => refused("its authority is not trusted there"),
        AlertDescription::CertificateExpired => refused("it has expired"),
        AlertDescription::CertificateRevoked => refused("it was revoked"),
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => refused("it is not acceptable there"),
        AlertDescription::AccessDenied => refused("it may not connect"),
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => TlsFailure::HandshakeRefused,
        AlertDescription::UnrecognisedName => TlsFailure::NameRefused { name: name.to_owned() },
        other => TlsFailure::Alert { code: u8::from(other) },
    }
}
