//! The incremental reader of replies, with pushes taken out of the way.

use std::collections::VecDeque;

use super::number::parse_i64;
use super::{Limits, ProtocolError, Value};

/// Elements reserved ahead for an aggregate at most: the announced count is only the peer's word.
const RESERVED: usize = 1024;

/// Input capacity kept when all input is consumed, in bytes.
const INPUT_KEPT: usize = 64 << 10;

/// A complete frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// The reply to a command, in the order of the commands.
    Reply(Value),
    /// An out-of-band push (`>`), its name first. It never answers a command, wherever it turns up, not
    /// even between the elements of another frame.
    Push(Vec<Value>),
}

/// Reads frames from bytes that arrive in pieces of any size. Attributes (`|`) are read and dropped.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    input: Vec<u8>,
    /// Bytes of `input` already consumed.
    at: usize,
    /// Offset up to which the current line is known to hold no line end.
    scanned: usize,
    /// Aggregates begun but not complete, outermost first.
    open: Vec<Aggregate>,
    /// Elements and bytes of the frames now open.
    elements: usize,
    bytes: usize,
    ready: VecDeque<Frame>,
    /// What ended the stream of frames: nothing behind it means anything.
    failure: Option<ProtocolError>,
}

#[derive(Debug)]
struct Aggregate {
    kind: Kind,
    missing: usize,
    items: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Set,
    Map,
    Push,
    Attribute,
}

/// What one step over the input gave.
enum Step {
    Incomplete,
    Opened,
    Scalar(Value),
}

/// Whether it is worth going on with the input at hand.
enum Progress {
    Made,
    NeedsInput,
}

impl Decoder {
    /// A reader at the start of a stream of frames.
    pub fn new(limits: Limits) -> Self {
        Decoder {
            limits,
            input: Vec::new(),
            at: 0,
            scanned: 0,
            open: Vec::new(),
            elements: 0,
            bytes: 0,
            ready: VecDeque::new(),
            failure: None,
        }
    }

    /// Takes bytes from the peer.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.compact();
        self.input.extend_from_slice(bytes);
    }

    /// Bytes received that are not part of a frame yet.
    pub fn buffered(&self) -> usize {
        self.input.len() - self.at
    }

    /// The next complete frame, or None until more bytes are received.
    ///
    /// # Errors
    /// Input that is no RESP, or larger than the limits; the connection is of no use afterwards, and every further call
    /// says the same.
    pub fn poll_frame(&mut self) -> Result<Option<Frame>, ProtocolError> {
        self.decode()?;
        Ok(self.ready.pop_front())
    }

    /// The frame that [`poll_frame`](Self::poll_frame) would return, left where it is.
    ///
    /// # Errors
    /// As for [`poll_frame`](Self::poll_frame).
    pub fn peek_frame(&mut self) -> Result<Option<&Frame>, ProtocolError> {
        self.decode()?;
        Ok(self.ready.front())
    }

    /// Reads on until a frame is ready or the input is used up.
    fn decode(&mut self) -> Result<(), ProtocolError> {
        while self.ready.is_empty() {
            if let Some(failure) = self.failure {
                return Err(failure);
            }
            match self.advance_frame() {
                Ok(Progress::Made) => {}
                Ok(Progress::NeedsInput) => return Ok(()),
                Err(failure) => self.failure = Some(failure),
            }
        }
        Ok(())
    }

    fn advance_frame(&mut self) -> Result<Progress, ProtocolError> {
        let before = self.at;
        let step = self.step()?;
        self.count_bytes(self.at - before)?;
        match step {
            Step::Incomplete => return Ok(Progress::NeedsInput),
            Step::Opened => self.close_complete(),
            Step::Scalar(value) => self.place(value),
        }
        Ok(Progress::Made)
    }

    fn compact(&mut self) {
        if self.at == self.input.len() {
            self.input.clear();
            self.input.shrink_to(INPUT_KEPT);
        } else if self.at >= self.input.len() - self.at {
            self.input.drain(..self.at);
        } else {
            return;
        }
        self.scanned = self.scanned.saturating_sub(self.at);
        self.at = 0;
    }

    fn count_bytes(&mut self, bytes: usize) -> Result<(), ProtocolError> {
        self.bytes += bytes;
        if self.bytes > self.limits.total_bytes {
            return Err(ProtocolError::TooLong { limit: self.limits.total_bytes });
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Step, ProtocolError> {
        let Some((line, next)) = self.line()? else { return Ok(Step::Incomplete) };
        let Some((&kind, body)) = self.input[line.clone()].split_first() else {
            return Err(ProtocolError::UnknownType);
        };
        let step = match kind {
            b'$' | b'!' | b'=' => return self.blob(kind, line.start + 1..line.end, next),
            b'*' | b'~' | b'>' | b'%' | b'|' => return self.aggregate(kind, line.start + 1..line.end, next),
            _ => Step::Scalar(scalar(kind, body)?),
        };
        self.advance(next);
        Ok(step)
    }

    /// The line at `at` without its CRLF, and the offset behind it.
    fn line(&mut self) -> Result<Option<(std::ops::Range<usize>, usize)>, ProtocolError> {
        let from = self.scanned.max(self.at);
        let found = memchr::memchr(b'\n', &self.input[from..]).map(|found| from + found);
        let end = found.unwrap_or(self.input.len());
        if end - self.at > self.limits.line_bytes + 1 {
            return Err(ProtocolError::LineTooLong { limit: self.limits.line_bytes });
        }
        let Some(end) = found else {
            self.scanned = end;
            return Ok(None);
        };
        // `scanned` stays before the LF: a blob whose body is missing reads its line again.
        if end == self.at || self.input[end - 1] != b'\r' {
            return Err(ProtocolError::MissingCrlf);
        }
        Ok(Some((self.at..end - 1, end + 1)))
    }

    fn advance(&mut self, next: usize) {
        self.at = next;
        self.scanned = next;
    }

    fn blob(&mut self, kind: u8, len: std::ops::Range<usize>, body: usize) -> Result<Step, ProtocolError> {
        let Some(len) = blob_len(&self.input[len], kind, self.limits.bulk_bytes)? else {
            self.advance(body);
            return Ok(Step::Scalar(Value::Null));
        };
        let end = body + len;
        let Some(crlf) = self.input.get(end..end + 2) else { return Ok(Step::Incomplete) };
        if crlf != b"\r\n" {
            return Err(ProtocolError::MissingCrlf);
        }
        let value = blob_value(kind, &self.input[body..end])?;
        self.advance(end + 2);
        Ok(Step::Scalar(value))
    }

    fn aggregate(
        &mut self,
        kind: u8,
        count: std::ops::Range<usize>,
        next: usize,
    ) -> Result<Step, ProtocolError> {
        let count = &self.input[count];
        if count == b"?" {
            return Err(ProtocolError::StreamedValue);
        }
        let count = parse_i64(count)?;
        self.advance(next);
        if count == -1 && kind == b'*' {
            return Ok(Step::Scalar(Value::Null));
        }
        let count = u64::try_from(count).map_err(|_| ProtocolError::NegativeLength)?;
        self.open(aggregate_kind(kind), count)?;
        Ok(Step::Opened)
    }

    fn open(&mut self, kind: Kind, count: u64) -> Result<(), ProtocolError> {
        let per_item = if matches!(kind, Kind::Map | Kind::Attribute) { 2 } else { 1 };
        let total = count.saturating_mul(per_item).saturating_add(self.elements as u64);
        if total > self.limits.elements as u64 {
            return Err(ProtocolError::TooManyElements { count: total, limit: self.limits.elements });
        }
        if self.open.len() >= self.limits.depth {
            return Err(ProtocolError::TooDeep { limit: self.limits.depth });
        }
        let missing = (count * per_item) as usize;
        self.elements = total as usize;
        self.open.push(Aggregate { kind, missing, items: Vec::with_capacity(missing.min(RESERVED)) });
        Ok(())
    }

    /// Puts a value into the innermost open aggregate, or hands it out.
    fn place(&mut self, value: Value) {
        match self.open.last_mut() {
            None => self.hand_out(Frame::Reply(value)),
            Some(parent) => {
                parent.items.push(value);
                parent.missing -= 1;
                self.close_complete();
            }
        }
    }

    /// Closes aggregates from the inside as far as they are complete.
    fn close_complete(&mut self) {
        while let Some(aggregate) = self.open.pop_if(|aggregate| aggregate.missing == 0) {
            // Pushes and attributes are no element of what is open around them: nothing else becomes complete.
            let value = match aggregate.kind {
                Kind::Attribute => return,
                Kind::Push => return self.hand_out(Frame::Push(aggregate.items)),
                Kind::Array => Value::Array(aggregate.items),
                Kind::Set => Value::Set(aggregate.items),
                Kind::Map => Value::Map(pairs(aggregate.items)),
            };
            match self.open.last_mut() {
                None => self.hand_out(Frame::Reply(value)),
                Some(parent) => {
                    parent.items.push(value);
                    parent.missing -= 1;
                }
            }
        }
    }

    fn hand_out(&mut self, frame: Frame) {
        self.ready.push_back(frame);
        if self.open.is_empty() {
            self.elements = 0;
            self.bytes = 0;
        }
    }
}

fn aggregate_kind(kind: u8) -> Kind {
    match kind {
        b'~' => Kind::Set,
        b'%' => Kind::Map,
        b'>' => Kind::Push,
        b'|' => Kind::Attribute,
        _ => Kind::Array,
    }
}

fn pairs(items: Vec<Value>) -> Vec<(Value, Value)> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}

/// The length of a blob; None is the null bulk string.
fn blob_len(digits: &[u8], kind: u8, limit: usize) -> Result<Option<usize>, ProtocolError> {
    if digits == b"?" {
        return Err(ProtocolError::StreamedValue);
    }
    let len = parse_i64(digits)?;
    if len == -1 && kind == b'$' {
        return Ok(None);
    }
    let len = u64::try_from(len).map_err(|_| ProtocolError::NegativeLength)?;
    if len > limit as u64 {
        return Err(ProtocolError::BulkTooLong { len, limit });
    }
    Ok(Some(len as usize))
}

fn blob_value(kind: u8, body: &[u8]) -> Result<Value, ProtocolError> {
    Ok(match kind {
        b'!' => Value::Error(body.to_vec()),
        b'=' => match body {
            [a, b, c, b':', text @ ..] => Value::Verbatim { format: [*a, *b, *c], text: text.to_vec() },
            _ => return Err(ProtocolError::InvalidScalar),
        },
        _ => Value::Bulk(body.to_vec()),
    })
}

fn scalar(kind: u8, body: &[u8]) -> Result<Value, ProtocolError> {
    match kind {
        b'+' => Ok(Value::Simple(body.to_vec())),
        b'-' => Ok(Value::Error(body.to_vec())),
        b':' => parse_i64(body.strip_prefix(b"+").unwrap_or(body)).map(Value::Integer),
        b'_' if body.is_empty() => Ok(Value::Null),
        b'#' if body == b"t" => Ok(Value::Boolean(true)),
        b'#' if body == b"f" => Ok(Value::Boolean(false)),
        b',' => double(body).map(Value::Double).ok_or(ProtocolError::InvalidScalar),
        b'(' if is_big_number(body) => Ok(Value::BigNumber(body.to_vec())),
        b'_' | b'#' | b'(' => Err(ProtocolError::InvalidScalar),
        _ => Err(ProtocolError::UnknownType),
    }
}

fn double(body: &[u8]) -> Option<f64> {
    std::str::from_utf8(body).ok()?.parse().ok()
}

fn is_big_number(body: &[u8]) -> bool {
    let digits = body.strip_prefix(b"-").unwrap_or(body);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
