use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::{Error, Result};

/// A certificate authority of a test's own.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub chain_pem: String,
    /// Its key, PKCS#8.
    pub key_pem: String,
}

/// When a certificate is valid.
enum Validity {
    Now,
    Past,
    Future,
}

impl Authority {
    /// A new one. Two of the same name are different authorities.
    ///
    /// # Panics
    /// When the library refuses.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        make(name, || {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(Vec::new())?;
            params.distinguished_name = called(name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let pem = params.self_signed(&key)?.pem();
            Ok(Authority { issuer: Issuer::new(params, key), pem })
        })
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's own certificate and key, as somebody uses them who makes but one certificate.
    pub fn itself(&self) -> Identity {
        Identity { chain_pem: self.pem.clone(), key_pem: self.issuer.key().serialize_pem() }
    }

    /// A certificate for a server under these names and IP addresses.
    ///
    /// # Panics
    /// When a name is none.
    #[track_caller]
    pub fn server(&self, names: &[&str]) -> Identity {
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, &Validity::Now)
    }

    /// As [`Authority::server`], but it expired long ago.
    ///
    /// # Panics
    /// When a name is none.
    #[track_caller]
    pub fn expired_server(&self, names: &[&str]) -> Identity {
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, &Validity::Past)
    }

    /// As [`Authority::server`], but it will only be valid.
    ///
    /// # Panics
    /// When a name is none.
    #[track_caller]
    pub fn future_server(&self, names: &[&str]) -> Identity {
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, &Validity::Future)
    }

    /// A certificate for a client.
    ///
    /// # Panics
    /// When the name is none.
    #[track_caller]
    pub fn client(&self, name: &str) -> Identity {
        self.issue(&[name], ExtendedKeyUsagePurpose::ClientAuth, &Validity::Now)
    }

    #[track_caller]
    fn issue(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose, validity: &Validity) -> Identity {
        let name = names.first().copied().unwrap_or("nobody");
        make(name, || {
            let key = KeyPair::generate()?;
            let mut params =
                CertificateParams::new(names.iter().copied().map(String::from).collect::<Vec<_>>())?;
            params.distinguished_name = called(name);
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![purpose];
            match validity {
                Validity::Now => {}
                Validity::Past => params.not_after = date_time_ymd(2001, 1, 1),
                Validity::Future => params.not_before = date_time_ymd(4000, 1, 1),
            }
            let certificate = params.signed_by(&key, &self.issuer)?;
            Ok(Identity { chain_pem: certificate.pem(), key_pem: key.serialize_pem() })
        })
    }
}

#[track_caller]
fn make<T>(name: &str, make: impl FnOnce() -> Result<T, rcgen::Error>) -> T {
    make().unwrap_or_else(|source| panic!("{}", Error::Certificate { name: name.into(), source }))
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

/// Whether a server asks its clients for certificates (`tls-auth-clients`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No.
    NotAsked,
    /// It takes what comes, and checks it.
    Optional,
    /// Who has none is refused.
    Required,
}

/// A server's port with TLS, for [`Options::tls`](crate::Options::tls).
#[derive(Debug, Clone)]
pub struct TlsPort {
    /// What the server shows.
    pub identity: Identity,
    /// The authority whose clients it accepts, PEM.
    pub client_authority_pem: String,
    /// Whether it asks them.
    pub clients: ClientCertificates,
}

impl TlsPort {
    /// A port that shows `identity`, which `authority` signed, and asks clients for nothing.
    pub fn new(identity: Identity, authority: &Authority) -> Self {
        let client_authority_pem = authority.pem().to_owned();
        TlsPort { identity, client_authority_pem, clients: ClientCertificates::NotAsked }
    }

    /// The same port, asking clients.
    #[must_use]
    pub fn clients(self, clients: ClientCertificates) -> Self {
        TlsPort { clients, ..self }
    }

    /// Writes the files into the server's folder; returns the settings that name them.
    pub(crate) fn settings(&self, dir: &Path) -> Result<[(&'static str, String); 4]> {
        let ask = match self.clients {
            ClientCertificates::NotAsked => "no",
            ClientCertificates::Optional => "optional",
            ClientCertificates::Required => "yes",
        };
        Ok([
            ("tls-cert-file", write(dir, "server.crt", &self.identity.chain_pem)?),
            ("tls-key-file", write(dir, "server.key", &self.identity.key_pem)?),
            ("tls-ca-cert-file", write(dir, "ca.crt", &self.client_authority_pem)?),
            ("tls-auth-clients", ask.to_owned()),
        ])
    }
}

fn write(dir: &Path, name: &str, text: &str) -> Result<String> {
    let path = dir.join(name);
    fs::write(&path, text).map_err(|source| Error::File { path: path.clone(), source })?;
    Ok(path.display().to_string())
}
