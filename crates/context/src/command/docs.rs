//! What COMMAND DOCS and COMMAND INFO show.

use std::ffi::{CStr, c_char, c_int};
use std::mem::size_of;
use std::ptr::{self, NonNull};

use redis_module::raw;

use super::flags::KeyAccess;
use crate::api::required;
use crate::error::Error;

/// A command's documentation, arity and key specs: a `static`, written with struct update syntax.
///
/// ```
/// use redis_context::{Arg, CommandInfo};
/// static INFO: CommandInfo = CommandInfo {
///     summary: Some(c"Says hello."),
///     arity: -2,
///     args: &[Arg::string(c"name"), Arg::integer(c"times").optional()],
///     ..CommandInfo::EMPTY
/// };
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CommandInfo {
    /// One sentence.
    pub summary: Option<&'static CStr>,
    /// Such as `O(1)`.
    pub complexity: Option<&'static CStr>,
    /// The module's version that brought the command.
    pub since: Option<&'static CStr>,
    /// Pairs of a version and what changed in it: at most 1024.
    pub history: &'static [(&'static CStr, &'static CStr)],
    /// Hints for clients and proxies, separated by spaces.
    pub tips: Option<&'static CStr>,
    /// How many arguments, the name included; negative: at least so many; 0: not said, so -1. At most 1048576.
    pub arity: i32,
    /// Where the keys are: at most 64. They replace what `Command::keys` says.
    pub key_specs: &'static [KeySpec],
    /// The arguments: at most 1024, with those inside them, to a depth of 8.
    pub args: &'static [Arg],
}

impl CommandInfo {
    /// Says nothing.
    pub const EMPTY: Self = Self {
        summary: None,
        complexity: None,
        since: None,
        history: &[],
        tips: None,
        arity: 0,
        key_specs: &[],
        args: &[],
    };
}

/// Where some of a command's keys are, and what happens to them.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// What is special about them.
    pub notes: Option<&'static CStr>,
    /// How the keys are used.
    pub access: KeyAccess,
    /// Where the search begins.
    pub begin: BeginSearch,
    /// How the keys follow.
    pub find: FindKeys,
}

/// Where the search for keys begins.
#[derive(Debug, Clone, Copy)]
pub enum BeginSearch {
    /// It can't be said.
    Unknown,
    /// At this argument.
    Index(i32),
    /// After this word, looked for from this argument on (negative: backwards from the end).
    Keyword(&'static CStr, i32),
}

/// How keys follow the beginning of the search.
#[derive(Debug, Clone, Copy)]
pub enum FindKeys {
    /// There is one.
    One,
    /// It can't be said.
    Unknown,
    /// Up to `last` (relative; negative: from the end), each `step` arguments; a `limit` of 2 stops at half
    /// of what is left, 3 at a third, 0 and 1 not at all.
    Range {
        /// The last key.
        last: i32,
        /// The distance of two keys.
        step: i32,
        /// The divisor of what is left.
        limit: i32,
    },
    /// An argument says how many.
    Count {
        /// Where the number is, relative to the beginning.
        index: i32,
        /// Where the first key is, relative to the beginning.
        first: i32,
        /// The distance of two keys.
        step: i32,
    },
}

/// One argument of a command.
#[derive(Debug, Clone, Copy)]
pub struct Arg {
    pub(super) name: &'static CStr,
    pub(super) kind: ArgKind,
    pub(super) token: Option<&'static CStr>,
    summary: Option<&'static CStr>,
    since: Option<&'static CStr>,
    deprecated_since: Option<&'static CStr>,
    flags: u32,
}

/// What an argument is.
#[derive(Debug, Clone, Copy)]
pub enum ArgKind {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// A floating point number.
    Double,
    /// A key, found by the key spec of this index.
    Key(u16),
    /// A glob pattern.
    Pattern,
    /// A point in time.
    UnixTime,
    /// Nothing but its token.
    Token,
    /// One of these.
    OneOf(&'static [Arg]),
    /// All of these.
    Block(&'static [Arg]),
}

impl Arg {
    const fn new(name: &'static CStr, kind: ArgKind) -> Self {
        Self { name, kind, token: None, summary: None, since: None, deprecated_since: None, flags: 0 }
    }

    /// Any text.
    pub const fn string(name: &'static CStr) -> Self {
        Self::new(name, ArgKind::String)
    }

    /// A whole number.
    pub const fn integer(name: &'static CStr) -> Self {
        Self::new(name, ArgKind::Integer)
    }

    /// A floating point number.
    pub const fn double(name: &'static CStr) -> Self {
        Self::new(name, ArgKind::Double)
    }

    /// A key, found by the key spec of this index.
    pub const fn key(name: &'static CStr, spec: u16) -> Self {
        Self::new(name, ArgKind::Key(spec))
    }

    /// A glob pattern.
    pub const fn pattern(name: &'static CStr) -> Self {
        Self::new(name, ArgKind::Pattern)
    }

    /// A point in time.
    pub const fn unix_time(name: &'static CStr) -> Self {
        Self::new(name, ArgKind::UnixTime)
    }

    /// A word that stands alone.
    pub const fn word(name: &'static CStr, token: &'static CStr) -> Self {
        Self::new(name, ArgKind::Token).token(token)
    }

    /// One of `choices`, which are not empty.
    pub const fn one_of(name: &'static CStr, choices: &'static [Arg]) -> Self {
        Self::new(name, ArgKind::OneOf(choices))
    }

    /// All of `parts`, which are not empty.
    pub const fn block(name: &'static CStr, parts: &'static [Arg]) -> Self {
        Self::new(name, ArgKind::Block(parts))
    }

    /// The word before the argument.
    pub const fn token(mut self, token: &'static CStr) -> Self {
        self.token = Some(token);
        self
    }

    /// May be left out.
    pub const fn optional(mut self) -> Self {
        self.flags |= raw::REDISMODULE_CMD_ARG_OPTIONAL;
        self
    }

    /// May be repeated.
    pub const fn multiple(mut self) -> Self {
        self.flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE;
        self
    }

    /// May be repeated, each time with its token.
    pub const fn multiple_token(mut self) -> Self {
        self.flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE | raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN;
        self
    }

    /// One sentence.
    pub const fn summary(mut self, summary: &'static CStr) -> Self {
        self.summary = Some(summary);
        self
    }

    /// The version that brought the argument.
    pub const fn since(mut self, version: &'static CStr) -> Self {
        self.since = Some(version);
        self
    }

    /// The version that advises against it.
    pub const fn deprecated_since(mut self, version: &'static CStr) -> Self {
        self.deprecated_since = Some(version);
        self
    }
}

/// Hands the documentation, which was checked, to the server, which copies it.
pub(super) fn set(command: NonNull<raw::RedisModuleCommand>, info: &CommandInfo) -> Result<(), Error> {
    let set = required!(RedisModule_SetCommandInfo);
    let mut lists = ArgLists::default();
    let mut history = history(info.history);
    let mut key_specs = key_specs(info.key_specs);
    let raw_info = raw::RedisModuleCommandInfo {
        version: &VERSION.0,
        summary: text(info.summary),
        complexity: text(info.complexity),
        since: text(info.since),
        history: list(&mut history, info.history.is_empty()),
        tips: text(info.tips),
        arity: info.arity,
        key_specs: list(&mut key_specs, info.key_specs.is_empty()),
        args: lists.add(info.args),
    };
    // SAFETY: R12: OnLoad is running; every list ends with a zeroed entry and outlives the call.
    let status = unsafe { set(command.as_ptr(), &raw_info) };
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    Err(Error::Refused {
        function: "RedisModule_SetCommandInfo",
        reason: "the info contradicts itself: the line before in the log says where",
    })
}

struct Version(raw::RedisModuleCommandInfoVersion);

// SAFETY: R12: the struct is four numbers.
unsafe impl Sync for Version {}

/// The sizes let a server older or newer than these bindings walk the lists.
static VERSION: Version = Version(raw::RedisModuleCommandInfoVersion {
    version: 1,
    sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
    sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
    sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
});

fn text(text: Option<&'static CStr>) -> *const c_char {
    text.map_or(ptr::null(), CStr::as_ptr)
}

fn list<T>(entries: &mut [T], is_empty: bool) -> *mut T {
    if is_empty { ptr::null_mut() } else { entries.as_mut_ptr() }
}

fn history(entries: &[(&'static CStr, &'static CStr)]) -> Vec<raw::RedisModuleCommandHistoryEntry> {
    let entry = |since, changes| raw::RedisModuleCommandHistoryEntry { since, changes };
    let given = entries.iter().map(|(since, changes)| entry(since.as_ptr(), changes.as_ptr()));
    given.chain([entry(ptr::null(), ptr::null())]).collect()
}

fn key_specs(specs: &[KeySpec]) -> Vec<raw::RedisModuleCommandKeySpec> {
    // SAFETY: R12: zero is a valid entry (numbers and pointers); it ends the list.
    let zeroed = || unsafe { std::mem::zeroed::<raw::RedisModuleCommandKeySpec>() };
    let given = specs.iter().map(|spec| {
        let mut entry = zeroed();
        entry.notes = text(spec.notes);
        entry.flags = spec.access.bits();
        begin_search(&mut entry, spec.begin);
        find_keys(&mut entry, spec.find);
        entry
    });
    given.chain([zeroed()]).collect()
}

fn begin_search(entry: &mut raw::RedisModuleCommandKeySpec, begin: BeginSearch) {
    match begin {
        BeginSearch::Unknown => {
            entry.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_UNKNOWN;
        }
        BeginSearch::Index(pos) => {
            entry.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
            entry.bs.index = raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos };
        }
        BeginSearch::Keyword(keyword, startfrom) => {
            entry.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_KEYWORD;
            entry.bs.keyword = raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_2 {
                keyword: keyword.as_ptr(),
                startfrom,
            };
        }
    }
}

fn find_keys(entry: &mut raw::RedisModuleCommandKeySpec, find: FindKeys) {
    match find {
        FindKeys::One => {
            entry.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_OMITTED;
        }
        FindKeys::Unknown => {
            entry.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_UNKNOWN;
        }
        FindKeys::Range { last, step, limit } => {
            entry.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
            entry.fk.range = raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
                lastkey: last,
                keystep: step,
                limit,
            };
        }
        FindKeys::Count { index, first, step } => {
            entry.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_KEYNUM;
            entry.fk.keynum = raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_2 {
                keynumidx: index,
                firstkey: first,
                keystep: step,
            };
        }
    }
}

/// The argument tree as the server reads it: lists that end with an entry without a name.
#[derive(Default)]
struct ArgLists {
    lists: Vec<Box<[raw::RedisModuleCommandArg]>>,
}

impl ArgLists {
    /// A list that lives as long as `self`; NULL for an empty one.
    fn add(&mut self, args: &[Arg]) -> *mut raw::RedisModuleCommandArg {
        if args.is_empty() {
            return ptr::null_mut();
        }
        let mut entries: Vec<_> = args.iter().map(|arg| self.entry(arg)).collect();
        // SAFETY: R12: zero is a valid entry (numbers and pointers); it ends the list.
        entries.push(unsafe { std::mem::zeroed() });
        self.lists.push(entries.into_boxed_slice());
        self.lists.last_mut().map_or(ptr::null_mut(), |list| list.as_mut_ptr())
    }

    fn entry(&mut self, arg: &Arg) -> raw::RedisModuleCommandArg {
        let (type_, key_spec_index, parts): (_, c_int, &[Arg]) = match arg.kind {
            ArgKind::String => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING, -1, &[]),
            ArgKind::Integer => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER, -1, &[]),
            ArgKind::Double => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_DOUBLE, -1, &[]),
            ArgKind::Key(spec) => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY, spec.into(), &[]),
            ArgKind::Pattern => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PATTERN, -1, &[]),
            ArgKind::UnixTime => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_UNIX_TIME, -1, &[]),
            ArgKind::Token => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN, -1, &[]),
            ArgKind::OneOf(parts) => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF, -1, parts),
            ArgKind::Block(parts) => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK, -1, parts),
        };
        raw::RedisModuleCommandArg {
            name: arg.name.as_ptr(),
            type_,
            key_spec_index,
            token: text(arg.token),
            summary: text(arg.summary),
            since: text(arg.since),
            flags: arg.flags as c_int,
            deprecated_since: text(arg.deprecated_since),
            subargs: self.add(parts),
            display_text: ptr::null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_arguments_become_lists_that_end() {
        static CHOICES: [Arg; 2] = [Arg::word(c"ex", c"EX"), Arg::integer(c"ms").token(c"PX")];
        static ARGS: [Arg; 2] = [Arg::key(c"key", 0), Arg::one_of(c"expiry", &CHOICES).optional()];
        let mut lists = ArgLists::default();
        let top = lists.add(&ARGS);
        // SAFETY: the list holds two entries and its end.
        let top = unsafe { std::slice::from_raw_parts(top, 3) };
        assert_eq!((top[0].key_spec_index, top[0].subargs.is_null(), top[2].name.is_null()), (0, true, true));
        // SAFETY: the list holds two entries and its end.
        let inner = unsafe { std::slice::from_raw_parts(top[1].subargs, 3) };
        assert!(!inner[0].token.is_null() && !inner[1].name.is_null() && inner[2].name.is_null());
    }
}
