//! What a command does and when it may run.

use std::ffi::CString;

use crate::error::Error;

bitflags::bitflags! {
    /// Flags of a command (`commandFlagsFromString`, module.c; the same in Redis 7.0-8.6 and Valkey 8.0-9.1).
    /// That a command can tell its keys or channels by itself is not a flag here: see
    /// [`crate::LoadContext::command_with_keys`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct CommandFlags: u32 {
        /// May change data.
        const WRITE = 1 << 0;
        /// Reads data and never changes it.
        const READONLY = 1 << 1;
        /// An administrator's command.
        const ADMIN = 1 << 2;
        /// May use more memory: refused when there is none.
        const DENY_OOM = 1 << 3;
        /// Not allowed in scripts.
        const DENY_SCRIPT = 1 << 4;
        /// Allowed while the server loads its data. It can't write then, in any way.
        const ALLOW_LOADING = 1 << 5;
        /// Publishes to channels.
        const PUBSUB = 1 << 6;
        /// May block its client.
        const BLOCKING = 1 << 7;
        /// Allowed on a replica with stale data.
        const ALLOW_STALE = 1 << 8;
        /// Not shown in MONITOR.
        const NO_MONITOR = 1 << 9;
        /// Not kept in SLOWLOG.
        const NO_SLOWLOG = 1 << 10;
        /// Takes no more than log(N) steps.
        const FAST = 1 << 11;
        /// Allowed before authentication.
        const NO_AUTH = 1 << 12;
        /// Replicates although it is no write.
        const MAY_REPLICATE = 1 << 13;
        /// Not usable in a cluster: there its registration is refused.
        const NO_CLUSTER = 1 << 14;
        /// Works without its keys.
        const NO_MANDATORY_KEYS = 1 << 15;
        /// Allowed while a script or another command keeps the server busy.
        const ALLOW_BUSY = 1 << 16;
    }
}

bitflags::bitflags! {
    /// How a command uses a key. One of `RO`, `RW`, `OW` and `RM` is required, and at most one of `UPDATE`,
    /// `INSERT` and `DELETE` is allowed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct KeyAccess: u64 {
        /// Reads the value.
        const RO = 1 << 0;
        /// Reads and changes the value.
        const RW = 1 << 1;
        /// Overwrites the value.
        const OW = 1 << 2;
        /// Removes the key.
        const RM = 1 << 3;
        /// Gives the user the value, or something of it.
        const ACCESS = 1 << 4;
        /// Changes what is there.
        const UPDATE = 1 << 5;
        /// Adds to what is there.
        const INSERT = 1 << 6;
        /// Takes from what is there.
        const DELETE = 1 << 7;
        /// Is not a key, but is routed as one.
        const NOT_KEY = 1 << 8;
        /// The spec does not find all the keys.
        const INCOMPLETE = 1 << 9;
        /// Other arguments may change these flags.
        const VARIABLE_FLAGS = 1 << 10;
    }
}

impl CommandFlags {
    /// The server's names of these flags, `more` included, separated by spaces.
    pub(super) fn names(self, more: &[&str]) -> Result<CString, Error> {
        const UNKNOWN: Error = Error::Invalid { what: "a command's flags", reason: "a bit has no meaning" };
        if !Self::all().contains(self) {
            return Err(UNKNOWN);
        }
        let names: Vec<String> = self
            .iter_names()
            .map(|(name, _)| name.to_ascii_lowercase().replace('_', "-"))
            .chain(more.iter().map(|&name| name.to_owned()))
            .collect();
        CString::new(names.join(" ")).map_err(|_| UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_as_the_server_names_them() {
        let flags = CommandFlags::WRITE | CommandFlags::DENY_OOM | CommandFlags::NO_MANDATORY_KEYS;
        let names = flags.names(&["getkeys-api"]).expect("known flags");
        assert_eq!(names.to_bytes(), b"write deny-oom no-mandatory-keys getkeys-api");
        assert_eq!(CommandFlags::empty().names(&[]).expect("no flags").to_bytes(), b"");
        assert!(CommandFlags::from_bits_retain(1 << 31).names(&[]).is_err());
    }
}
