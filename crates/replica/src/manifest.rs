//! The list of files that an AOF directory consists of (Redis 7.0, any Valkey).

/// Longest line, in bytes (`MANIFEST_MAX_LINE` in aof.c).
const LINE_BYTES_MAX: usize = 1024;

/// Most files listed.
const FILES_MAX: usize = 100_000;

/// The files of an AOF directory, in the order in which they are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The names: the base, if there is one, then the increments.
    pub files: Vec<String>,
}

/// Why a manifest is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A line is longer than any server reads.
    #[error("line {line} of the manifest is too long, or there are too many")]
    TooLong {
        /// From 1.
        line: usize,
    },
    /// A line is no list of names and values with `file`, `seq` and `type`.
    #[error("line {line} of the manifest can't be read: is it an AOF manifest of Redis 7.0 or newer?")]
    Unreadable {
        /// From 1.
        line: usize,
    },
    /// A file's name leads elsewhere.
    #[error("line {line} of the manifest names a file outside its directory")]
    Path {
        /// From 1.
        line: usize,
    },
    /// Two bases, or increments out of order.
    #[error("line {line} of the manifest names a second base, or an increment out of order")]
    Order {
        /// From 1.
        line: usize,
    },
    /// There is nothing to read.
    #[error("the manifest names no file")]
    Empty,
}

enum Kind {
    Base,
    Increment,
    /// Kept until it can be deleted; its content is in the base.
    History,
}

impl Manifest {
    /// Reads the text of a manifest (aofLoadManifestFromFile in aof.c).
    ///
    /// # Errors
    /// The first line that breaks a rule.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let (mut base, mut increments, mut last) = (None, Vec::new(), 0);
        for (index, row) in text.lines().enumerate() {
            let line = index + 1;
            if row.len() > LINE_BYTES_MAX || line > FILES_MAX {
                return Err(ManifestError::TooLong { line });
            }
            if row.is_empty() || row.starts_with('#') {
                continue;
            }
            let (name, sequence, kind) = entry(row).ok_or(ManifestError::Unreadable { line })?;
            if name.contains('/') || name == ".." || name == "." || name.contains('\0') {
                return Err(ManifestError::Path { line });
            }
            match kind {
                Kind::History => {}
                Kind::Base if base.is_some() => return Err(ManifestError::Order { line }),
                Kind::Base => base = Some(name),
                Kind::Increment if sequence <= last => return Err(ManifestError::Order { line }),
                Kind::Increment => {
                    last = sequence;
                    increments.push(name);
                }
            }
        }
        let files: Vec<String> = base.into_iter().chain(increments).collect();
        if files.is_empty() { Err(ManifestError::Empty) } else { Ok(Manifest { files }) }
    }
}

/// `file <name> seq <number> type <b, i or h>`, and pairs that newer servers add.
fn entry(row: &str) -> Option<(String, u64, Kind)> {
    let (mut name, mut sequence, mut kind) = (None, None, None);
    let mut words = words(row)?.into_iter();
    while let Some(key) = words.next() {
        let value = words.next()?;
        match key.as_str() {
            "file" => name = Some(value).filter(|name| !name.is_empty()),
            "seq" => sequence = value.parse().ok(),
            "type" => kind = kind_of(&value),
            _ => {}
        }
    }
    Some((name?, sequence?, kind?))
}

fn kind_of(word: &str) -> Option<Kind> {
    match word {
        "b" => Some(Kind::Base),
        "i" => Some(Kind::Increment),
        "h" => Some(Kind::History),
        _ => None,
    }
}

/// Words between blanks; one with blanks or control characters is quoted, as sdscatrepr writes it.
fn words(row: &str) -> Option<Vec<String>> {
    let (mut words, mut rest) = (Vec::new(), row.trim());
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => rest.split_once(' ').map_or((rest.into(), ""), |(word, behind)| (word.into(), behind)),
        };
        words.push(word);
        rest = behind.trim_start();
    }
    Some(words)
}

/// Up to the closing quote; None for a name that is no text.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let (mut bytes, mut at) = (Vec::new(), 0);
    let raw = quoted.as_bytes();
    loop {
        let (byte, len) = match (*raw.get(at)?, raw.get(at + 1)) {
            (b'"', _) => return Some((String::from_utf8(bytes).ok()?, quoted.get(at + 1..)?)),
            (b'\\', Some(b'x')) => (u8::from_str_radix(quoted.get(at + 2..at + 4)?, 16).ok()?, 4),
            (b'\\', Some(escaped)) => (unescape(*escaped), 2),
            (byte, _) => (byte, 1),
        };
        bytes.push(byte);
        at += len;
    }
}

fn unescape(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 7,
        b'b' => 8,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_comes_first_and_history_not_at_all() {
        let text = "# comment\nfile a.1.incr.aof seq 1 type i\nfile a.1.base.rdb seq 1 type b\nfile a.0 seq 0 type h\nfile a.2.incr.aof seq 2 type i startoffset 5\n";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.files, ["a.1.base.rdb", "a.1.incr.aof", "a.2.incr.aof"]);
    }

    #[test]
    fn quoted_names_are_read() {
        let manifest = Manifest::parse("file \"a b\\x41\\\"c\" seq 1 type b").unwrap();
        assert_eq!(manifest.files, ["a bA\"c"]);
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        for (text, error) in [
            ("", ManifestError::Empty),
            ("file a seq x type b", ManifestError::Unreadable { line: 1 }),
            ("file a seq 1 type z", ManifestError::Unreadable { line: 1 }),
            ("file \"a seq 1 type b", ManifestError::Unreadable { line: 1 }),
            ("file ../a seq 1 type b", ManifestError::Path { line: 1 }),
            ("file .. seq 1 type b", ManifestError::Path { line: 1 }),
            ("file a seq 1 type b\nfile b seq 2 type b", ManifestError::Order { line: 2 }),
            ("file a seq 2 type i\nfile b seq 2 type i", ManifestError::Order { line: 2 }),
        ] {
            assert_eq!(Manifest::parse(text), Err(error), "{text}");
        }
        assert!(matches!(Manifest::parse(&"x".repeat(2000)), Err(ManifestError::TooLong { line: 1 })));
    }
}
