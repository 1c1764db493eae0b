//! Call flags and the format strings they make, all of them known when the crate is compiled.

use std::ffi::{CStr, c_char};

use super::error::CallError;
use crate::server::server;

/// How many arguments a call passes as buffers, without allocating.
pub const ARGS_INLINE_MAX: usize = 12;

bitflags::bitflags! {
    /// How a command is run.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct CallFlags: u16 {
        /// The effects go to the AOF and the replicas.
        const REPLICATE = 1 << 0;
        /// With `REPLICATE`: not to the AOF.
        const NO_AOF = 1 << 1;
        /// With `REPLICATE`: not to the replicas.
        const NO_REPLICAS = 1 << 2;
        /// The reply has the types of RESP3.
        const RESP3 = 1 << 3;
        /// The reply has the types of the client's protocol.
        const RESP_AUTO = 1 << 4;
        /// A command that needs memory is refused when there is none. The state it looks at is refreshed by
        /// ordinary clients' commands only: outside of commands see [`crate::Context::used_memory_ratio`].
        const RESPECT_DENY_OOM = 1 << 5;
        /// As if a script ran it: what scripts may not do is refused.
        const SCRIPT_MODE = 1 << 6;
        /// A command that writes is refused.
        const NO_WRITES = 1 << 7;
        /// What would be a [`CallError`] is an error reply with the server's text instead.
        const ERRORS_AS_REPLIES = 1 << 8;
        /// Only the checks are made (7.2 on); the reply is null or an error.
        const DRY_RUN = 1 << 9;
        /// With the rights of the client's user (7.2 on: Redis 7.0 has the flag but crashes at a denial).
        const AS_USER = 1 << 10;
    }
}

/// The flags' characters, by bit (module.c, moduleCreateArgvFromUserFormat).
const CHARACTERS: &[u8; 11] = b"!AR30MSWEDC";
const ROW: usize = ARGS_INLINE_MAX + CHARACTERS.len() + 1;
/// How many strings a call passes one by one, and the part of a row that names them.
pub(super) const STRINGS_INLINE_MAX: usize = 3;
const STRINGS_ROW: usize = ROW - ARGS_INLINE_MAX + STRINGS_INLINE_MAX;
const ROWS: usize = 1 << CHARACTERS.len();

/// One row per set of flags: twelve `b`, the flags' characters, NUL. A call of n arguments reads its row from
/// the n-th last `b` on.
static FORMATS: [[u8; ROW]; ROWS] = formats();

const fn formats() -> [[u8; ROW]; ROWS] {
    let mut rows = [[0; ROW]; ROWS];
    let mut bits = 0;
    while bits < ROWS {
        rows[bits] = row(bits);
        bits += 1;
    }
    rows
}

const fn row(bits: usize) -> [u8; ROW] {
    let mut row = [0; ROW];
    let mut len = 0;
    while len < ARGS_INLINE_MAX {
        row[len] = b'b';
        len += 1;
    }
    let mut bit = 0;
    while bit < CHARACTERS.len() {
        if bits & (1 << bit) != 0 {
            row[len] = CHARACTERS[bit];
            len += 1;
        }
        bit += 1;
    }
    row
}

impl CallFlags {
    #[inline]
    fn row(self) -> &'static [u8; ROW] {
        &FORMATS[usize::from(self.bits()) % ROWS]
    }

    /// `b` for each argument and the flags. With more than [`ARGS_INLINE_MAX`] arguments it is not used.
    #[inline]
    pub(super) fn format(self, args: usize) -> *const c_char {
        self.row()[ARGS_INLINE_MAX.saturating_sub(args)..].as_ptr().cast()
    }

    /// `s` for each of up to [`STRINGS_INLINE_MAX`] strings and the flags. With more it is not used.
    #[inline]
    pub(super) fn strings_format(self, args: usize) -> StringsFormat {
        let mut tail = [0; STRINGS_ROW];
        tail.copy_from_slice(&self.row()[ROW - STRINGS_ROW..]);
        let start = STRINGS_INLINE_MAX.saturating_sub(args);
        tail[start..STRINGS_INLINE_MAX].fill(b's');
        StringsFormat { tail, start }
    }

    /// `v` and the flags.
    pub(super) fn vector_format(self) -> VectorFormat {
        let mut format = [0; ROW];
        format[..ROW - ARGS_INLINE_MAX + 1].copy_from_slice(&self.row()[ARGS_INLINE_MAX - 1..]);
        format[0] = b'v';
        VectorFormat(format)
    }

    /// `v`, the flags, and `K`: the command may block.
    pub(super) fn promise_format(self) -> VectorFormat {
        let mut format = self.vector_format();
        if let Some(end) = format.0.iter().position(|&byte| byte == 0) {
            format.0[end] = b'K';
        }
        format
    }

    /// Whether a flag is set that not every server copes with.
    #[inline]
    pub(super) fn are_delicate(self) -> bool {
        const DELICATE: CallFlags = CallFlags::DRY_RUN
            .union(CallFlags::AS_USER)
            .union(CallFlags::SCRIPT_MODE)
            .union(CallFlags::RESPECT_DENY_OOM);
        self.intersects(DELICATE)
    }

    /// The flags to send for these: an error if the server lacks one.
    ///
    /// Redis 7.0 fails on flags it does not know. Valkey 9 crashes when script mode refuses a command and
    /// the error is not asked for as a reply (9.1.2, VM_Call): there the error is asked for, and turned into
    /// a [`CallError`] afterwards.
    #[cold]
    pub(super) fn for_this_server(self) -> Result<Self, CallError> {
        let server = server();
        if self.intersects(Self::DRY_RUN | Self::AS_USER) && !server.is_since_7_2() {
            let flag = if self.contains(Self::DRY_RUN) { "DRY_RUN" } else { "AS_USER" };
            return Err(CallError::Unsupported { flag, since: "Redis 7.2 and Valkey 7.2" });
        }
        let refuses = self.intersects(Self::SCRIPT_MODE | Self::RESPECT_DENY_OOM);
        Ok(if refuses && server.is_valkey_since(9, 0) { self | Self::ERRORS_AS_REPLIES } else { self })
    }
}

/// A format of a few strings, on the stack.
pub(super) struct StringsFormat {
    tail: [u8; STRINGS_ROW],
    start: usize,
}

impl StringsFormat {
    #[inline]
    pub(super) fn as_ptr(&self) -> *const c_char {
        self.tail[self.start..].as_ptr().cast()
    }
}

/// A format of one vector, on the stack.
pub(super) struct VectorFormat([u8; ROW]);

impl VectorFormat {
    pub(super) fn as_ptr(&self) -> *const c_char {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default().as_ptr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: *const c_char) -> String {
        // SAFETY: the formats end with a NUL.
        unsafe { CStr::from_ptr(format) }.to_string_lossy().into_owned()
    }

    /// Every set of flags and every number of arguments against a naive model. Miri, which is slow, takes some.
    #[test]
    fn each_format_names_its_arguments_and_its_flags() {
        for bits in (0..ROWS).step_by(if cfg!(miri) { 89 } else { 1 }) {
            let flags = CallFlags::from_bits_retain(bits as u16);
            let characters: String =
                (0..11).filter(|bit| bits & (1 << bit) != 0).map(|bit| char::from(CHARACTERS[bit])).collect();
            for args in 0..=ARGS_INLINE_MAX {
                assert_eq!(shown(flags.format(args)), "b".repeat(args) + &characters);
            }
            for args in 0..=STRINGS_INLINE_MAX {
                assert_eq!(shown(flags.strings_format(args).as_ptr()), "s".repeat(args) + &characters);
            }
            assert_eq!(shown(flags.vector_format().as_ptr()), format!("v{characters}"));
            assert_eq!(shown(flags.promise_format().as_ptr()), format!("v{characters}K"));
        }
        assert_eq!(CallFlags::all().bits(), ROWS as u16 - 1);
    }
}
