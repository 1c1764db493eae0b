//! Logging through the server: any bytes, from any thread, never as a format string.

use std::ffi::{CStr, c_char};
use std::fmt::{self, Write};
use std::ptr;

use redis_module::raw;

use crate::api::{reached, required, table};
use crate::context::Context;

/// How loud a line is: the server drops lines below its `loglevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Shown with `loglevel debug`.
    Debug,
    /// Shown with `loglevel verbose`.
    Verbose,
    /// Shown by default.
    Notice,
    /// Always shown.
    Warning,
}

impl LogLevel {
    fn name(self) -> &'static CStr {
        match self {
            Self::Debug => c"debug",
            Self::Verbose => c"verbose",
            Self::Notice => c"notice",
            Self::Warning => c"warning",
        }
    }
}

/// The longest line in bytes, its prefix `<module> ` excluded. The server cuts at `LOG_MAX_LEN` = 1024
/// (server.h) without a sign; here a cut line ends in `...`.
const LINE_BYTES_MAX: usize = 960;

/// Logs `message` from any thread. Control bytes (NUL and line breaks too) are shown as `\xNN`: one
/// call is one line, whatever a client has sent.
pub fn log(level: LogLevel, message: impl AsRef<[u8]>) {
    let mut line = Line::new();
    line.push(message.as_ref());
    line.send(ptr::null_mut(), level);
}

/// As [`log`], for `format_args!(..)`; nothing is allocated.
pub fn log_fmt(level: LogLevel, message: fmt::Arguments<'_>) {
    Line::from_fmt(message).send(ptr::null_mut(), level);
}

impl Context<'_> {
    /// Logs `message` under the module's name. Any bytes will do: control bytes are shown as `\xNN`, and
    /// a line longer than 960 bytes is cut and ends in `...`.
    pub fn log(&self, level: LogLevel, message: impl AsRef<[u8]>) {
        let mut line = Line::new();
        line.push(message.as_ref());
        line.send(self.as_ptr(), level);
    }

    /// As [`Context::log`], for `format_args!(..)`; nothing is allocated.
    pub fn log_fmt(&self, level: LogLevel, message: fmt::Arguments<'_>) {
        Line::from_fmt(message).send(self.as_ptr(), level);
    }
}

/// Logs a line under the name of the module whose type's callback runs.
///
/// # Safety
/// `io` is the stream of that callback.
pub(crate) unsafe fn log_io(io: *mut raw::RedisModuleIO, level: LogLevel, message: &[u8]) {
    let log = required!(RedisModule_LogIOError);
    let mut line = Line::new();
    line.push(message);
    let format: *const c_char = c"%s".as_ptr();
    // SAFETY: R51, R3: the caller's stream; "%s" reads one C string.
    unsafe { log(io, level.name().as_ptr(), format, line.finish().as_ptr()) };
}

/// One line on the stack, NUL-terminated.
struct Line {
    bytes: [u8; LINE_BYTES_MAX + 4],
    len: usize,
    cut: bool,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; LINE_BYTES_MAX + 4], len: 0, cut: false }
    }

    fn from_fmt(message: fmt::Arguments<'_>) -> Self {
        let mut line = Self::new();
        // A `Display` that fails mid-way leaves what it wrote so far: worth logging.
        let _ = line.write_fmt(message);
        line
    }

    fn push(&mut self, text: &[u8]) {
        for &byte in text {
            if byte < 0x20 || byte == 0x7f {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                self.put(&[b'\\', b'x', high, low]);
            } else {
                self.put(&[byte]);
            }
            if self.cut {
                return;
            }
        }
    }

    fn put(&mut self, piece: &[u8]) {
        if self.cut || self.len + piece.len() > LINE_BYTES_MAX {
            self.cut = true;
            return;
        }
        self.bytes[self.len..self.len + piece.len()].copy_from_slice(piece);
        self.len += piece.len();
    }

    /// The line with its terminator; a cut line ends in `...`.
    fn finish(&mut self) -> &CStr {
        if self.cut {
            self.bytes[self.len..self.len + 3].copy_from_slice(b"...");
        }
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    fn send(mut self, ctx: *mut raw::RedisModuleCtx, level: LogLevel) {
        // Before the load there is no server to log to.
        let Some(log) = table!(RedisModule_Log) else { return };
        reached!(RedisModule_Log);
        let format: *const c_char = c"%s".as_ptr();
        let line = self.finish();
        // SAFETY: R3: RM_Log takes a NULL context from any thread; "%s" reads one C string.
        unsafe { log(ctx, level.name().as_ptr(), format, line.as_ptr()) };
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &[u8]) -> Vec<u8> {
        let mut line = Line::new();
        line.push(message);
        line.finish().to_bytes().to_vec()
    }

    #[test]
    fn control_bytes_are_escaped_and_others_kept() {
        assert_eq!(shown(b"a%s%n\0b\r\n\x7f\xff"), b"a%s%n\\x00b\\x0d\\x0a\\x7f\xff");
    }

    #[test]
    fn a_long_line_is_cut_visibly_and_never_inside_an_escape() {
        for odd in 0..4 {
            let mut message = vec![b'.'; odd];
            message.extend(vec![0; 2000]);
            let line = shown(&message);
            assert!(line.len() <= LINE_BYTES_MAX + 3 && line.ends_with(b"\\x00..."), "{odd}");
        }
        assert_eq!(shown(&[b'x'; LINE_BYTES_MAX]).len(), LINE_BYTES_MAX);
        assert_eq!(shown(&[b'x'; LINE_BYTES_MAX + 1]).len(), LINE_BYTES_MAX + 3);
    }
}
