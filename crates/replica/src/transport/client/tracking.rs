//! Client-side caching: being told when keys change.

use crate::resp::Value;

use super::{Client, ClientError};

/// Which keys are tracked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TrackedKeys {
    /// Those that this connection read.
    #[default]
    Read,
    /// Those that commands right behind `CLIENT CACHING YES` read (OPTIN).
    OptIn,
    /// Those that this connection read, but for commands right behind `CLIENT CACHING NO` (OPTOUT).
    OptOut,
    /// All that begin with one of these, read or not (BCAST); none at all means every key. They must not overlap.
    Broadcast(Vec<Vec<u8>>),
}

/// Whether changes by this very connection are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnChanges {
    /// They are.
    #[default]
    Told,
    /// They are not (NOLOOP).
    Hidden,
}

/// What is tracked, and for whom: `CLIENT TRACKING ON`. Redis 6.0 and newer, Valkey.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tracking {
    /// Which keys.
    pub keys: TrackedKeys,
    /// Whether changes by this very connection are told.
    pub own_changes: OwnChanges,
    /// The client id of another connection that is told instead (REDIRECT).
    pub redirect_to: Option<i64>,
}

impl Tracking {
    pub(super) fn args(&self) -> Vec<Vec<u8>> {
        let mut args: Vec<Vec<u8>> = ["CLIENT", "TRACKING", "ON"].map(|word| word.as_bytes().to_vec()).into();
        let mut push = |word: &[u8]| args.push(word.to_vec());
        if let Some(id) = self.redirect_to {
            push(b"REDIRECT");
            push(id.to_string().as_bytes());
        }
        match &self.keys {
            TrackedKeys::Read => {}
            TrackedKeys::OptIn => push(b"OPTIN"),
            TrackedKeys::OptOut => push(b"OPTOUT"),
            TrackedKeys::Broadcast(prefixes) => {
                push(b"BCAST");
                prefixes.iter().for_each(|prefix| {
                    push(b"PREFIX");
                    push(prefix);
                });
            }
        }
        if self.own_changes == OwnChanges::Hidden {
            push(b"NOLOOP");
        }
        args
    }
}

impl Client {
    /// Asks to be told when keys change: pushes `invalidate` go to the handler of that name. Register it before.
    ///
    /// # Errors
    /// The client speaks RESP2, the server refused (the client stays usable), or as for
    /// [`command`](Self::command).
    pub fn track(&mut self, tracking: Tracking) -> Result<(), ClientError> {
        self.need_resp3()?;
        let args = tracking.args();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        expect_ok("CLIENT TRACKING ON", self.command(&args)?)?;
        self.tracking = Some(tracking);
        Ok(())
    }

    /// Ends tracking.
    ///
    /// # Errors
    /// As for [`track`](Self::track).
    pub fn untrack(&mut self) -> Result<(), ClientError> {
        self.need_resp3()?;
        expect_ok("CLIENT TRACKING OFF", self.command(&[b"CLIENT", b"TRACKING", b"OFF"])?)?;
        self.tracking = None;
        Ok(())
    }
}

pub(super) fn expect_ok(request: &'static str, reply: Value) -> Result<(), ClientError> {
    match reply {
        Value::Simple(_) => Ok(()),
        Value::Error(_) => Err(ClientError::Refused { request, reply }),
        _ => Err(ClientError::UnexpectedReply),
    }
}
