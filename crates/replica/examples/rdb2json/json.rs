//! JSON as it is written: nesting, commas, texts.

use std::io::{self, Write};

/// An object or array that is open.
struct Level {
    close: u8,
    empty: bool,
}

/// Writes JSON from left to right.
pub struct Json<W> {
    out: W,
    open: Vec<Level>,
    /// A name was written: its value comes without a comma.
    named: bool,
}

impl<W: Write> Json<W> {
    pub const fn new(out: W) -> Self {
        Self { out, open: Vec::new(), named: false }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Number of objects and arrays that are open.
    pub const fn depth(&self) -> usize {
        self.open.len()
    }

    fn separate(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.named) {
            return Ok(());
        }
        let first = self.open.last_mut().is_none_or(|level| std::mem::replace(&mut level.empty, false));
        if first { Ok(()) } else { self.out.write_all(b",") }
    }

    pub fn object(&mut self) -> io::Result<()> {
        self.begin(b"{", b'}')
    }

    pub fn array(&mut self) -> io::Result<()> {
        self.begin(b"[", b']')
    }

    fn begin(&mut self, bracket: &[u8], close: u8) -> io::Result<()> {
        self.separate()?;
        self.open.push(Level { close, empty: true });
        self.out.write_all(bracket)
    }

    /// Closes what is open beyond `depth`; a line ends with the outermost object.
    pub fn close_to(&mut self, depth: usize) -> io::Result<()> {
        while self.open.len() > depth {
            if let Some(level) = self.open.pop() {
                self.out.write_all(&[level.close])?;
            }
        }
        if depth == 0 { self.out.write_all(b"\n") } else { Ok(()) }
    }

    /// The name of the value that follows.
    pub fn name(&mut self, name: &str) -> io::Result<()> {
        self.text(name.as_bytes())?;
        self.named = true;
        self.out.write_all(b":")
    }

    pub fn number(&mut self, number: u64) -> io::Result<()> {
        self.separate()?;
        write!(self.out, "{number}")
    }

    pub fn score(&mut self, score: f64) -> io::Result<()> {
        if score.is_infinite() {
            return self.text(format!("{score}").as_bytes());
        }
        self.separate()?;
        write!(self.out, "{score:?}")
    }

    pub fn null(&mut self) -> io::Result<()> {
        self.separate()?;
        self.out.write_all(b"null")
    }

    /// A string if the bytes are UTF-8, else an object of base64.
    pub fn text(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Ok(text) = std::str::from_utf8(bytes) else { return self.base64(bytes) };
        self.separate()?;
        self.out.write_all(b"\"")?;
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| needs_escape(*byte)) {
            self.out.write_all(&bytes[plain..at])?;
            self.escape(byte)?;
            plain = at + 1;
        }
        self.out.write_all(&bytes[plain..])?;
        self.out.write_all(b"\"")
    }

    fn escape(&mut self, byte: u8) -> io::Result<()> {
        match byte {
            b'"' | b'\\' => self.out.write_all(&[b'\\', byte]),
            b'\n' => self.out.write_all(b"\\n"),
            b'\r' => self.out.write_all(b"\\r"),
            b'\t' => self.out.write_all(b"\\t"),
            _ => write!(self.out, "\\u{byte:04x}"),
        }
    }

    fn base64(&mut self, bytes: &[u8]) -> io::Result<()> {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        self.separate()?;
        self.out.write_all(b"{\"base64\":\"")?;
        for chunk in bytes.chunks(3) {
            let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
            let word = word << (8 * (3 - chunk.len()));
            let mut four = [b'='; 4];
            for (at, digit) in four.iter_mut().enumerate().take(chunk.len() + 1) {
                *digit = ALPHABET[(word >> (18 - 6 * at)) as usize & 63];
            }
            self.out.write_all(&four)?;
        }
        self.out.write_all(b"\"}")
    }
}

const fn needs_escape(byte: u8) -> bool {
    matches!(byte, 0..=0x1f | b'"' | b'\\' | 0x7f)
}
