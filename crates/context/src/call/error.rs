//! Why a command did not run.

use std::io;

use super::format::CallFlags;

/// Why a command did not run (`RM_Call`'s errno, module.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server knows no such command.
    #[error("the server knows no such command")]
    UnknownCommand,
    /// The command takes another number of arguments.
    #[error("wrong number of arguments for the command")]
    WrongArity,
    /// The user may not run it on these keys.
    #[error("the user has no permission for the command or its keys")]
    NotPermitted,
    /// There is no user to run it as.
    #[error("there is no user to run the command as")]
    NoUser,
    /// A key belongs to a slot of another node.
    #[error("a key of the command belongs to another cluster node")]
    NotMySlot,
    /// The cluster is down.
    #[error("the cluster is down")]
    ClusterDown,
    /// The cluster is down and may only be read.
    #[error("the cluster is down and may only be read")]
    ClusterReadOnly,
    /// The command uses memory and there is none left ([`CallFlags::RESPECT_DENY_OOM`]).
    #[error("there is no memory left for the command")]
    OutOfMemory,
    /// The command writes ([`CallFlags::NO_WRITES`]).
    #[error("the command writes, which this call does not allow")]
    WriteNotAllowed,
    /// It writes, or there is no memory: both were forbidden.
    #[error("the command writes or needs memory, which this call does not allow")]
    WriteOrMemoryNotAllowed,
    /// The command is not for scripts, or a script could not write now ([`CallFlags::SCRIPT_MODE`]).
    #[error("the command is not allowed in script mode, or writes are not possible now")]
    NotInScripts,
    /// A key is open, whose value the command could free: close it first.
    #[error("a key is open here: close it first")]
    KeyIsOpen,
    /// The server would not survive it: CLIENT KILL frees the clients it hits at once, among them the one whose
    /// command is being run; so do, on Redis 7.0 and Valkey 8, ACL SETUSER and LOAD; MODULE UNLOAD inside a server
    /// event, a posted job or a watcher takes a listener away that the server comes to next; SYNC and PSYNC write to a
    /// connection that there is not; WAIT blocks before 7.2; CLIENT PAUSE and FAILOVER pause the server before it has
    /// propagated what this callback wrote. A blocking call also refuses what subscribes, monitors or shuts down.
    #[error("the server does not survive this command when a module runs it")]
    NotForModules,
    /// Writes are paused (CLIENT PAUSE, a failover, a shutdown), so nothing may be replicated: a server that is made to
    /// aborts. Clients' commands wait for the end of the pause if they are registered with
    /// [`crate::CommandFlags::WRITE`] or [`crate::CommandFlags::MAY_REPLICATE`]. A transaction that begins the pause itself
    /// is refused all the same.
    #[error("writes are paused: register commands that replicate with the flag WRITE or MAY_REPLICATE")]
    WritesPaused,
    /// A command of [`crate::WriteContext::call_promise`] has waited, and clients were paused when what it waited for came:
    /// the server forgets it when the pause ends. It has done nothing; call it again.
    #[error("clients were paused when what the command waited for came, and it did not run: call it again")]
    Postponed,
    /// Clients that wait are being served, and the command could end another one's wait (CLIENT UNBLOCK, a change of
    /// the server's role, in a cluster also scripts): post it as a job, or start a timer.
    #[error("this command could unblock clients, while the server serves those that wait")]
    NotWhileServing,
    /// A command that may wait was to run with the rights of a user. The server keeps the user's address while the
    /// command waits, and nothing keeps the user: check the rights first, by [`crate::Context::check_command`].
    #[error("a command that may wait can't run as a user, who may be gone when it goes on")]
    UserMayGo,
    /// The server loads its data, and the command of a client that was let through meanwhile
    /// ([`crate::CommandFlags::ALLOW_LOADING`]) wants to write, or runs a script: the load would end the server when it
    /// comes to the same key.
    #[error("the server is loading its data: nothing else may be written")]
    Loading,
    /// The server lacks a flag.
    #[error("this server has no call flag {flag}: it came with {since}")]
    Unsupported {
        /// The flag.
        flag: &'static str,
        /// The first versions that have it.
        since: &'static str,
    },
    /// A cause that this crate does not know.
    #[error("the command did not run: errno {0}")]
    Other(i32),
}

impl CallError {
    /// The cause of a call that gave no reply.
    #[cold]
    pub(super) fn last(flags: CallFlags) -> Self {
        Self::from_errno(io::Error::last_os_error().raw_os_error().unwrap_or_default(), flags)
    }

    fn from_errno(errno: i32, flags: CallFlags) -> Self {
        match errno {
            libc::ENOENT => Self::UnknownCommand,
            libc::EINVAL => Self::WrongArity,
            libc::EACCES => Self::NotPermitted,
            libc::ENOTSUP => Self::NoUser,
            libc::EPERM => Self::NotMySlot,
            libc::ENETDOWN => Self::ClusterDown,
            libc::EROFS => Self::ClusterReadOnly,
            libc::ESPIPE => Self::NotInScripts,
            libc::ENOSPC => Self::no_space(flags),
            other => Self::Other(other),
        }
    }

    /// One errno stands for two causes.
    fn no_space(flags: CallFlags) -> Self {
        match (flags.contains(CallFlags::NO_WRITES), flags.contains(CallFlags::RESPECT_DENY_OOM)) {
            (true, false) => Self::WriteNotAllowed,
            (false, _) => Self::OutOfMemory,
            (true, true) => Self::WriteOrMemoryNotAllowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_errno_of_two_causes_is_told_apart_by_the_flags() {
        let cause = |flags| CallError::from_errno(libc::ENOSPC, flags);
        assert_eq!(cause(CallFlags::NO_WRITES), CallError::WriteNotAllowed);
        assert_eq!(cause(CallFlags::RESPECT_DENY_OOM), CallError::OutOfMemory);
        let both = CallFlags::NO_WRITES | CallFlags::RESPECT_DENY_OOM;
        assert_eq!(cause(both), CallError::WriteOrMemoryNotAllowed);
        assert_eq!(CallError::from_errno(4242, both), CallError::Other(4242));
    }
}
