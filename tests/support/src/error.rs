use std::path::PathBuf;
use std::time::Duration;

/// What can go wrong between a test and its servers.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection could not be made, broke, or was silent for longer than the client's time-out.
    #[error("connection to {peer}: {source}")]
    Connection {
        /// The server's address.
        peer: String,
        /// What the socket said.
        source: std::io::Error,
    },
    /// The peer sent something that is no RESP.
    #[error("not RESP: {0}")]
    Protocol(String),
    /// The server answered with an error.
    #[error("{command}: {message}")]
    Refused {
        /// The command, shortened.
        command: String,
        /// The server's words, code first.
        message: String,
    },
    /// The server answered with another kind of value than was asked for.
    #[error("{command}: expected {expected}, got {got}")]
    Unexpected {
        /// The command, shortened.
        command: String,
        /// The kind of value the caller wants.
        expected: &'static str,
        /// The value that came.
        got: String,
    },
    /// A server program did not come up.
    #[error("{name} did not start: {reason}\n{log}")]
    Start {
        /// The server's name.
        name: String,
        /// What it did instead.
        reason: String,
        /// The end of its log.
        log: String,
    },
    /// A condition did not come true in time.
    #[error("waited {waited:?} for {what}; last seen: {seen}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        waited: Duration,
        /// The last observation.
        seen: String,
    },
    /// There is no module to load, or one that doesn't match the sources.
    #[error("{}: {problem}; run `make build` (or `make test`), or set REDIS_MIRROR_MODULE", path.display())]
    Module {
        /// Where the module should be.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate could not be made.
    #[error("certificate for {name}: {source}")]
    Certificate {
        /// Whose.
        name: String,
        /// What the library said.
        source: rcgen::Error,
    },
    /// A file or folder of a server could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// The server's words when it refused a command.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Error::Refused { message, .. } => Some(message),
            _ => None,
        }
    }
}

/// A result with this library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
