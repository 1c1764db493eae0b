//! How a connection to a source is secured: the TLS options.

use super::DefinitionError;
use super::credentials::check_path;
use super::source::check_host;

/// The TLS options of a mirror. Without any, the system's certificate authorities are trusted and the
/// certificate must be for the host in the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// A file of certificate authorities (PEM) to trust instead of the system's.
    pub ca: Option<String>,
    /// The certificate (PEM, the chain behind it) and the private key to show to the source.
    pub identity: Option<(String, String)>,
    /// The name to ask for and to verify, instead of the URL's host.
    pub server_name: Option<String>,
    /// Any certificate will do.
    pub insecure: bool,
}

impl TlsOptions {
    /// Reads one option: what stands behind the word TLS.
    pub(super) fn read<'a>(
        &mut self,
        word: &[u8],
        mut next: impl FnMut(&'static str) -> Result<&'a [u8], DefinitionError>,
    ) -> Result<(), DefinitionError> {
        match word.to_ascii_uppercase().as_slice() {
            b"CA" => set(&mut self.ca, check_path("TLS CA", next("TLS CA")?)?, "TLS CA"),
            b"CERT" => {
                let certificate = check_path("TLS CERT", next("TLS CERT")?)?;
                if !next("TLS CERT")?.eq_ignore_ascii_case(b"KEY") {
                    return Err(DefinitionError::Incomplete { option: "TLS CERT" });
                }
                let key = check_path("KEY", next("KEY")?)?;
                set(&mut self.identity, (certificate, key), "TLS CERT")
            }
            b"SNI" => set(&mut self.server_name, check_host(next("TLS SNI")?)?, "TLS SNI"),
            b"INSECURE" => super::parse::once(&mut self.insecure, "TLS INSECURE"),
            _ => Err(DefinitionError::TlsOption),
        }
    }

    /// Options that contradict each other.
    pub(super) fn check(&self) -> Result<(), DefinitionError> {
        if self.insecure && self.ca.is_some() { Err(DefinitionError::InsecureWithCa) } else { Ok(()) }
    }

    /// The words of the stored form, which [`TlsOptions::read`] takes behind `TLS`.
    pub(super) fn words(&self) -> Vec<Vec<&str>> {
        let mut words = Vec::new();
        words.extend(self.ca.iter().map(|path| vec!["CA", path]));
        words.extend(self.identity.iter().map(|(certificate, key)| vec!["CERT", certificate, "KEY", key]));
        words.extend(self.server_name.iter().map(|name| vec!["SNI", name]));
        words.extend(self.insecure.then(|| vec!["INSECURE"]));
        words
    }
}

fn set<T>(place: &mut Option<T>, value: T, option: &'static str) -> Result<(), DefinitionError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DefinitionError::Duplicate { option }),
    }
}
