//! How a command has to be run.

use super::unbroken::Unbroken;
use super::{CallError, CallFlags};
use crate::context::WriteContext;
use crate::loading::Meanwhile;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Plain,
    /// A script, which is not to be interrupted.
    Script,
    /// In the middle of a load.
    WithoutWrites,
}

/// What is held while the command runs.
#[allow(dead_code, reason = "they are held")]
pub(super) enum Held<'c, 'cx> {
    Nothing,
    Unbroken(Unbroken<'c, 'cx>),
    Meanwhile(Meanwhile),
}

impl Manner {
    #[cold]
    pub(super) fn begin<'c, 'cx>(self, ctx: &'c WriteContext<'cx>) -> Result<Held<'c, 'cx>, CallError> {
        Ok(match self {
            Self::Plain => Held::Nothing,
            Self::Script => Held::Unbroken(Unbroken::begin(ctx)?),
            Self::WithoutWrites => Held::Meanwhile(Meanwhile::begin()),
        })
    }

    /// The flags to send for these.
    pub(super) fn flags(self, flags: CallFlags) -> CallFlags {
        if self == Self::WithoutWrites { flags | CallFlags::NO_WRITES } else { flags }
    }

    /// Why the command did not run, in place of what the server's errno says.
    pub(super) fn error(self, error: CallError) -> CallError {
        use CallError::{OutOfMemory, WriteNotAllowed, WriteOrMemoryNotAllowed};
        match (self, error) {
            (Self::WithoutWrites, OutOfMemory | WriteNotAllowed | WriteOrMemoryNotAllowed) => {
                CallError::Loading
            }
            (_, error) => error,
        }
    }
}
