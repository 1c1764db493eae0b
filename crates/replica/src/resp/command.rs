//! The fast parser of a stream of commands.

use super::number::parse_i64;
use super::{Limits, ProtocolError};
use crate::typed::{Typed, TypedError};

/// Spans kept between commands at most: a command with millions of arguments must not pin its table.
const SPANS_KEPT: usize = 1 << 14;

/// Where an argument lies, counted from the first byte of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    len: u32,
}

/// What [`CommandParser::parse`] found at the front of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The command is not complete; at least this many bytes of input, counted from its first byte, are
    /// needed before it is worth trying again.
    Need(usize),
    /// A complete command of this many bytes; its arguments are at [`CommandParser::view`].
    Command(usize),
    /// A complete inline command of this many bytes. The servers never send one on a replication link.
    Inline(usize),
    /// This many bytes that hold no command: an empty line, `*0` or `*-1`.
    Nothing(usize),
}

/// An incremental parser of multibulk and inline commands that never copies an argument.
///
/// The caller keeps the bytes. As long as [`parse`](Self::parse) answers [`Parsed::Need`], it must be called
/// with input that begins at the same byte: the parser remembers how far it read and goes on from there.
#[derive(Debug)]
pub struct CommandParser {
    limits: Limits,
    spans: Vec<Span>,
    /// Offset of the first byte not yet understood.
    at: usize,
    /// Offset up to which the line that begins at `at` is known to hold no line end.
    scanned: usize,
    state: State,
    /// Length of the command completed last.
    completed: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Start,
    /// Waiting for the header of the next of this many arguments.
    Header(usize),
    /// The header said `len`; `left` arguments follow this one.
    Body {
        len: usize,
        left: usize,
    },
}

impl CommandParser {
    /// A parser at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits { total_bytes: limits.total_bytes.min(u32::MAX as usize), ..limits };
        CommandParser {
            limits,
            spans: Vec::with_capacity(16),
            at: 0,
            scanned: 0,
            state: State::Start,
            completed: 0,
        }
    }

    /// Sets other limits, also for what is left of a command that has begun.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = Limits { total_bytes: limits.total_bytes.min(u32::MAX as usize), ..limits };
    }

    /// Parses the command at the front of `input`.
    ///
    /// # Errors
    /// Input that is no command, or larger than the limits. The parser is of no use afterwards: a stream
    /// out of step can't be brought back into step.
    pub fn parse(&mut self, input: &[u8]) -> Result<Parsed, ProtocolError> {
        if matches!(self.state, State::Start) {
            match self.start(input)? {
                Some(done) => return Ok(done),
                None => debug_assert!(!matches!(self.state, State::Start)),
            }
        }
        self.arguments(input)
    }

    /// The command that [`parse`](Self::parse) completed last. `input` must begin with the same bytes as then, and
    /// nothing may have been parsed since.
    #[inline]
    pub fn view<'a>(&'a self, input: &'a [u8]) -> CommandView<'a> {
        CommandView { bytes: &input[..input.len().min(self.completed)], spans: &self.spans }
    }

    fn start(&mut self, input: &[u8]) -> Result<Option<Parsed>, ProtocolError> {
        if self.at == 0 && self.scanned == 0 {
            self.begin();
        }
        match input.first() {
            None => Ok(Some(Parsed::Need(1))),
            Some(b'*') => self.multibulk(input),
            Some(_) => self.inline(input).map(Some),
        }
    }

    #[inline]
    fn begin(&mut self) {
        self.spans.clear();
        if self.spans.capacity() > SPANS_KEPT {
            self.spans.shrink_to(SPANS_KEPT);
        }
    }

    fn multibulk(&mut self, input: &[u8]) -> Result<Option<Parsed>, ProtocolError> {
        let Some(count) = self.header(input)? else { return Ok(Some(self.need_line(input))) };
        if count <= 0 {
            return Ok(Some(Parsed::Nothing(self.finish())));
        }
        if count as u64 > self.limits.elements as u64 {
            return Err(ProtocolError::TooManyElements { count: count as u64, limit: self.limits.elements });
        }
        self.state = State::Header(count as usize);
        Ok(None)
    }

    fn arguments(&mut self, input: &[u8]) -> Result<Parsed, ProtocolError> {
        loop {
            let (len, left) = match self.state {
                State::Body { len, left } => (len, left),
                State::Header(0) | State::Start => return Ok(Parsed::Command(self.finish())),
                State::Header(left) => match self.bulk_header(input)? {
                    Some(len) => (len, left - 1),
                    None => return Ok(self.need_line(input)),
                },
            };
            if let Some(need) = self.body(input, len)? {
                self.state = State::Body { len, left };
                return Ok(need);
            }
            self.state = State::Header(left);
        }
    }

    #[inline]
    fn bulk_header(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        match input.get(self.at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(_) => return Err(ProtocolError::ExpectedBulk),
        }
        let Some(len) = self.header(input)? else { return Ok(None) };
        if len < 0 {
            return Err(ProtocolError::NegativeLength);
        }
        if len as u64 > self.limits.bulk_bytes as u64 {
            return Err(ProtocolError::BulkTooLong { len: len as u64, limit: self.limits.bulk_bytes });
        }
        if self.at as u64 + len as u64 + 2 > self.limits.total_bytes as u64 {
            return Err(ProtocolError::TooLong { limit: self.limits.total_bytes });
        }
        Ok(Some(len as usize))
    }

    /// Takes the argument of `len` bytes at `at`, or says how much input it needs.
    #[inline]
    fn body(&mut self, input: &[u8], len: usize) -> Result<Option<Parsed>, ProtocolError> {
        let end = self.at + len;
        let Some(crlf) = input.get(end..end + 2) else { return Ok(Some(Parsed::Need(end + 2))) };
        if crlf != b"\r\n" {
            return Err(ProtocolError::MissingCrlf);
        }
        // Both fit: `end + 2 <= total_bytes <= u32::MAX` was checked with the header.
        self.spans.push(Span { start: self.at as u32, len: len as u32 });
        self.at = end + 2;
        self.scanned = self.at;
        Ok(None)
    }

    /// Reads the line `<type byte><number>CRLF` at `at`; None if it is not complete.
    #[inline]
    fn header(&mut self, input: &[u8]) -> Result<Option<i64>, ProtocolError> {
        match input.get(self.at + 1..self.at + 5) {
            Some(&[a @ b'0'..=b'9', b'\r', b'\n', _]) => Ok(Some(self.short_header(4, a - b'0'))),
            Some(&[a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n']) => {
                Ok(Some(self.short_header(5, (a - b'0') * 10 + (b - b'0'))))
            }
            _ => self.long_header(input),
        }
    }

    #[inline]
    fn short_header(&mut self, line_len: usize, value: u8) -> i64 {
        self.at += line_len;
        self.scanned = self.at;
        i64::from(value)
    }

    fn long_header(&mut self, input: &[u8]) -> Result<Option<i64>, ProtocolError> {
        let Some(end) = self.line_end(input)? else { return Ok(None) };
        let line = &input[self.at + 1..end];
        let digits = line.strip_suffix(b"\r").ok_or(ProtocolError::MissingCrlf)?;
        let value = parse_i64(digits)?;
        self.at = end + 1;
        self.scanned = self.at;
        Ok(Some(value))
    }

    /// The offset of the LF of the line at `at`; None if it has not arrived.
    fn line_end(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let from = self.scanned.max(self.at);
        let found = memchr::memchr(b'\n', input.get(from..).unwrap_or_default()).map(|found| from + found);
        let end = found.unwrap_or(input.len());
        if end.saturating_sub(self.at) > self.limits.line_bytes + 1 {
            return Err(ProtocolError::LineTooLong { limit: self.limits.line_bytes });
        }
        self.scanned = end;
        Ok(found)
    }

    fn need_line(&self, input: &[u8]) -> Parsed {
        Parsed::Need(input.len() + 1)
    }

    fn inline(&mut self, input: &[u8]) -> Result<Parsed, ProtocolError> {
        let Some(end) = self.line_end(input)? else { return Ok(self.need_line(input)) };
        let line = &input[..end];
        if memchr::memchr2(b'"', b'\'', line).is_some() {
            return Err(ProtocolError::QuotedInline);
        }
        for word in line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            let start = word.as_ptr() as usize - line.as_ptr() as usize;
            // Both fit: a line is far shorter than `total_bytes <= u32::MAX`, or the limits are the caller's.
            self.spans.push(Span { start: start as u32, len: word.len() as u32 });
        }
        self.at = end + 1;
        let consumed = self.finish();
        Ok(if self.spans.is_empty() { Parsed::Nothing(consumed) } else { Parsed::Inline(consumed) })
    }

    /// Ends the command and returns its length; the spans stay for [`view`](Self::view).
    #[inline]
    fn finish(&mut self) -> usize {
        self.state = State::Start;
        self.scanned = 0;
        self.completed = std::mem::take(&mut self.at);
        self.completed
    }
}

/// A parsed command: its arguments are slices of the input. The name is argument 0.
#[derive(Clone, Copy)]
pub struct CommandView<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> CommandView<'a> {
    /// The number of arguments, the name included: never 0.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are no arguments at all: never for a view that a connection delivers.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The command's name as sent, in any case.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.get(0).unwrap_or_default()
    }

    /// Whether the name is `name`, whatever its case.
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// Argument `index`; the name is 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).and_then(|span| slice(self.bytes, *span))
    }

    /// All arguments, the name first.
    #[inline]
    pub fn args(&self) -> Args<'a> {
        Args { bytes: self.bytes, spans: self.spans.iter() }
    }

    /// The command as it came over the wire. A parser over these bytes alone gives the same view.
    pub fn raw(&self) -> &'a [u8] {
        self.bytes
    }

    /// The command, understood: parsed by this call, which copies nothing. See [`crate::typed`].
    ///
    /// # Errors
    /// A command that is modelled, with arguments that don't fit it.
    pub fn typed(&self) -> Result<Typed<'a>, TypedError> {
        Typed::parse(*self)
    }

    /// All arguments, owned.
    pub fn to_vec(&self) -> Vec<Vec<u8>> {
        self.args().map(<[u8]>::to_vec).collect()
    }
}

impl std::fmt::Debug for CommandView<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.args().map(<[u8]>::escape_ascii).map(|text| text.to_string())).finish()
    }
}

#[inline]
fn slice(bytes: &[u8], span: Span) -> Option<&[u8]> {
    let start = span.start as usize;
    bytes.get(start..start + span.len as usize)
}

/// The arguments of a [`CommandView`], the name first.
#[derive(Debug, Clone)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: std::slice::Iter<'a, Span>,
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.spans.next().and_then(|span| slice(self.bytes, *span))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl ExactSizeIterator for Args<'_> {}
