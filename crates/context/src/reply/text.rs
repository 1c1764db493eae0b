//! Texts of a reply: bytes, strings of the server, statuses, errors.

use std::ffi::{CStr, c_char, c_int};
use std::fmt::{self, Write};

use redis_module::raw;

use super::{ReplyWriter, VerbatimFormat};
use crate::api::{api, required, unbound};
use crate::error::Error;
use crate::outcome::ErrorReply;
use crate::string::RedisStr;

/// The longest error of [`ReplyWriter::error_fmt`] in bytes, its code included; a longer one is cut and ends in
/// `...`.
pub const ERROR_LINE_BYTES_MAX: usize = 508;

/// A status below this many bytes, its terminator included, is made a line without allocating.
const SHORT_LINE_BYTES: usize = 32;

impl ReplyWriter<'_> {
    /// Writes any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
        self.claim()?;
        let bytes = bytes.as_ref();
        let reply = required!(RedisModule_ReplyWithStringBuffer);
        // SAFETY: R8: the callback owes a reply; the server copies `len` bytes.
        unsafe { reply(self.ctx, bytes.as_ptr().cast(), bytes.len()) };
        Ok(())
    }

    /// Writes no bytes, as [`ReplyWriter::bulk`] of nothing.
    pub fn empty_bulk(&mut self) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithEmptyString);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx) };
        Ok(())
    }

    /// Writes a C string's bytes.
    pub fn c_str(&mut self, text: &CStr) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithCString);
        // SAFETY: R8: the callback owes a reply; the text is NUL-terminated and copied.
        unsafe { reply(self.ctx, text.as_ptr()) };
        Ok(())
    }

    /// Writes a string of the server. A long one is not copied by Redis 8.6 and Valkey 9.1, but kept until it was sent.
    pub fn string(&mut self, string: &RedisStr<'_>) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithString);
        // SAFETY: R8: the callback owes a reply; the server copies the string or counts a reference to it (R5).
        unsafe { reply(self.ctx, string.as_ptr()) };
        Ok(())
    }

    /// Writes a status; line breaks and NUL become spaces.
    pub fn simple(&mut self, text: &str) -> Result<(), Error> {
        self.claim()?;
        let (mut short, long);
        let line: &[u8] = if text.len() < SHORT_LINE_BYTES {
            short = [0; SHORT_LINE_BYTES];
            short.iter_mut().zip(text.bytes()).for_each(|(slot, byte)| *slot = plain(byte));
            &short
        } else {
            long = one_line(text.as_bytes());
            &long
        };
        let reply = required!(RedisModule_ReplyWithSimpleString);
        // SAFETY: R8: the callback owes a reply; the line is NUL-terminated and copied.
        unsafe { reply(self.ctx, line.as_ptr().cast()) };
        Ok(())
    }

    /// Writes an error; line breaks and NUL become spaces.
    pub fn error(&mut self, error: &ErrorReply) -> Result<(), Error> {
        self.claim()?;
        let line = one_line(format!("{} {}", error.code, error.message).as_bytes());
        let reply = required!(RedisModule_ReplyWithError);
        // SAFETY: R8: the callback owes a reply; the line is NUL-terminated and copied.
        unsafe { reply(self.ctx, line.as_ptr().cast()) };
        Ok(())
    }

    /// Writes an error without allocating: `code` and `message` as in [`ErrorReply::new`]. What is longer than
    /// [`ERROR_LINE_BYTES_MAX`] is cut.
    pub fn error_fmt(&mut self, code: &str, message: fmt::Arguments<'_>) -> Result<(), Error> {
        self.claim()?;
        let mut line = Line::new();
        line.code(code);
        // A `Display` that fails half-way leaves what it wrote so far, which is an error all the same.
        let _ = line.write_fmt(message);
        let line = line.finish();
        match api!(RedisModule_ReplyWithErrorFormat, "Redis 7.2 and Valkey 7.2") {
            // SAFETY: R61: "%s" reads one C string, which is copied; R8: the callback owes a reply.
            Ok(reply) => unsafe { reply(self.ctx, c"%s".as_ptr(), line.as_ptr()) },
            Err(_) => {
                let reply = required!(RedisModule_ReplyWithError);
                // SAFETY: R8: the callback owes a reply; the line is NUL-terminated and copied.
                unsafe { reply(self.ctx, line.as_ptr()) }
            }
        };
        Ok(())
    }

    /// Writes an error that INFO's `errorstats` and `total_error_replies` do not count. Valkey 9.1 on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere; then nothing is written.
    pub fn error_uncounted(&mut self, error: &ErrorReply) -> Result<(), Error> {
        type Custom = unsafe extern "C" fn(*mut raw::RedisModuleCtx, c_int, *const c_char, ...) -> c_int;
        // SAFETY: R61: the function has this type (valkeymodule.h, Valkey 9.1).
        let reply = unsafe { unbound!(RedisModule_ReplyWithCustomErrorFormat: Custom, "Valkey 9.1") }?;
        self.claim()?;
        let line = one_line(format!("{} {}", error.code, error.message).as_bytes());
        // SAFETY: R61: "%s" reads one C string, which is copied; R8: the callback owes a reply.
        unsafe { reply(self.ctx, 0, c"%s".as_ptr(), line.as_ptr()) };
        Ok(())
    }

    /// Writes a text with its format.
    pub fn verbatim(&mut self, format: VerbatimFormat, text: impl AsRef<[u8]>) -> Result<(), Error> {
        self.claim()?;
        let (text, extension) = (text.as_ref(), format.extension());
        if format == VerbatimFormat::Text {
            let reply = required!(RedisModule_ReplyWithVerbatimString);
            // SAFETY: R8: the callback owes a reply; the server copies `len` bytes.
            unsafe { reply(self.ctx, text.as_ptr().cast(), text.len()) };
            return Ok(());
        }
        let reply = required!(RedisModule_ReplyWithVerbatimStringType);
        // SAFETY: R8: the callback owes a reply; the server copies `len` bytes and three of the extension.
        unsafe { reply(self.ctx, text.as_ptr().cast(), text.len(), extension.as_ptr()) };
        Ok(())
    }
}

/// The text up to what a line may hold, with a terminator; the server copies up to the first NUL.
fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| plain(byte)).chain([0]).collect()
}

/// A byte that does not end a line.
fn plain(byte: u8) -> u8 {
    if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte }
}

/// An error's line on the stack, NUL-terminated.
struct Line {
    bytes: [u8; ERROR_LINE_BYTES_MAX + 4],
    len: usize,
    cut: bool,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; ERROR_LINE_BYTES_MAX + 4], len: 0, cut: false }
    }

    /// The code in capitals, as in [`ErrorReply::new`], and a space.
    fn code(&mut self, code: &str) {
        code.bytes().filter(u8::is_ascii_alphanumeric).for_each(|byte| self.put(byte.to_ascii_uppercase()));
        if self.len == 0 {
            b"ERR".iter().for_each(|&byte| self.put(byte));
        }
        self.put(b' ');
    }

    fn put(&mut self, byte: u8) {
        if self.len == ERROR_LINE_BYTES_MAX {
            self.cut = true;
            return;
        }
        self.bytes[self.len] = plain(byte);
        self.len += 1;
    }

    fn finish(&mut self) -> &CStr {
        if self.cut {
            self.bytes[self.len..self.len + 3].copy_from_slice(b"...");
        }
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.put(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_no_break_and_ends_once() {
        assert_eq!(one_line(b"a\r\nb\0c\xff"), b"a  b c\xff\0");
        assert_eq!(one_line(b""), b"\0");
    }

    #[test]
    fn an_errors_line_is_cut_visibly() {
        let shown = |code: &str, message: &str| {
            let mut line = Line::new();
            line.code(code);
            line.write_str(message).expect("a line takes any text");
            line.finish().to_bytes().to_vec()
        };
        assert_eq!(shown("busy key\r", "a\r\n%s\0b"), b"BUSYKEY a  %s b");
        assert_eq!(shown("\n", ""), b"ERR ");
        let long = shown("ERR", &"x".repeat(1000));
        assert!(long.len() == ERROR_LINE_BYTES_MAX + 3 && long.ends_with(b"x..."));
        assert_eq!(shown("ERR", &"x".repeat(ERROR_LINE_BYTES_MAX - 4)).len(), ERROR_LINE_BYTES_MAX);
    }
}
