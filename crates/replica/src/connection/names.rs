//! What the source calls the commands that a replica sends.

/// The names of the commands that a replica sends, for a source that renamed them (`rename-command`).
///
/// What has no name (an empty text: the source renamed it to nothing) is not sent:
///
/// | without | the link |
/// |---|---|
/// | `ping`, `auth` | begins with the next step |
/// | `replconf` | announces nothing, so the snapshot comes through the source's disk, and keeps itself alive by newlines |
/// | `psync` | asks by SYNC, and can't be resumed |
/// | `sync` | fails where the source does not know PSYNC either |
///
/// A server takes PSYNC under another name for SYNC, because it compares the name as it was sent (syncCommand in
/// replication.c, tried from Redis 7.0 to 8.6 and Valkey 9.1): such a link can't be resumed. Services that rename PSYNC
/// may do better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandNames {
    /// `PING`.
    pub ping: String,
    /// `AUTH`.
    pub auth: String,
    /// `REPLCONF`.
    pub replconf: String,
    /// `PSYNC`.
    pub psync: String,
    /// `SYNC`, for sources that don't know PSYNC.
    pub sync: String,
}

impl Default for CommandNames {
    fn default() -> Self {
        let [ping, auth, replconf, psync, sync] =
            ["PING", "AUTH", "REPLCONF", "PSYNC", "SYNC"].map(String::from);
        CommandNames { ping, auth, replconf, psync, sync }
    }
}
