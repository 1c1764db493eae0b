//! Why a command that is known could not be read.

/// A known command whose arguments don't fit it.
///
/// A source replicates what it has carried out, so this is a form of a newer server or a broken stream. The raw arguments
/// are still there, and [`Entry::keys`](crate::callback::Entry::keys) may tell which keys to take for changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{command}: argument {argument}: {problem}; use the raw arguments, or treat the command's keys as changed"
)]
pub struct TypedError {
    /// The command's name in small letters.
    pub command: &'static str,
    /// Which argument; the name is 0. One past the last if an argument is missing.
    pub argument: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is none.
    #[error("the {0} is missing")]
    Missing(&'static str),
    /// It is not what must stand there.
    #[error("this is no {0}")]
    Invalid(&'static str),
    /// The command has no such option, or no argument there.
    #[error("nothing like this is known here")]
    Unexpected,
    /// An option that can't go with one before it.
    #[error("this contradicts an option before it")]
    Conflict,
}
