//! What the examples share: from a URL to a replica's options.

use std::error::Error;

use redis_replica::transport::{Options, Scheme, SourceUrl};

/// The argument of a program with one, or its text of help.
pub fn source_of(usage: &str) -> Result<Option<SourceUrl>, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [help] if help == "--help" || help == "-h" => {
            println!("{usage}");
            Ok(None)
        }
        [url] => Ok(Some(SourceUrl::parse(url)?)),
        _ => Err(usage.into()),
    }
}

/// Options for the source that a URL names.
pub fn options(url: SourceUrl) -> Result<Options, Box<dyn Error>> {
    let mut options = Options::new(url.endpoint.host, url.endpoint.port);
    options.driver.connection.credentials = url.credentials;
    if url.scheme == Scheme::Tls {
        secure(&mut options)?;
    }
    Ok(options)
}

#[cfg(feature = "tls")]
fn secure(options: &mut Options) -> Result<(), Box<dyn Error>> {
    use redis_replica::transport::tls::{TlsConfig, TlsConnector};
    options.driver.tls = Some(TlsConnector::new(TlsConfig::default())?);
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn secure(_: &mut Options) -> Result<(), Box<dyn Error>> {
    Err("this program was built without TLS: build it with --features tls".into())
}
