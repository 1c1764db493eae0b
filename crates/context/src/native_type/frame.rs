//! What the server may be given to load a value from.
//!
//! Outside of a client's command the server ends when it finds a length or a compressed text that nobody can have
//! written (`rdbReportCorruptRDB`, rdb.c). Such bytes are therefore looked at here first:
//!
//! ```text
//! value  := item*
//! item   := 1 number | 2 number | 3 four bytes | 4 eight bytes | 5 text        RDB_MODULE_OPCODE_*, rdb.h
//! number := 00aaaaaa | 01aaaaaa 1 byte | 80 4 bytes | 81 8 bytes | 11aaaaaa    rdbLoadLenByRef
//! text   := number bytes | C0 1 byte | C1 2 bytes | C2 4 bytes | C3 number number LZF
//! ```

/// Whether these bytes are items and nothing else.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    let mut cursor = Cursor(bytes);
    while !cursor.0.is_empty() {
        if cursor.item().is_none() {
            return false;
        }
    }
    true
}

struct Cursor<'a>(&'a [u8]);

/// A number, or what the two high bits 11 mark as something else.
enum Length {
    Plain(u64),
    Encoding(u8),
}

impl<'a> Cursor<'a> {
    fn item(&mut self) -> Option<()> {
        // The server reads an opcode as it reads any number.
        match self.number()? {
            1 | 2 => self.number().map(drop),
            3 => self.take(4).map(drop),
            4 => self.take(8).map(drop),
            5 => self.text(),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<()> {
        match self.length()? {
            Length::Plain(len) => self.take(len).map(drop),
            Length::Encoding(bytes @ 0..=2) => self.take(1 << bytes).map(drop),
            Length::Encoding(3) => {
                let (compressed, len) = (self.number()?, self.number()?);
                inflates_to(self.take(compressed)?, len)
            }
            Length::Encoding(_) => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        match self.length()? {
            Length::Plain(number) => Some(number),
            Length::Encoding(number) => Some(u64::from(number)),
        }
    }

    fn length(&mut self) -> Option<Length> {
        let first = self.take(1)?[0];
        let low = first & 0x3f;
        Some(match first >> 6 {
            0 => Length::Plain(u64::from(low)),
            1 => Length::Plain(u64::from(low) << 8 | u64::from(self.take(1)?[0])),
            3 => Length::Encoding(low),
            _ if first == 0x80 => Length::Plain(u32::from_be_bytes(*self.take(4)?.first_chunk()?).into()),
            _ if first == 0x81 => Length::Plain(u64::from_be_bytes(*self.take(8)?.first_chunk()?)),
            _ => return None,
        })
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Whether `compressed` is LZF of a text of `len` bytes (lzf_d.c): literal runs, and references to what was before.
fn inflates_to(compressed: &[u8], len: u64) -> Option<()> {
    let mut cursor = Cursor(compressed);
    let mut made: u64 = 0;
    while !cursor.0.is_empty() {
        let control = u64::from(cursor.take(1)?[0]);
        if control < 32 {
            cursor.take(control + 1)?;
            made += control + 1;
            continue;
        }
        let mut run = control >> 5;
        if run == 7 {
            run += u64::from(cursor.take(1)?[0]);
        }
        let back = ((control & 0x1f) << 8) + u64::from(cursor.take(1)?[0]) + 1;
        if back > made {
            return None;
        }
        made += run + 2;
    }
    (made == len && len > 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_write_is_sound() {
        let sound: [&[u8]; 8] = [
            b"",
            b"\x02\x07\x01\x41\x00",
            b"\x02\x80\0\0\xff\xff\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x03\0\0\x80\x3f\x04\0\0\0\0\0\0\xf0\x3f",
            b"\x05\x00\x05\x03abc",
            b"\x05\xc0\x01\x05\xc1\x01\x01\x05\xc2\x01\x01\x01\x01",
            // One literal "a" and 29 more of it.
            b"\x05\xc3\x05\x1e\x00a\xe0\x14\x00",
            b"\x05\xc3\x04\x05\x00a\x40\x00",
        ];
        for bytes in sound {
            assert!(is_sound(bytes), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_ends_a_server_is_not() {
        let corrupt: [&[u8]; 14] = [
            b"\x02",
            b"\x02\x82",
            b"\x02\xbf",
            b"\x00",
            b"\x06\x00",
            b"\x03\0\0\0",
            b"\x04\0\0\0\0\0\0\0",
            b"\x05\x03ab",
            b"\x05\x81\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x05\xc4\x00",
            b"\x05\xff",
            // A reference before the beginning, a wrong length, a run that is cut short.
            b"\x05\xc3\x04\x05\x00a\x40\x01",
            b"\x05\xc3\x04\x06\x00a\x40\x00",
            b"\x05\xc3\x02\x02\x01a",
        ];
        for bytes in corrupt {
            assert!(!is_sound(bytes), "{}", bytes.escape_ascii());
        }
    }
}
