//! What the server that this mirror runs in can do.

use crate::command::{Command, Release, TABLE, row};

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
}

/// A server's version: Redis's `redis_version`, Valkey's `valkey_version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second.
    pub minor: u8,
    /// The third.
    pub patch: u8,
}

/// The local server as the planner needs to know it.
#[derive(Debug, Clone)]
pub struct LocalServer {
    family: Family,
    version: Version,
    /// One for each row of the table.
    known: Vec<bool>,
}

impl LocalServer {
    /// A server whose commands are those that its release is known to have.
    pub fn by_release(family: Family, version: Version) -> LocalServer {
        let knows = |command: &Command| {
            let since = match family {
                Family::Redis => command.since().redis,
                Family::Valkey => command.since().valkey,
            };
            since.is_some_and(|since: Release| since <= (version.major, version.minor))
        };
        LocalServer { family, version, known: TABLE.iter().map(knows).collect() }
    }

    /// A server that was asked (COMMAND LIST) which commands it has; the names in any case.
    pub fn new<'a>(
        family: Family,
        version: Version,
        names: impl IntoIterator<Item = &'a [u8]>,
    ) -> LocalServer {
        let mut known = vec![false; TABLE.len()];
        for command in names.into_iter().filter_map(crate::command::lookup) {
            known[command.index()] = true;
        }
        LocalServer { family, version, known }
    }

    /// Which server it is.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it has this command.
    pub fn knows(&self, command: &'static Command) -> bool {
        self.known.get(command.index()).copied().unwrap_or(false)
    }

    /// Whether fields of a hash can expire.
    pub fn has_field_expiry(&self) -> bool {
        self.knows(row("hpexpireat"))
    }

    /// Whether XADD and XTRIM know KEEPREF, DELREF and ACKED, which came with XDELEX.
    pub(crate) fn has_stream_references(&self) -> bool {
        self.knows(row("xdelex"))
    }

    /// Whether XADD knows IDMP and IDMPAUTO.
    pub(crate) fn has_stream_idempotency(&self) -> bool {
        self.knows(row("xcfgset"))
    }

    /// Whether BITOP knows DIFF, DIFF1, ANDOR and ONE: Redis 8.2.
    pub(crate) fn has_bitop_differences(&self) -> bool {
        self.family == Family::Redis && (self.version.major, self.version.minor) >= (8, 2)
    }

    /// Whether GEOSEARCHSTORE knows BYPOLYGON: Valkey 9.0.
    pub(crate) fn has_polygons(&self) -> bool {
        self.family == Family::Valkey && self.version.major >= 9
    }
}
