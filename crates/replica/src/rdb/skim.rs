//! Finds where an item ends, resuming where it stopped for want of bytes: each byte of a value that arrives in a
//! thousand pieces is looked at once.
//!
//! An item beyond its limit is not lost: its rest is passed over without being held ([`Skim::pass`]).

use super::cursor::length_bytes;
use super::layout::{Part, min_bytes};

/// Nesting of the deepest layout is 3 (groups, consumers, their claims); a module's fields don't nest.
#[derive(Debug, Clone)]
struct Frame {
    parts: &'static [Part],
    next: usize,
    /// Runs of `parts` that follow the current one.
    left: u64,
}

/// How far a skim came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skimmed {
    /// The item ends before this offset.
    End(usize),
    /// Not before this many bytes are there can it end.
    Need(u64),
}

/// Why an extent can't be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unskimmable {
    Corrupt(&'static str),
    TooLarge(u64),
    TooMany(u64),
}

/// How far the passing of an item came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    /// The item ended after so many bytes.
    End(usize),
    /// So many bytes can be dropped; with none, this many must be there before it goes on.
    Part { consumed: usize, need: usize },
}

/// The longest header of a part: the opcode of a module's field, then a compressed string's encoding and two lengths.
const HEADER_BYTES_MAX: usize = 28;

/// A string longer than this is in no server's memory: nothing is gained by waiting for its end.
const PASSED_BYTES_MAX: u64 = 1 << 40;

/// Bytes are missing: `Short(n)` says how many must be there from the item's start.
enum Stop {
    Short(u64),
    Failed(Unskimmable),
}

impl From<Unskimmable> for Stop {
    fn from(cause: Unskimmable) -> Self {
        Self::Failed(cause)
    }
}

/// A walk over an item's framing, from its first byte in a buffer that keeps starting there.
#[derive(Debug, Clone)]
pub(crate) struct Skim {
    stack: Vec<Frame>,
    at: usize,
    bytes_max: u64,
    count_max: u64,
    /// Bytes of a string that is being passed over.
    left: u64,
}

impl Skim {
    pub(crate) const fn new(bytes_max: u64, count_max: u64) -> Self {
        Self { stack: Vec::new(), at: 0, bytes_max, count_max, left: 0 }
    }

    pub(crate) const fn set_limits(&mut self, bytes_max: u64, count_max: u64) {
        (self.bytes_max, self.count_max) = (bytes_max, count_max);
    }

    /// Starts over, `at` bytes into the buffer, keeping the allocation.
    pub(crate) fn begin(&mut self, parts: &'static [Part], at: usize) {
        self.stack.clear();
        self.stack.push(Frame { parts, next: 0, left: 0 });
        self.at = at;
        self.left = 0;
    }

    /// Starts over at a key that a value of these parts follows.
    pub(crate) fn begin_keyed(&mut self, parts: &'static [Part], at: usize) {
        self.begin(parts, at);
        self.stack.push(Frame { parts: &[Part::Str], next: 0, left: 0 });
    }

    /// Goes on as far as `buf`, which holds everything from the item's start, allows.
    pub(crate) fn run(&mut self, buf: &[u8]) -> Result<Skimmed, Unskimmable> {
        self.usual_runs(buf);
        while let Some(part) = self.next_part() {
            match self.step(part, buf) {
                Ok(at) => {
                    self.at = at;
                    self.usual_runs(buf);
                }
                Err(Stop::Short(need)) => return self.need(need, part),
                Err(Stop::Failed(cause)) => return Err(self.failed(cause)),
            }
        }
        if self.at as u64 > self.bytes_max {
            return Err(Unskimmable::TooLarge(self.at as u64));
        }
        Ok(Skimmed::End(self.at))
    }

    /// What is broken is told only of an item within its limit: had it come in smaller pieces, its size would have been
    /// found first.
    fn failed(&mut self, cause: Unskimmable) -> Unskimmable {
        self.take_back();
        let least = (self.at as u64).saturating_add(self.least_rest());
        match cause {
            Unskimmable::Corrupt(_) if least > self.bytes_max => Unskimmable::TooLarge(least),
            cause => cause,
        }
    }

    /// The step to take, leaving runs that are over.
    fn next_part(&mut self) -> Option<Part> {
        loop {
            let frame = self.stack.last_mut()?;
            if let Some(part) = frame.parts.get(frame.next) {
                frame.next += 1;
                return Some(*part);
            }
            if frame.left == 0 {
                self.stack.pop();
            } else {
                frame.left -= 1;
                frame.next = 0;
            }
        }
    }

    /// The item is too large: bytes up to the answer can be dropped, what follows them is for [`Skim::pass`].
    pub(crate) fn begin_passing(&mut self) -> usize {
        self.count_max = u64::MAX;
        std::mem::take(&mut self.at)
    }

    /// Goes on in an item that is not held: `buf` begins where the last call stopped. The limits must be set anew
    /// before another item is begun.
    pub(crate) fn pass(&mut self, buf: &[u8]) -> Result<Passed, Unskimmable> {
        loop {
            self.pass_string(buf);
            if self.left > 0 {
                return Ok(self.passed_so_far(1));
            }
            let Some(part) = self.next_part() else { return Ok(Passed::End(std::mem::take(&mut self.at))) };
            match self.step(part, buf) {
                Ok(at) => self.at = at,
                Err(Stop::Failed(cause)) => return Err(cause),
                Err(Stop::Short(end)) => {
                    let whole = end - self.at as u64;
                    if whole > PASSED_BYTES_MAX {
                        return Err(Unskimmable::TooLarge(whole));
                    }
                    if buf.len() - self.at < HEADER_BYTES_MAX {
                        self.take_back();
                        return Ok(self.passed_so_far(whole.min(HEADER_BYTES_MAX as u64) as usize));
                    }
                    self.begin_string(part, whole);
                }
            }
        }
    }

    /// The header of a part is there, so what is missing are a string's bytes.
    fn begin_string(&mut self, part: Part, whole: u64) {
        self.left = whole;
        if matches!(part, Part::Module) {
            self.take_back();
        }
    }

    fn pass_string(&mut self, buf: &[u8]) {
        let here = (buf.len() - self.at) as u64;
        let step = self.left.min(here);
        self.left -= step;
        self.at += step as usize;
    }

    fn passed_so_far(&mut self, need: usize) -> Passed {
        Passed::Part { consumed: std::mem::take(&mut self.at), need }
    }

    /// The step last taken was not carried out.
    fn take_back(&mut self) {
        if let Some(frame) = self.stack.last_mut() {
            frame.next -= 1;
        }
    }

    /// What is needed at least: this step, and the shortest form of all that is known to follow it.
    fn need(&mut self, step: u64, part: Part) -> Result<Skimmed, Unskimmable> {
        self.take_back();
        let need = step.saturating_add(self.least_rest().saturating_sub(part.min_bytes()));
        if need > self.bytes_max {
            return Err(Unskimmable::TooLarge(need));
        }
        Ok(Skimmed::Need(need))
    }

    /// The shortest form of all that is known to follow.
    fn least_rest(&self) -> u64 {
        self.stack.iter().fold(0u64, |sum, frame| {
            let runs = min_bytes(frame.parts).saturating_mul(frame.left);
            sum.saturating_add(runs).saturating_add(min_bytes(&frame.parts[frame.next..]))
        })
    }

    fn step(&mut self, part: Part, buf: &[u8]) -> Result<usize, Stop> {
        match part {
            Part::Str => string_end(buf, self.at),
            Part::Len => Ok(length(buf, self.at)?.1),
            Part::Bytes(n) => fixed(buf, self.at, u64::from(n)),
            Part::TextScore => text_score_end(buf, self.at),
            Part::Each(parts) => self.each(parts, buf),
            Part::Module => self.module(buf),
        }
    }

    fn each(&mut self, parts: &'static [Part], buf: &[u8]) -> Result<usize, Stop> {
        let (runs, at) = length(buf, self.at)?;
        if runs > self.count_max {
            return Err(Unskimmable::TooMany(runs).into());
        }
        if let Some(left) = runs.checked_sub(1) {
            self.stack.push(Frame { parts, next: 0, left });
        }
        Ok(at)
    }

    /// Goes through whole runs of the innermost parts, as long as they are of the usual forms and in the buffer: most of
    /// a value with many elements, at a fraction of what steps cost.
    fn usual_runs(&mut self, buf: &[u8]) {
        let Some(frame) = self.stack.last_mut().filter(|frame| frame.next == 0) else { return };
        while let Some(end) = frame.parts.iter().try_fold(self.at, |at, part| usual_end(*part, buf, at)) {
            self.at = end;
            let Some(left) = frame.left.checked_sub(1) else {
                frame.next = frame.parts.len();
                return;
            };
            frame.left = left;
        }
    }

    /// `rdbLoadCheckModuleValue`: fields until the end mark. A field is a step of its own, so that a stop between two
    /// resumes there.
    fn module(&mut self, buf: &[u8]) -> Result<usize, Stop> {
        let (opcode, at) = length(buf, self.at)?;
        let end = match opcode {
            0 => return Ok(at),
            1 | 2 => length(buf, at)?.1,
            3 => fixed(buf, at, 4)?,
            4 => fixed(buf, at, 8)?,
            5 => string_end(buf, at)?,
            _ => return Err(Unskimmable::Corrupt("unknown opcode in a module's value").into()),
        };
        self.take_back();
        Ok(end)
    }
}

/// Where a part of a usual form ends: a plain string of less than 16 KiB, a small number, fixed bytes. `None` for every
/// other form, and for what is not in the buffer.
#[inline]
fn usual_end(part: Part, buf: &[u8], at: usize) -> Option<usize> {
    let end = match (part, *buf.get(at)?) {
        (Part::Str, first @ 0..=0x3f) => at + 1 + usize::from(first),
        (Part::Str, first @ 0x40..=0x7f) => {
            at + 2 + (usize::from(first & 0x3f) << 8) + usize::from(*buf.get(at + 1)?)
        }
        (Part::Len, 0..=0x3f) => at + 1,
        (Part::Bytes(n), _) => at + usize::from(n),
        _ => return None,
    };
    (end <= buf.len()).then_some(end)
}

/// Where the length at `at` ends.
pub(crate) fn length_end(buf: &[u8], at: usize) -> Result<Skimmed, Unskimmable> {
    end_or_need(length(buf, at).map(|(_, end)| end))
}

/// Where the string at `at` ends.
pub(crate) fn text_end(buf: &[u8], at: usize) -> Result<Skimmed, Unskimmable> {
    end_or_need(string_end(buf, at))
}

/// Where the string at `at` ends, if it is in the buffer.
#[inline]
pub(crate) fn whole_text_end(buf: &[u8], at: usize) -> Option<usize> {
    usual_end(Part::Str, buf, at).or_else(|| string_end(buf, at).ok())
}

fn end_or_need(end: Result<usize, Stop>) -> Result<Skimmed, Unskimmable> {
    match end {
        Ok(end) => Ok(Skimmed::End(end)),
        Err(Stop::Short(need)) => Ok(Skimmed::Need(need)),
        Err(Stop::Failed(cause)) => Err(cause),
    }
}

#[inline]
fn fixed(buf: &[u8], at: usize, len: u64) -> Result<usize, Stop> {
    let end = (at as u64).saturating_add(len);
    if end <= buf.len() as u64 { Ok(end as usize) } else { Err(Stop::Short(end)) }
}

/// A number and the offset after it.
#[inline]
fn length(buf: &[u8], at: usize) -> Result<(u64, usize), Stop> {
    match any_length(buf, at)? {
        (Some(n), end) => Ok((n, end)),
        (None, _) => Err(Unskimmable::Corrupt("a string encoding where a number belongs").into()),
    }
}

/// A number, or `None` for a string encoding, and the offset after it.
#[inline]
fn any_length(buf: &[u8], at: usize) -> Result<(Option<u64>, usize), Stop> {
    let Some(&first) = buf.get(at) else { return Err(Stop::Short(at as u64 + 1)) };
    if first < 0x40 {
        return Ok((Some(u64::from(first)), at + 1));
    }
    if first >= 0xc0 {
        return Ok((None, at + 1));
    }
    let end = fixed(buf, at, length_bytes(first) as u64)?;
    let n = match (first, &buf[at + 1..end]) {
        (0x40..=0x7f, &[low]) => u64::from(first & 0x3f) << 8 | u64::from(low),
        (0x80, bytes) => bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
        (0x81, bytes) => bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
        _ => return Err(Unskimmable::Corrupt("unknown form of a length").into()),
    };
    Ok((Some(n), end))
}

#[inline]
fn string_end(buf: &[u8], at: usize) -> Result<usize, Stop> {
    let (len, body) = any_length(buf, at)?;
    let Some(len) = len else { return encoded_end(buf, at) };
    fixed(buf, body, len)
}

fn encoded_end(buf: &[u8], at: usize) -> Result<usize, Stop> {
    match buf[at] & 0x3f {
        0 => fixed(buf, at, 2),
        1 => fixed(buf, at, 3),
        2 => fixed(buf, at, 5),
        3 => {
            let (packed, next) = length(buf, at + 1)?;
            let (_, body) = length(buf, next)?;
            fixed(buf, body, packed)
        }
        _ => Err(Unskimmable::Corrupt("unknown string encoding").into()),
    }
}

fn text_score_end(buf: &[u8], at: usize) -> Result<usize, Stop> {
    match buf.get(at) {
        None => Err(Stop::Short(at as u64 + 1)),
        Some(253..) => Ok(at + 1),
        Some(&len) => fixed(buf, at + 1, u64::from(len)),
    }
}
