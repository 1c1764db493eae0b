//! Commands that are known and not applied, each with its reason.

/// Why a known command isn't applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedReason {
    /// Its effects can't be told from its text.
    #[error(
        "scripts are refused: their effects can't be told from the call (servers from 7.0 on replicate the effects)"
    )]
    Script,
    /// Libraries and scripts of the source are not data.
    #[error("scripts and function libraries are not mirrored")]
    Code,
    /// Messages are not data.
    #[error("published messages are not mirrored")]
    Message,
    /// Replicated as something else by every known server, so this is no data of theirs.
    #[error("servers never replicate this command as it is")]
    NeverReplicated,
    /// A type this version does not mirror.
    #[error("this data type is not mirrored")]
    DataType,
    /// It administers a server.
    #[error("administration commands are never applied")]
    Administration,
    /// The source removes keys by slot, without naming them.
    #[error("the source removed the keys of whole slots without naming them: the mirror must resync")]
    SlotRemoval,
    /// A command of a module.
    #[error("commands of modules are not applied")]
    Module,
    /// Not in any table.
    #[error("this command is not known")]
    Unknown,
    /// In the table, with arguments that don't say which keys it uses.
    #[error("the command's arguments do not say which keys it uses")]
    Malformed,
}

/// A refused command. A name of two words is a command and its subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// In small letters, subcommands behind a `|`.
    pub name: &'static str,
    /// Why.
    pub reason: RefusedReason,
}

const fn refuse(name: &'static str, reason: RefusedReason) -> Refused {
    Refused { name, reason }
}

/// The known commands that are refused.
#[rustfmt::skip]
pub static REFUSED: [Refused; 40] = {
    use RefusedReason as R;
    [
        refuse("eval", R::Script), refuse("evalsha", R::Script), refuse("fcall", R::Script),
        refuse("eval_ro", R::Script), refuse("evalsha_ro", R::Script), refuse("fcall_ro", R::Script),
        refuse("script", R::Code), refuse("function", R::Code),
        refuse("function|load", R::Code), refuse("function|delete", R::Code),
        refuse("function|flush", R::Code), refuse("function|restore", R::Code),
        refuse("publish", R::Message), refuse("spublish", R::Message),
        refuse("migrate", R::NeverReplicated), refuse("xreadgroup", R::NeverReplicated),
        refuse("xautoclaim", R::NeverReplicated),
        refuse("vadd", R::DataType), refuse("vrem", R::DataType), refuse("vsetattr", R::DataType),
        refuse("trimslots", R::SlotRemoval), refuse("cluster|flushslot", R::SlotRemoval), refuse("cluster", R::SlotRemoval),
        refuse("config", R::Administration), refuse("module", R::Administration), refuse("debug", R::Administration),
        refuse("shutdown", R::Administration), refuse("acl", R::Administration), refuse("replicaof", R::Administration),
        refuse("slaveof", R::Administration), refuse("failover", R::Administration), refuse("client", R::Administration),
        refuse("bgsave", R::Administration), refuse("save", R::Administration), refuse("bgrewriteaof", R::Administration),
        refuse("monitor", R::Administration), refuse("psync", R::Administration), refuse("sync", R::Administration),
        refuse("auth", R::Administration), refuse("hello", R::Administration),
    ]
};

/// Why a command outside the table is refused.
pub fn refused(name: &[u8]) -> RefusedReason {
    match REFUSED.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name)) {
        Some(row) => row.reason,
        None if name.contains(&b'.') => RefusedReason::Module,
        None => RefusedReason::Unknown,
    }
}
