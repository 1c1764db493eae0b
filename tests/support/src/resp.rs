use std::fmt;
use std::io::{self, BufRead, Read};

use crate::{Error, Result};

/// Replies deeper than this are refused.
const DEPTH_MAX: usize = 32;
/// The largest bulk string a server sends by default (proto-max-bulk-len).
const BULK_MAX: u64 = 512 << 20;

/// A reply of a server, RESP2 or RESP3.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The null of either protocol.
    Nil,
    /// An integer.
    Int(i64),
    /// A simple, bulk or verbatim string, or a big number.
    Bytes(Vec<u8>),
    /// An error, code first.
    Error(String),
    /// An array or a set.
    Array(Vec<Value>),
    /// A RESP3 map, in the server's order.
    Map(Vec<(Value, Value)>),
    /// A RESP3 double.
    Double(f64),
    /// A RESP3 boolean.
    Bool(bool),
    /// A RESP3 push message.
    Push(Vec<Value>),
}

impl Value {
    /// The string's bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The string as text, with replacement characters where it is none.
    pub fn as_text(&self) -> Option<String> {
        self.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The integer, also when it came as a string.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The elements of an array, a set or a push.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) | Value::Push(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a map, or of the flat array that stands for one in RESP2.
    pub fn pairs(&self) -> Option<Vec<(&Value, &Value)>> {
        match self {
            Value::Map(pairs) => Some(pairs.iter().map(|(key, value)| (key, value)).collect()),
            Value::Array(items) if items.len().is_multiple_of(2) => {
                Some(items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect())
            }
            _ => None,
        }
    }

    /// The error's words.
    pub fn error(&self) -> Option<&str> {
        match self {
            Value::Error(message) => Some(message),
            _ => None,
        }
    }
}

/// The value on one line, long strings shortened.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => f.write_str("nil"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Bytes(bytes) => write_shortened(f, bytes),
            Value::Error(message) => write!(f, "error {message}"),
            // Debug has an exponent where Display would write hundreds of zeros.
            Value::Double(n) => write!(f, "{n:?}"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Array(items) | Value::Push(items) => {
                f.debug_list().entries(items.iter().map(Line)).finish()
            }
            Value::Map(pairs) => {
                f.debug_map().entries(pairs.iter().map(|(key, value)| (Line(key), Line(value)))).finish()
            }
        }
    }
}

/// Lets collections show their elements by `Display`.
struct Line<'a>(&'a Value);

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn write_shortened(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const SHOWN: usize = 60;
    write!(f, "\"{}\"", bytes[..bytes.len().min(SHOWN)].escape_ascii())?;
    if bytes.len() > SHOWN { write!(f, "..({} bytes)", bytes.len()) } else { Ok(()) }
}

/// Reads one value.
///
/// # Errors
/// The stream's own, and `InvalidData` for what is no RESP.
pub(crate) fn read_value(input: &mut impl BufRead) -> io::Result<Value> {
    read_nested(input, DEPTH_MAX)
}

fn read_nested(input: &mut impl BufRead, depth: usize) -> io::Result<Value> {
    let depth = depth.checked_sub(1).ok_or_else(|| invalid("nested too deeply"))?;
    let line = read_line(input)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| invalid("an empty line"))?;
    Ok(match kind {
        "+" | "(" => Value::Bytes(rest.as_bytes().to_vec()),
        "-" => Value::Error(rest.to_owned()),
        ":" => Value::Int(parse(rest)?),
        "," => Value::Double(parse(rest)?),
        "#" => Value::Bool(rest == "t"),
        "_" => Value::Nil,
        "$" | "*" if rest == "-1" => Value::Nil,
        "$" => Value::Bytes(read_bulk(input, rest)?),
        "!" => Value::Error(String::from_utf8_lossy(&read_bulk(input, rest)?).into_owned()),
        // "txt:" or "mkd:" stands before the text.
        "=" => Value::Bytes(read_bulk(input, rest)?.split_off(4)),
        "*" | "~" => Value::Array(read_items(input, parse(rest)?, depth)?),
        ">" => Value::Push(read_items(input, parse(rest)?, depth)?),
        "%" => Value::Map(read_map(input, parse(rest)?, depth)?),
        _ => return Err(invalid(&format!("{line:?}"))),
    })
}

fn read_items(input: &mut impl BufRead, count: usize, depth: usize) -> io::Result<Vec<Value>> {
    (0..count).map(|_| read_nested(input, depth)).collect()
}

fn read_map(input: &mut impl BufRead, count: usize, depth: usize) -> io::Result<Vec<(Value, Value)>> {
    (0..count).map(|_| Ok((read_nested(input, depth)?, read_nested(input, depth)?))).collect()
}

fn read_bulk(input: &mut impl BufRead, length: &str) -> io::Result<Vec<u8>> {
    let length: u64 = parse(length)?;
    if length > BULK_MAX {
        return Err(invalid("a string above 512 MB"));
    }
    let mut bytes = Vec::new();
    input.by_ref().take(length + 2).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length + 2 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(bytes.len() - 2);
    Ok(bytes)
}

fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    const LINE_MAX: u64 = 64 << 10;
    let mut line = Vec::new();
    input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.strip_suffix(b"\r\n").ok_or_else(|| invalid("a line without end"))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn parse<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| invalid(&format!("the number {text:?}")))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A socket's error as this library's: what is no RESP isn't the connection's fault.
pub(crate) fn classify(peer: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData => Error::Protocol(error.to_string()),
        _ => Error::Connection { peer: peer.to_owned(), source: error },
    }
}

/// The value, unless it is an error.
pub(crate) fn accepted(command: &crate::Command, value: Value) -> Result<Value> {
    match value {
        Value::Error(message) => Err(Error::Refused { command: command.to_string(), message }),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &str) -> io::Result<Value> {
        read_value(&mut wire.as_bytes())
    }

    #[test]
    fn both_protocols_are_understood() {
        let wire = "%2\r\n+a\r\n*2\r\n:1\r\n$-1\r\n$1\r\nb\r\n~2\r\n,1.5\r\n#t\r\n";
        let array = Value::Array(vec![Value::Int(1), Value::Nil]);
        let set = Value::Array(vec![Value::Double(1.5), Value::Bool(true)]);
        let name = |name: &str| Value::Bytes(name.into());
        assert_eq!(read(wire).unwrap(), Value::Map(vec![(name("a"), array), (name("b"), set)]));
        assert_eq!(read("=7\r\ntxt:abc\r\n").unwrap(), name("abc"));
    }

    #[test]
    fn a_reply_that_ends_early_is_an_error_at_every_byte() {
        let wire = "*2\r\n$3\r\nabc\r\n:12\r\n";
        for end in 0..wire.len() {
            assert!(read(&wire[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for wire in ["?\r\n", ":x\r\n", "$99999999999\r\n", "\r\n", &"*1\r\n".repeat(100)] {
            assert_eq!(read(wire).unwrap_err().kind(), io::ErrorKind::InvalidData, "{wire:?}");
        }
    }
}
