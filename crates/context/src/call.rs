//! Running the server's own commands.

/// Why a command did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server knows no such command.
    #[error("the server knows no such command")]
    UnknownCommand,
}
