//! How a source is reached: which address, secured how, with which credentials.
//!
//! Files and variables are read, names resolved and addresses judged anew for each connection.

use std::net::SocketAddr;
use std::time::Duration;

use mirror_engine::SourcePolicy;
use mirror_engine::definition::{CredentialSource, TlsOptions};
use mirror_engine::policy::Denied;
use redis_replica::Credentials;
use redis_replica::transport::tls::{ClientIdentity, Roots, TlsConfig, TlsConnector, TlsError, Verification};
use redis_replica::transport::{ConnectError, Endpoint, Stream, connect, resolve};
use zeroize::Zeroizing;

use crate::secrets::{SecretError, SecretsDir, variable};

/// Why a source can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No address, no connection, no TLS.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The addresses are not for mirrors.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A file or variable that the definition names.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A certificate or key can't be used.
    #[error("the TLS options can't be used: {0}")]
    Tls(#[from] TlsError),
}

/// Where the password comes from, with the inline one in hand.
#[derive(Clone)]
pub enum Password {
    /// As the definition says.
    Named(CredentialSource),
    /// Given with the command.
    Inline(Zeroizing<Vec<u8>>),
}

/// What a link needs to reach its source. Both its connections use it.
#[derive(Clone)]
pub struct Access {
    /// The source's address.
    pub endpoint: Endpoint,
    /// The user to log in as; the default user has no need to be named.
    pub user: Option<String>,
    /// Its password.
    pub password: Password,
    /// How the connection is secured; `None` speaks plain TCP.
    pub tls: Option<TlsOptions>,
    /// Which addresses may be connected to.
    pub policy: SourcePolicy,
    /// Where files are.
    pub secrets: SecretsDir,
}

impl Access {
    /// A connection to the source; each step (name, connection, TLS handshake) has `timeout`.
    pub fn connect(&self, timeout: Duration) -> Result<Stream, AccessError> {
        let tls = self.tls.as_ref().map(|options| self.connector(options)).transpose()?;
        let addresses = self.allowed(resolve(&self.endpoint, timeout)?)?;
        let stream = connect(&addresses, timeout)?;
        match tls {
            Some(tls) => Ok(tls.secure(stream, &self.endpoint.host, timeout)?),
            None => Ok(stream),
        }
    }

    /// What AUTH needs; `None` sends none.
    pub fn credentials(&self) -> Result<Option<Credentials>, AccessError> {
        let password = match &self.password {
            Password::Inline(password) => password.clone(),
            Password::Named(CredentialSource::File(path)) => self.secrets.password(path)?,
            Password::Named(CredentialSource::Env(name)) => variable(name)?,
            Password::Named(CredentialSource::None | CredentialSource::Inline) => return Ok(None),
        };
        Ok(Some(match &self.user {
            Some(user) => Credentials::user(user.clone(), password.to_vec()),
            None => Credentials::password(password.to_vec()),
        }))
    }

    /// Whether a refused password may be another one the next time.
    pub fn may_change(&self) -> bool {
        matches!(&self.password, Password::Named(source) if source.is_reference())
    }

    fn allowed(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, AccessError> {
        let name = self.endpoint.to_string();
        let judge = |address: &SocketAddr| self.policy.check(&name, *address);
        let denied = addresses.iter().find_map(|address| judge(address).err());
        let allowed: Vec<SocketAddr> =
            addresses.into_iter().filter(|address| judge(address).is_ok()).collect();
        match denied {
            Some(denied) if allowed.is_empty() => Err(denied.into()),
            _ => Ok(allowed),
        }
    }

    fn connector(&self, options: &TlsOptions) -> Result<TlsConnector, AccessError> {
        let roots = match &options.ca {
            Some(path) => Roots::Pem(self.secrets.read(path)?.to_vec()),
            None => Roots::System,
        };
        let identity = match &options.identity {
            Some((chain, key)) => Some(ClientIdentity::new(
                self.secrets.read(chain)?.to_vec(),
                self.secrets.read(key)?.to_vec(),
            )),
            None => None,
        };
        let verification = if options.insecure { Verification::Insecure } else { Verification::Full };
        let server_name = options.server_name.clone();
        Ok(TlsConnector::new(TlsConfig { roots, identity, verification, server_name })?)
    }
}
