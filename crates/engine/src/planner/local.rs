//! What the server that this mirror runs in can do.

use redis_replica::rdb::{Family, Target};

use crate::command::{Command, Release, TABLE, row};

/// The local server as the planner needs to know it.
#[derive(Debug, Clone)]
pub struct LocalServer {
    target: Target,
    /// One for each row of the table.
    known: Vec<bool>,
}

impl LocalServer {
    /// A server whose commands are those that its release is known to have.
    pub fn by_release(target: Target) -> LocalServer {
        let release = (target.version.0, target.version.1);
        let knows = |command: &Command| {
            let since = match target.family {
                Family::Redis => command.since().redis,
                Family::Valkey => command.since().valkey,
            };
            since.is_some_and(|since: Release| since <= release)
        };
        LocalServer { target, known: TABLE.iter().map(knows).collect() }
    }

    /// A server that was asked (COMMAND LIST) which commands it has; the names in any case.
    pub fn new<'a>(target: Target, names: impl IntoIterator<Item = &'a [u8]>) -> LocalServer {
        let mut known = vec![false; TABLE.len()];
        for command in names.into_iter().filter_map(crate::command::lookup) {
            known[command.index()] = true;
        }
        LocalServer { target, known }
    }

    /// Which server it is.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Whether it has this command.
    pub fn knows(&self, command: &'static Command) -> bool {
        self.known.get(command.index()).copied().unwrap_or(false)
    }

    /// Whether fields of a hash can expire.
    pub fn has_field_expiry(&self) -> bool {
        self.knows(const { row("hpexpireat") })
    }

    /// Whether XADD and XTRIM know KEEPREF, DELREF and ACKED, which came with XDELEX.
    pub(crate) fn has_stream_references(&self) -> bool {
        self.knows(const { row("xdelex") })
    }

    /// Whether XADD knows IDMP and IDMPAUTO.
    pub(crate) fn has_stream_idempotency(&self) -> bool {
        self.knows(const { row("xcfgset") })
    }

    /// Whether BITOP knows DIFF, DIFF1, ANDOR and ONE: Redis 8.2.
    pub(crate) fn has_bitop_differences(&self) -> bool {
        self.target.family == Family::Redis && self.target.version >= (8, 2, 0)
    }

    /// Whether GEOSEARCHSTORE knows BYPOLYGON: Valkey 9.0.
    pub(crate) fn has_polygons(&self) -> bool {
        self.target.family == Family::Valkey && self.target.version >= (9, 0, 0)
    }
}
