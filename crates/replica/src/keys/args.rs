//! Arguments of a command, wherever their bytes lie.

use crate::callback::Entry;
use crate::resp::CommandView;

/// A list of byte strings. Indices past the end answer an empty string, so that hostile input can't panic.
pub trait Args {
    /// How many there are.
    fn arg_count(&self) -> usize;

    /// The one at `index`, empty past the end.
    fn arg(&self, index: usize) -> &[u8];
}

impl Args for [&[u8]] {
    #[inline]
    fn arg_count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn arg(&self, index: usize) -> &[u8] {
        self.get(index).copied().unwrap_or_default()
    }
}

impl<const N: usize> Args for [&[u8]; N] {
    #[inline]
    fn arg_count(&self) -> usize {
        N
    }

    #[inline]
    fn arg(&self, index: usize) -> &[u8] {
        self.get(index).copied().unwrap_or_default()
    }
}

impl Args for Vec<Vec<u8>> {
    fn arg_count(&self) -> usize {
        self.len()
    }

    fn arg(&self, index: usize) -> &[u8] {
        self.get(index).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Args for CommandView<'_> {
    #[inline]
    fn arg_count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn arg(&self, index: usize) -> &[u8] {
        self.get(index).unwrap_or_default()
    }
}

impl Args for Entry<'_> {
    #[inline]
    fn arg_count(&self) -> usize {
        Entry::arg_count(self)
    }

    #[inline]
    fn arg(&self, index: usize) -> &[u8] {
        Entry::arg(self, index).unwrap_or_default()
    }
}

/// A command's arguments without its name.
#[derive(Debug)]
pub struct Tail<'a, A: ?Sized>(pub &'a A);

impl<A: ?Sized> Clone for Tail<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: ?Sized> Copy for Tail<'_, A> {}

impl<A: Args + ?Sized> Args for Tail<'_, A> {
    #[inline]
    fn arg_count(&self) -> usize {
        self.0.arg_count().saturating_sub(1)
    }

    #[inline]
    fn arg(&self, index: usize) -> &[u8] {
        self.0.arg(index + 1)
    }
}

/// Whether the argument at `index` is this word, in any case.
pub fn is_word<A: Args + ?Sized>(args: &A, index: usize, word: &str) -> bool {
    args.arg(index).eq_ignore_ascii_case(word.as_bytes())
}

/// A decimal integer as the servers read one (`string2ll`, util.c): no sign but `-`, no leading zeros or spaces.
pub fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits.first() != Some(&b'0') || text == b"0");
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}
