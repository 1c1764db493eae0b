//! A cursor over a command's arguments.

use redis_module::raw;

use crate::context::LoadContext;
use crate::error::Error;
use crate::string::RedisStr;

/// The arguments of a command (its name, and a subcommand's, left out) or of a load: a cursor that is also
/// an iterator.
#[derive(Clone, Copy)]
pub struct Args<'cx> {
    rest: &'cx [*mut raw::RedisModuleString],
    position: usize,
}

impl<'cx> Args<'cx> {
    /// # Safety
    /// `argv` holds live strings for all of `'cx`.
    #[inline]
    pub(crate) unsafe fn new(argv: &'cx [*mut raw::RedisModuleString], skip: usize) -> Self {
        let skip = skip.min(argv.len());
        Self { rest: &argv[skip..], position: skip }
    }

    /// Those of a command, without the `skip` words that name it.
    ///
    /// # Safety
    /// `argv` and `argc` are what the server passes to a command, for all of `'cx`.
    #[inline]
    pub(crate) unsafe fn of_command(
        argv: *mut *mut raw::RedisModuleString,
        argc: std::ffi::c_int,
        skip: usize,
    ) -> Self {
        let argc = argc.cast_unsigned() as usize;
        let position = skip.min(argc);
        // SAFETY: R11: `argc` live strings, at least the command's name; `position` of them are passed over.
        let rest = unsafe { std::slice::from_raw_parts(argv.add(position), argc - position) };
        Self { rest, position }
    }

    /// How many arguments are left.
    #[inline]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether no argument is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The position of the next argument in the whole command, its name being 0: what
    /// [`crate::CommandContext::redact`] takes.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next argument, which stays next.
    #[inline]
    pub fn peek(&self) -> Option<RedisStr<'cx>> {
        // SAFETY: R4: the server keeps the arguments until the command has returned.
        self.rest.first().and_then(|&raw| unsafe { RedisStr::from_raw(raw) })
    }

    /// The next argument, or [`Error::WrongArity`].
    #[inline]
    pub fn next_arg(&mut self) -> Result<RedisStr<'cx>, Error> {
        // Not `ok_or`: the error would be made, and dropped, each time.
        match self.next() {
            Some(arg) => Ok(arg),
            None => Err(Error::WrongArity),
        }
    }

    /// The next argument as text; [`Error::Syntax`] if it is not UTF-8.
    pub fn next_str(&mut self) -> Result<&'cx str, Error> {
        self.next_arg()?.to_str().map_err(|_| Error::Syntax)
    }

    /// The next argument as a whole number, written as the server accepts it: no `+`, no leading zeros, no
    /// spaces.
    pub fn next_i64(&mut self) -> Result<i64, Error> {
        parse_i64(self.next_arg()?.as_bytes()).ok_or(Error::NotAnInteger)
    }

    /// The next argument as a whole number that is not negative.
    pub fn next_u64(&mut self) -> Result<u64, Error> {
        parse_u64(self.next_arg()?.as_bytes()).ok_or(Error::NotAnInteger)
    }

    /// Takes the next argument if it is `keyword`, ASCII case aside.
    pub fn take_keyword(&mut self, keyword: &str) -> bool {
        let matches = self.peek().is_some_and(|arg| arg.as_bytes().eq_ignore_ascii_case(keyword.as_bytes()));
        if matches {
            self.next();
        }
        matches
    }

    /// The value of an option: if the next argument is `keyword`, takes it and the argument after it.
    /// [`Error::Syntax`] if the option has no value.
    pub fn take_option(&mut self, keyword: &str) -> Result<Option<RedisStr<'cx>>, Error> {
        if !self.take_keyword(keyword) {
            return Ok(None);
        }
        self.next().map(Some).ok_or(Error::Syntax)
    }

    /// [`Error::Syntax`] if an argument is left.
    #[inline]
    pub fn finish(&self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(Error::Syntax) }
    }

    /// The pointers of what is left, for calls that pass them on.
    #[allow(dead_code, reason = "for calls of other files")]
    pub(crate) fn as_slice(&self) -> &'cx [*mut raw::RedisModuleString] {
        self.rest
    }
}

impl<'cx> Iterator for Args<'cx> {
    type Item = RedisStr<'cx>;

    #[inline]
    fn next(&mut self) -> Option<RedisStr<'cx>> {
        let arg = self.peek()?;
        self.rest = &self.rest[1..];
        self.position += 1;
        Some(arg)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl ExactSizeIterator for Args<'_> {}

impl<'cx> LoadContext<'cx> {
    /// The arguments of the load: what follows the path in `loadmodule` or `MODULE LOAD`.
    pub fn args(&self) -> Args<'cx> {
        // SAFETY: R11: the arguments stay until OnLoad has returned.
        unsafe { Args::new(self.args, 0) }
    }
}

/// Reads what `string2ll` (util.c) accepts.
fn parse_i64(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(b"0") => None,
        Some(digits) => 0i64.checked_sub_unsigned(parse_u64(digits)?),
        None => parse_u64(text)?.try_into().ok(),
    }
}

fn parse_u64(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_server_reads_them() {
        for number in [0, 1, -1, 10, i64::MAX, i64::MIN, -1_000] {
            assert_eq!(parse_i64(number.to_string().as_bytes()), Some(number));
        }
        for text in ["", "-", "+1", "01", "-01", "-0", "1 ", " 1", "1.0", "9223372036854775808", "0x1"] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_i64(b"-9223372036854775809"), None);
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
    }
}
