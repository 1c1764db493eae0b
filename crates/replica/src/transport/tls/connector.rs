//! What makes TLS connections: settings that were checked once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, ConfigBuilder, Error, WantsVerifier, client::WantsClientCert};
use rustls_pki_types::ServerName;

use super::any_certificate::AnyCertificate;
use super::config::{ClientIdentity, TlsConfig, TlsError, Verification, root_store};
use super::failure::TlsFailure;
use super::session::Session;
use super::stream::TlsStream;
use crate::transport::{ConnectError, Stream};

/// Makes TLS connections by settings that were checked once. Clones share them.
#[derive(Clone)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    server_name: Option<String>,
    verification: Verification,
}

impl TlsConnector {
    /// Reads and checks all of `config`. With [`Roots::System`](super::Roots::System) and full verification this
    /// reads the system's authorities from disk.
    ///
    /// # Errors
    /// The first thing that is wrong with `config`.
    pub fn new(config: TlsConfig) -> Result<Self, TlsError> {
        let server_name = config.server_name.clone();
        if server_name.as_ref().is_some_and(|name| ServerName::try_from(name.as_str()).is_err()) {
            return Err(TlsError::ServerName);
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsError::Unusable)?;
        let mut finished = identified(verifying(builder, &config, provider)?, config.identity.as_ref())?;
        // A link lives long: a ticket kept for the next one saves nothing worth keeping secrets for.
        finished.resumption = Resumption::disabled();
        Ok(TlsConnector { config: Arc::new(finished), server_name, verification: config.verification })
    }

    /// How servers are verified.
    pub fn verification(&self) -> Verification {
        self.verification
    }

    /// Makes the handshake over `stream`, which was connected to `host`, within `timeout`. The stream's own
    /// time-outs are used up: set them anew.
    ///
    /// # Errors
    /// [`ConnectError::Tls`] with the reason.
    pub fn secure(&self, stream: Stream, host: &str, timeout: Duration) -> Result<Stream, ConnectError> {
        let deadline = Instant::now() + timeout;
        let Stream::Tcp(socket) = stream else { return Err(TlsFailure::AlreadySecured.into()) };
        let name = self.server_name.as_deref().unwrap_or(host);
        let session = Session::new(Arc::clone(&self.config), name)?;
        let mut stream = TlsStream::new(socket, session);
        match stream.handshake(deadline) {
            Ok(()) => Ok(Stream::Tls(Box::new(stream))),
            Err(TlsFailure::TimedOut { .. }) => Err(TlsFailure::TimedOut { waited: timeout }.into()),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TlsConnector")
            .field("server_name", &self.server_name)
            .field("verification", &self.verification)
            .finish_non_exhaustive()
    }
}

fn verifying(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    config: &TlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    if config.verification == Verification::Insecure {
        let any = Arc::new(AnyCertificate(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(any));
    }
    let roots = Arc::new(root_store(&config.roots)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    Ok(builder.with_webpki_verifier(verifier.map_err(|_| TlsError::Unusable)?))
}

fn identified(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, TlsError> {
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    builder.with_client_auth_cert(identity.chain()?, identity.key()?).map_err(|error| match error {
        Error::InconsistentKeys(_) => TlsError::KeyMismatch,
        Error::InvalidCertificate(_) => TlsError::IdentityUnreadable,
        _ => TlsError::KeyUnreadable,
    })
}
