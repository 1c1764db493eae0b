//! Whom to trust and who we are, and what can be wrong with it.

use std::fmt;

use rustls::RootCertStore;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

/// Largest PEM text, in bytes: a bundle of all authorities of the world takes about 250 KB.
pub(super) const PEM_BYTES_MAX: usize = 4 << 20;

/// The settings of TLS. The defaults verify the server by the system's authorities and show no certificate of ours.
#[derive(Debug, Clone, Default)]
pub struct TlsConfig {
    /// Who may have signed the server's certificate.
    pub roots: Roots,
    /// What we show to a server that asks for a client certificate.
    pub identity: Option<ClientIdentity>,
    /// Whether the server's certificate is checked.
    pub verification: Verification,
    /// The name to ask for (SNI) and to find in the certificate, instead of the host that is connected to.
    pub server_name: Option<String>,
}

/// The certificate authorities that are trusted.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Roots {
    /// Those of this system: its usual bundle, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    #[default]
    System,
    /// The certificates of a PEM text, and no others.
    Pem(Vec<u8>),
}

impl fmt::Debug for Roots {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Roots::System => out.write_str("System"),
            Roots::Pem(text) => write!(out, "Pem({} bytes)", text.len()),
        }
    }
}

/// Whether the server must prove that it is the one that was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verification {
    /// Its certificate must come from a trusted authority, be valid now, and name the host (an IP address among the
    /// IP addresses of the certificate).
    #[default]
    Full,
    /// Any certificate will do, as long as the server holds its key: whoever can reroute the connection can read and
    /// change all that goes over it, a password first.
    Insecure,
}

/// A certificate of ours and its key. The key's text is wiped from memory when dropped.
#[derive(Clone)]
pub struct ClientIdentity {
    chain_pem: Vec<u8>,
    key_pem: Zeroizing<Vec<u8>>,
}

impl ClientIdentity {
    /// PEM texts: the certificate, then those of the authorities between it and a root; and the unencrypted key
    /// (PKCS#8, PKCS#1 or SEC1).
    pub fn new(chain_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        ClientIdentity { chain_pem: chain_pem.into(), key_pem: Zeroizing::new(key_pem.into()) }
    }

    /// The certificates, ours first.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let chain = certificates(&self.chain_pem).map_err(|fault| match fault {
            PemFault::TooLarge => TlsError::TooLarge { what: "client certificate" },
            PemFault::Unreadable => TlsError::IdentityUnreadable,
        })?;
        if chain.is_empty() { Err(TlsError::NoIdentityCertificate) } else { Ok(chain) }
    }

    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        if self.key_pem.len() > PEM_BYTES_MAX {
            return Err(TlsError::TooLarge { what: "key" });
        }
        PrivateKeyDer::from_pem_slice(&self.key_pem).map_err(|error| match error {
            PemError::NoItemsFound if is_encrypted(&self.key_pem) => TlsError::KeyEncrypted,
            PemError::NoItemsFound => TlsError::NoKey,
            _ => TlsError::KeyUnreadable,
        })
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientIdentity")
    }
}

/// What is wrong with a [`TlsConfig`]. No text of a file is part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The CA text has no certificate.
    #[error("the CA file holds no certificate: it must be PEM (-----BEGIN CERTIFICATE-----)")]
    NoRoot,
    /// The CA text has a certificate that is none.
    #[error("the CA file holds a certificate that can't be read")]
    RootUnreadable,
    /// The system has no certificate authorities.
    #[error("this system has no certificate authorities: install ca-certificates, or name a CA file")]
    NoSystemRoots,
    /// The client certificate's text has no certificate.
    #[error(
        "the client certificate's file holds no certificate: it must be PEM (-----BEGIN CERTIFICATE-----)"
    )]
    NoIdentityCertificate,
    /// The client certificate is none.
    #[error("the client certificate can't be read")]
    IdentityUnreadable,
    /// The key's text has no key.
    #[error("the key file holds no private key: it must be PEM (PKCS#8, PKCS#1 or SEC1)")]
    NoKey,
    /// The key is encrypted.
    #[error("the key file is encrypted: decrypt it first (openssl pkey)")]
    KeyEncrypted,
    /// The key is none, or of a kind that is not supported.
    #[error(
        "the private key can't be used: it must be RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519"
    )]
    KeyUnreadable,
    /// The key belongs to another certificate.
    #[error("the key does not fit the client certificate")]
    KeyMismatch,
    /// A text is larger than any sensible one.
    #[error("the {what} file is too large: at most {PEM_BYTES_MAX} bytes are read")]
    TooLarge {
        /// Which.
        what: &'static str,
    },
    /// The name to ask for is none.
    #[error("the TLS server name is neither a host name nor an IP address")]
    ServerName,
    /// The TLS library refused the settings.
    #[error("TLS can't be set up with these settings")]
    Unusable,
}

/// The authorities of `roots`.
pub(super) fn root_store(roots: &Roots) -> Result<RootCertStore, TlsError> {
    match roots {
        Roots::System => system_roots(),
        Roots::Pem(text) => pem_roots(text),
    }
}

/// A system's bundle may hold what this library can't use: that is left out, as every client does.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(store) }
}

/// What a user names is used whole, or refused.
fn pem_roots(text: &[u8]) -> Result<RootCertStore, TlsError> {
    let found = certificates(text).map_err(|fault| match fault {
        PemFault::TooLarge => TlsError::TooLarge { what: "CA" },
        PemFault::Unreadable => TlsError::RootUnreadable,
    })?;
    let mut store = RootCertStore::empty();
    for certificate in found {
        store.add(certificate).map_err(|_| TlsError::RootUnreadable)?;
    }
    if store.is_empty() { Err(TlsError::NoRoot) } else { Ok(store) }
}

enum PemFault {
    TooLarge,
    Unreadable,
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
    if text.len() > PEM_BYTES_MAX {
        return Err(PemFault::TooLarge);
    }
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|_| PemFault::Unreadable)
}

/// PKCS#8 says it in its label, the older forms in a header (RFC 1421).
fn is_encrypted(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"ENCRYPTED").is_some()
}
