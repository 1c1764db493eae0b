//! What a config, and a choice of one, may be called: what CONFIG REWRITE writes must be read again.

use std::ffi::CStr;

use super::ConfigFlags;
use crate::error::Error;
use crate::server::server;

/// The longest name of a config or a choice, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What a line of the configuration file means before the server looks for a config (`loadServerConfigFromString`,
/// config.c, Redis 8.6): a config of such a name would be read as something else, or not at all.
const DIRECTIVES: [&str; 9] = [
    "include",
    "rename-command",
    "user",
    "loadmodule",
    "sentinel",
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
    "io-threads-do-reads",
];

const NAME: &str = "its name";

/// The names of a module's configs, in lower case: to the server upper and lower case are the same, and Redis 7.0 does
/// not look whether a name is taken in the other.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// Refuses a name that the server would, or should.
    pub(super) fn add(&mut self, name: &CStr, flags: ConfigFlags) -> Result<(), Error> {
        let name = name.to_bytes();
        if !flags.contains(ConfigFlags::UNPREFIXED) {
            let text = plain(name, false).ok_or(Error::Invalid {
                what: NAME,
                reason: "it holds letters, digits, _ and - alone, at most 128",
            })?;
            return self.note(text);
        }
        // The same bit means something else to Valkey.
        if !server().is_redis_since(8, 0) {
            return Err(Error::Unsupported { function: "REDISMODULE_CONFIG_UNPREFIXED", since: "Redis 8.0" });
        }
        unprefixed(name)?.into_iter().try_for_each(|name| self.note(name))
    }

    fn note(&mut self, name: &str) -> Result<(), Error> {
        let name = name.to_ascii_lowercase();
        if self.0.contains(&name) {
            return Err(Error::Invalid { what: NAME, reason: "another config of the module has it" });
        }
        self.0.push(name);
        Ok(())
    }
}

/// A name of the characters that servers take (`moduleVerifyResourceName`, module.c), perhaps with a dot.
fn plain(name: &[u8], dot: bool) -> Option<&str> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let dots = name.iter().filter(|byte| **byte == b'.').count();
    let others = name.iter().filter(|byte| **byte != b'.');
    let is_valid = dots <= usize::from(dot)
        && name.len() > dots
        && name.len() <= NAME_BYTES_MAX
        && others.into_iter().all(is_plain);
    if is_valid { std::str::from_utf8(name).ok() } else { None }
}

/// A name without the module's in front, and perhaps another one behind a `|` (`moduleVerifyUnprefixedName`, module.c).
fn unprefixed(name: &[u8]) -> Result<Vec<&str>, Error> {
    let invalid = |reason| Error::Invalid { what: NAME, reason };
    let parts: Vec<_> = name.split(|byte| *byte == b'|').collect();
    if parts.len() > 2 {
        return Err(invalid("it is one name, or two with a | between"));
    }
    let names = parts.into_iter().map(|part| plain(part, true)).collect::<Option<Vec<_>>>();
    let names = names.ok_or(invalid("it holds letters, digits, _, - and one dot alone, at most 128"))?;
    if names.iter().any(|name| DIRECTIVES.iter().any(|word| word.eq_ignore_ascii_case(name))) {
        return Err(invalid("the configuration file has another meaning for it"));
    }
    Ok(names)
}

/// Refuses choices that CONFIG REWRITE can't write so that they are read again: it puts no quotes around them
/// (`rewriteConfigEnumOption`, config.c). Upper and lower case are the same, and of two equal ones the server takes both.
pub(super) fn check_choices<'a>(choices: impl IntoIterator<Item = &'a CStr>) -> Result<(), Error> {
    let invalid = |reason| Err(Error::Invalid { what: "a choice", reason });
    let mut names: Vec<Vec<u8>> = Vec::new();
    for choice in choices {
        let name = choice.to_bytes().to_ascii_lowercase();
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return invalid("it has a name, of at most 128 bytes");
        }
        if !name.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(byte)) {
            return invalid("it holds printable ASCII without spaces, quotes and backslashes");
        }
        if names.contains(&name) {
            return invalid("another one has its name");
        }
        names.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_the_server_sees_them() {
        let add = |name: &CStr| Names::default().add(name, ConfigFlags::empty());
        assert!(add(c"apply-budget_us").is_ok());
        for name in [c"", c"mirror.x", c"a b", c"\xff", c"a\n"] {
            assert!(add(name).is_err(), "{name:?}");
        }
        let long = |len| std::ffi::CString::new(vec![b'x'; len]).expect("without a NUL");
        let (longest, longer) = (long(NAME_BYTES_MAX), long(NAME_BYTES_MAX + 1));
        assert!(add(&longest).is_ok() && add(&longer).is_err());
    }

    #[test]
    fn a_name_is_taken_in_upper_and_lower_case() {
        let mut names = Names::default();
        assert!(names.add(c"queue", ConfigFlags::empty()).is_ok());
        assert!(names.add(c"Queue", ConfigFlags::empty()).is_err());
    }

    #[test]
    fn names_without_the_module_s_are_those_that_a_file_can_hold() {
        for name in ["x", "other.x", "one|other.x"] {
            assert!(unprefixed(name.as_bytes()).is_ok(), "{name}");
        }
        for name in ["", "|x", "x|", "a.b.c", ".", "x|y|z", "LoadModule", "x|user", "a b", "a\"", "\u{e4}"] {
            assert!(unprefixed(name.as_bytes()).is_err(), "{name}");
        }
    }

    #[test]
    fn choices_are_those_that_a_file_can_hold() {
        assert_eq!(check_choices([c"a", c"b-c", c"#d", c"50%s"]), Ok(()));
        for choices in [[c"a", c""], [c"a", c"b c"], [c"a", c"\"b\""], [c"a", c"'b"], [c"a", c"A"]] {
            assert!(check_choices(choices).is_err(), "{choices:?}");
        }
        for name in [c"\xff", c"a\n", c"\t", c"a\\"] {
            assert!(check_choices([name]).is_err(), "{name:?}");
        }
    }
}
