//! What can go wrong between a module and its server, one named variant per cause.

/// An error of the wrapper. A command handler that returns one answers it to its client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server that loaded the module lacks a function, a flag or an event.
    #[error("this server has no {function}: it came with {since}")]
    Unsupported {
        /// The function, flag or event that is missing.
        function: &'static str,
        /// The first versions that have it.
        since: &'static str,
    },
    /// The server has the function and refused the call.
    #[error("the server refused {function}: {reason}")]
    Refused {
        /// The function that was refused.
        function: &'static str,
        /// What the server's source gives as the cause.
        reason: &'static str,
    },
    /// A name, a text or a number is outside what the server accepts.
    #[error("{what} is not valid: {reason}")]
    Invalid {
        /// What was passed.
        what: &'static str,
        /// The limit it breaks.
        reason: &'static str,
    },
    /// What the module registers while it loads was not taken. It is told by its name.
    #[error("{what} \"{name}\" can't be registered: {error}")]
    Registration {
        /// What it is: a command, a config.
        what: &'static str,
        /// Its name; what is not printable is escaped, and what is very long is cut.
        name: String,
        /// Why it was not taken.
        error: Box<Error>,
    },
    /// A handler was called with too few or too many arguments.
    #[error("wrong number of arguments")]
    WrongArity,
    /// An argument that should be a whole number is not one, or is out of range.
    #[error("value is not an integer or out of range")]
    NotAnInteger,
    /// An argument that should be a number is not one.
    #[error("value is not a valid float")]
    NotANumber,
    /// An argument that the command does not know.
    #[error("syntax error")]
    Syntax,
    /// The key holds a value of another type.
    #[error("Operation against a key holding the wrong kind of value")]
    WrongType,
    /// The key does not exist.
    #[error("no such key")]
    NoSuchKey,
    /// The key is open, or a key is and this could change its value: close it first.
    #[error("a key is open here: close it first")]
    KeyIsOpen,
    /// There is no database of that number.
    #[error("DB index is out of range")]
    NoSuchDb,
    /// The server has no config of that name, or it is of another kind.
    #[error("the server has no such config")]
    NoSuchConfig,
    /// The server refused a config's new value, and kept the old one.
    #[error("the server refused the config: {reason}")]
    ConfigRefused {
        /// The server's own words.
        reason: String,
    },
    /// The command has begun its one reply, or has blocked its client.
    #[error("the client was answered already: a command replies once")]
    AlreadyAnswered,
    /// A streamed reply was given more values than it announced, or less.
    #[error("the reply holds another number of values than it announced")]
    ReplyCount,
    /// The state is in use by an outer call of the same callback chain.
    #[error("the module's state is in use by an outer call")]
    Busy,
    /// This client cannot be blocked: it runs a transaction or a script.
    #[error("a blocking command is not allowed inside a transaction or a script")]
    BlockingDenied,
    /// The server can't be written to at this moment.
    #[error(transparent)]
    NotNow(#[from] crate::write::NotNow),
    /// A rule of a user's rights that the server does not take; the text is its own.
    #[error("{0}")]
    AclRule(String),
    /// The data being loaded ended early or holds something else than expected.
    #[error("the data being loaded is cut short or corrupt")]
    ShortRead,
    /// A system call failed.
    #[error("{call} failed: errno {errno}")]
    Os {
        /// The system call.
        call: &'static str,
        /// Its `errno`.
        errno: i32,
    },
    /// A call into the server failed before the command ran.
    #[error(transparent)]
    Call(#[from] crate::call::CallError),
    /// What the module itself has to say; it is shown as it stands.
    #[error("{0}")]
    Module(String),
}

impl Error {
    /// An error in the module's own words.
    pub fn module(text: impl Into<String>) -> Self {
        Self::Module(text.into())
    }

    /// Names what could not be registered, if the error is not in words that do.
    pub(crate) fn of(self, what: &'static str, name: &[u8]) -> Self {
        /// The longest name shown in full, in bytes.
        const SHOWN_MAX: usize = 64;
        if matches!(self, Self::Module(_) | Self::Registration { .. }) {
            return self;
        }
        let cut = if name.len() > SHOWN_MAX { ".." } else { "" };
        let shown = name[..name.len().min(SHOWN_MAX)].escape_ascii();
        Self::Registration { what, name: format!("{shown}{cut}"), error: Box::new(self) }
    }

    /// The code a client sees before the message, as in `-WRONGTYPE ..`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongType => "WRONGTYPE",
            Self::Busy => "BUSY",
            _ => "ERR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_is_named_once_and_in_one_line() {
        let error = Error::WrongType.of("the command", b"a\n\"b\xff").of("the module", b"m");
        assert_eq!(
            error.to_string(),
            format!("the command \"a\\n\\\"b\\xff\" can't be registered: {}", Error::WrongType)
        );
        let long = Error::Syntax.of("the config", &[b'x'; 1000]).to_string();
        assert!(long.len() < 200 && long.contains("x..\""), "{long}");
    }
}
