//! What the user asked for: one mirror's immutable definition, its command syntax and its stored form.

use zeroize::Zeroizing;

use crate::glob::{FilterError, Glob};

mod codec;
mod credentials;
mod dbs;
mod parse;
mod source;
#[cfg(test)]
mod tests;
mod tls;

pub use codec::DecodeError;
pub use credentials::{CredentialSource, ENV_PREFIX};
pub use dbs::{DB_MAX, DbMap, DbPair};
pub use parse::{parse, parse_login, secret_args};
pub use source::{Scheme, SourceUrl, UrlError};
pub use tls::TlsOptions;

/// The longest name of a mirror, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest STRIP or PREFIX, in bytes.
pub const PREFIX_BYTES_MAX: usize = 1024;
/// The most MATCH (or EXCEPT) patterns of one mirror.
pub const PATTERNS_MAX: usize = 64;

/// One mirror as its user defined it. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Unique on this server: letters, digits, `_`, `-`, `.`, `:`; at most [`NAME_BYTES_MAX`].
    pub name: Vec<u8>,
    /// Where the data comes from.
    pub source: SourceUrl,
    /// Which dbs, and where they go.
    pub dbs: DbMap,
    /// A source key must match one of these, unless there are none.
    pub matches: Vec<Glob>,
    /// A source key must match none of these.
    pub excepts: Vec<Glob>,
    /// Only source keys that start with this; it is cut off.
    pub strip: Vec<u8>,
    /// Put in front of what is left.
    pub prefix: Vec<u8>,
    /// The mirror takes over the keys it finds in its scope.
    pub adopt: bool,
    /// Created without connecting.
    pub paused: bool,
    /// Where the password comes from.
    pub credentials: CredentialSource,
    /// How the connection is secured, if the URL says that it is.
    pub tls: TlsOptions,
}

/// A parsed `MIRROR.CREATE`.
#[derive(Debug)]
pub struct Parsed {
    /// What is stored and replicated.
    pub definition: Definition,
    /// The inline password, wiped when dropped. Its user name is in [`SourceUrl::user`].
    pub password: Option<Zeroizing<Vec<u8>>>,
}

/// Why the arguments of `MIRROR.CREATE` were refused. No text repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// No name or no URL.
    #[error("wrong number of arguments: a name and a source URL are needed")]
    Missing,
    /// The name is empty, too long or has other characters.
    #[error("a mirror's name has 1 to {NAME_BYTES_MAX} letters, digits or _ - . :")]
    Name,
    /// The source's address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// An option this version does not know.
    #[error("unknown option at argument {position}")]
    UnknownOption {
        /// Counted from 1, the name first.
        position: usize,
    },
    /// An option of a later version.
    #[error("the option {option} is not supported yet")]
    OptionNotSupported {
        /// Its name.
        option: &'static str,
    },
    /// An option given twice that may be given once.
    #[error("the option {option} is given twice")]
    Duplicate {
        /// Its name.
        option: &'static str,
    },
    /// An option whose arguments are missing.
    #[error("the option {option} lacks an argument")]
    Incomplete {
        /// Its name.
        option: &'static str,
    },
    /// A value that is too long.
    #[error("the value of {option} is too long: at most {limit} bytes are allowed")]
    TooLong {
        /// Its name.
        option: &'static str,
        /// In bytes.
        limit: usize,
    },
    /// More MATCH or EXCEPT patterns than allowed.
    #[error("too many {option} patterns: at most {PATTERNS_MAX} are allowed")]
    TooManyPatterns {
        /// MATCH or EXCEPT.
        option: &'static str,
    },
    /// A db number that isn't one.
    #[error("the option {option} needs a db number from 0 to {DB_MAX}")]
    Db {
        /// DB or TO.
        option: &'static str,
    },
    /// A db of the source named twice.
    #[error("db {db} of the source is given twice")]
    SourceDbTwice {
        /// Which.
        db: u32,
    },
    /// Two dbs of the source would share one here.
    #[error("two dbs of the source would go to db {db} here: choose another with TO")]
    LocalDbTwice {
        /// Which.
        db: u32,
    },
    /// A db in the URL and DB options as well.
    #[error("the URL names a db and so does the option DB: use one of them")]
    DbInUrlAndOption,
    /// More dbs than allowed.
    #[error("too many DB options: at most {limit} are allowed")]
    TooManyDbs {
        /// The limit.
        limit: usize,
    },
    /// A path that can't be used.
    #[error("the value of {option} is not a path within the folder for secrets")]
    Path {
        /// Its option.
        option: &'static str,
    },
    /// A variable that isn't meant for mirrors.
    #[error("AUTH ENV takes the name of a variable that begins with {ENV_PREFIX}")]
    Variable,
    /// A word behind TLS that is none of its options.
    #[error("TLS is followed by CA path, CERT path KEY path, SNI name or INSECURE")]
    TlsOption,
    /// TLS options for a connection without TLS.
    #[error("TLS options need a URL that begins with rediss://")]
    TlsWithoutTls,
    /// Verification is switched off and told how to verify.
    #[error("TLS INSECURE and TLS CA contradict each other")]
    InsecureWithCa,
    /// A user in the URL and another in AUTH.
    #[error("the URL names a user and so does AUTH: use one of them")]
    UserTwice,
    /// A user in the URL, and no password anywhere.
    #[error("the URL names a user: give the password with AUTH FILE or AUTH ENV")]
    UserWithoutPassword,
    /// A pattern that can't be used.
    #[error("the pattern of {option} was refused: {error}")]
    Pattern {
        /// MATCH or EXCEPT.
        option: &'static str,
        /// Why.
        error: FilterError,
    },
}
