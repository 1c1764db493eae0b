use redis::RedisError;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused, or can't be reached.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// A reply is not what RECORD.* answers: the server is another version.
    #[error("the server answered something else than {0}")]
    Reply(&'static str),
}

impl Error {
    /// The first word of the server's refusal: `RECVERSION`, `RECFENCED`, ..
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Redis(error) => error.code(),
            Error::Reply(_) => None,
        }
    }

    /// Whether a reader has to read the state again: the history that it knows has ended, or what it has not read yet is no
    /// longer kept.
    pub fn needs_state(&self) -> bool {
        matches!(self.code(), Some("RECEPOCH" | "RECCOMPACTED"))
    }

    /// Whether another connection may do: nothing is known of the command that met this.
    pub fn is_link(&self) -> bool {
        matches!(self, Error::Redis(error) if error.is_io_error() || error.is_connection_dropped())
    }
}
