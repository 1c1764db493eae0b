//! Which server has loaded the module.

use std::ffi::CStr;
use std::fmt;
use std::ptr;
use std::sync::OnceLock;

use crate::api::{required, resolve};
use crate::context::Context;

/// The two families. Flags, event ids and notification bits that were added after the fork mean
/// different things in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
}

/// A version of its family, such as 8.6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
    /// The third number.
    pub patch: u8,
}

impl Version {
    /// A version out of its three numbers.
    pub const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `8.1.1` and what may follow it (`-rc1`).
    fn parse(text: &[u8]) -> Option<Self> {
        let mut numbers = text
            .split(|byte| !byte.is_ascii_digit())
            .map(|digits| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()));
        Some(Self::new(numbers.next()??, numbers.next()??, numbers.next()??))
    }

    /// Reads `0x00MMmmpp` (REDIS_VERSION_NUM).
    fn from_number(number: i32) -> Self {
        let [_, major, minor, patch] = number.to_be_bytes();
        Self { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The server: family and that family's own version (Valkey also calls itself Redis 7.2.4; that number
/// is not shown here).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Server {
    /// Redis or Valkey.
    pub family: Family,
    /// The family's version.
    pub version: Version,
}

impl Server {
    /// Whether this is Redis `major.minor` or later.
    pub fn is_redis_since(&self, major: u8, minor: u8) -> bool {
        self.family == Family::Redis && self.version >= Version::new(major, minor, 0)
    }

    /// Whether this is Valkey `major.minor` or later.
    pub fn is_valkey_since(&self, major: u8, minor: u8) -> bool {
        self.family == Family::Valkey && self.version >= Version::new(major, minor, 0)
    }

    /// Whether this server has what Redis had at 7.2, where the families parted.
    pub fn is_since_7_2(&self) -> bool {
        self.family == Family::Valkey || self.version >= Version::new(7, 2, 0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            Family::Redis => "Redis",
            Family::Valkey => "Valkey",
        };
        write!(f, "{family} {}", self.version)
    }
}

impl Context<'_> {
    /// The version that the server declares to modules by a constant. [`server()`] reads INFO instead, which a
    /// build from a branch (255.255.255 here) tells better.
    pub fn declared_version(&self) -> Version {
        numeric_version()
    }

    /// Whether the server has a function of the module API, by its full name: `c"RedisModule_Yield"`. Every
    /// server knows that prefix. Functions of this crate answer [`crate::Error::Unsupported`] by themselves.
    pub fn has_function(&self, name: &CStr) -> bool {
        resolve(name).is_some()
    }
}

static SERVER: OnceLock<Server> = OnceLock::new();

/// The server that loaded the module, found once; from any thread, after the load.
#[inline]
pub fn server() -> Server {
    *SERVER.get_or_init(detect)
}

/// Valkey registers every function under `ValkeyModule_` too (module.c, moduleRegisterApi); no Redis does.
fn detect() -> Server {
    let family = match resolve(c"ValkeyModule_GetServerVersion") {
        Some(_) => Family::Valkey,
        None => Family::Redis,
    };
    let field = match family {
        Family::Redis => c"redis_version",
        Family::Valkey => c"valkey_version",
    };
    Server { family, version: info_version(field).unwrap_or_else(numeric_version) }
}

/// The version in INFO's server section.
fn info_version(field: &CStr) -> Option<Version> {
    let get = required!(RedisModule_GetServerInfo);
    let read = required!(RedisModule_ServerInfoGetFieldC);
    let free = required!(RedisModule_FreeServerInfo);
    // SAFETY: R7: a NULL context only means that the data is freed by hand, below.
    let info = unsafe { get(ptr::null_mut(), c"server".as_ptr()) };
    // SAFETY: R7: the text belongs to `info` and is read before it is freed.
    let version = unsafe {
        let text = read(info, field.as_ptr());
        if text.is_null() { None } else { Version::parse(CStr::from_ptr(text).to_bytes()) }
    };
    // SAFETY: R7: freed once, with the context it was made with.
    unsafe { free(ptr::null_mut(), info) };
    version
}

fn numeric_version() -> Version {
    let get = required!(RedisModule_GetServerVersion);
    // SAFETY: R2: it takes nothing and reads a constant.
    Version::from_number(unsafe { get() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_and_without_a_suffix() {
        assert_eq!(Version::parse(b"8.1.1"), Some(Version::new(8, 1, 1)));
        assert_eq!(Version::parse(b"9.0.0-rc1"), Some(Version::new(9, 0, 0)));
        assert_eq!(Version::parse(b"9.0"), None);
        assert_eq!(Version::parse(b"unstable"), None);
        assert_eq!(Version::from_number(0x0007_000f), Version::new(7, 0, 15));
    }

    #[test]
    fn families_are_not_compared_with_each_other() {
        let valkey = Server { family: Family::Valkey, version: Version::new(8, 0, 1) };
        assert!(valkey.is_since_7_2() && valkey.is_valkey_since(8, 0));
        assert!(!valkey.is_redis_since(7, 0) && !valkey.is_valkey_since(8, 1));
    }
}
