//! Reads a command's arguments in order.

use crate::keys::integer;
use crate::rdb::StreamId;

use super::error::{Problem, TypedError};
use super::words::{Element, Items, Words};

pub(super) type Read<T> = Result<T, TypedError>;

/// Where the reading of a command is.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    command: &'static str,
    words: Words<'a>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Behind the name.
    pub fn new(command: &'static str, words: Words<'a>) -> Self {
        Cursor { command, words, at: 1 }
    }

    /// The command's name in small letters.
    pub fn command(&self) -> &'static str {
        self.command
    }

    /// How many arguments are left.
    pub fn left(&self) -> usize {
        self.words.len().saturating_sub(self.at)
    }

    fn error(&self, argument: usize, problem: Problem) -> TypedError {
        TypedError { command: self.command, argument, problem }
    }

    /// An error about the argument taken last.
    pub fn refuse(&self, problem: Problem) -> TypedError {
        self.error(self.at.saturating_sub(1), problem)
    }

    /// An error about the argument that comes next.
    pub fn unexpected(&self) -> TypedError {
        self.error(self.at, Problem::Unexpected)
    }

    pub fn next(&mut self, what: &'static str) -> Read<&'a [u8]> {
        let word = self.words.get(self.at).ok_or(self.error(self.at, Problem::Missing(what)))?;
        self.at += 1;
        Ok(word)
    }

    /// The next argument as `parse` understands it.
    pub fn parse<T>(&mut self, what: &'static str, parse: impl FnOnce(&'a [u8]) -> Option<T>) -> Read<T> {
        let word = self.next(what)?;
        parse(word).ok_or(self.refuse(Problem::Invalid(what)))
    }

    pub fn key(&mut self) -> Read<&'a [u8]> {
        self.next("key")
    }

    pub fn int(&mut self, what: &'static str) -> Read<i64> {
        self.parse(what, integer)
    }

    /// A number that is not negative.
    pub fn unsigned(&mut self, what: &'static str) -> Read<u64> {
        self.parse(what, |word| u64::try_from(integer(word)?).ok())
    }

    pub fn db(&mut self) -> Read<u32> {
        self.parse("database number", |word| u32::try_from(integer(word)?).ok())
    }

    pub fn float(&mut self, what: &'static str) -> Read<f64> {
        self.parse(what, float)
    }

    pub fn id(&mut self) -> Read<StreamId> {
        self.parse("stream id", stream_id)
    }

    /// Takes the next argument if it is this word, in any case.
    pub fn take(&mut self, word: &str) -> bool {
        let is_it = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        self.at += usize::from(is_it);
        is_it
    }

    /// Takes the next argument if it is one of these words, and returns what the word stands for.
    pub fn take_one<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        words.iter().find(|(word, _)| self.take(word)).map(|(_, meaning)| *meaning)
    }

    /// The next argument, which must be one of these words.
    pub fn one<T: Copy>(&mut self, what: &'static str, words: &[(&str, T)]) -> Read<T> {
        self.parse(what, |next| {
            let found = words.iter().find(|(word, _)| next.eq_ignore_ascii_case(word.as_bytes()));
            found.map(|(_, meaning)| *meaning)
        })
    }

    /// Sets an option that has just been taken, which excludes any value that it had before.
    pub fn set<T>(&self, option: &mut Option<T>, value: T) -> Read<()> {
        match option.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.refuse(Problem::Conflict)),
        }
    }

    /// `count` elements, at least one.
    pub fn list<T: Element<'a>>(&mut self, count: usize) -> Read<Items<'a, T>> {
        let (at, len) = (self.at, count.saturating_mul(T::WORDS));
        if len == 0 || len > self.left() {
            return Err(self.error(self.words.len(), Problem::Missing(T::NAME)));
        }
        self.at += len;
        Items::check(self.words.part(at, len))
            .map_err(|index| self.error(at + index, Problem::Invalid(T::NAME)))
    }

    /// All that is left, at least one element.
    pub fn rest<T: Element<'a>>(&mut self) -> Read<Items<'a, T>> {
        self.list(self.left().div_ceil(T::WORDS))
    }

    /// All that is left, perhaps nothing.
    pub fn rest_or_none(&mut self) -> Read<Items<'a, &'a [u8]>> {
        let at = std::mem::replace(&mut self.at, self.words.len());
        Items::check(self.words.part(at, usize::MAX)).map_err(|_| self.unexpected())
    }

    /// A count, then that many elements.
    pub fn counted<T: Element<'a>>(&mut self) -> Read<Items<'a, T>> {
        let count =
            self.parse("count", |word| usize::try_from(integer(word)?).ok().filter(|count| *count > 0))?;
        self.list(count)
    }

    /// A count, or 1 if there is none.
    pub fn count_or_one(&mut self) -> Read<u64> {
        if self.left() == 0 { Ok(1) } else { self.unsigned("count") }
    }

    /// `COUNT n`, or 1 if there is none.
    pub fn count_option(&mut self) -> Read<u64> {
        if self.take("COUNT") { self.unsigned("count") } else { Ok(1) }
    }

    /// `command`, if nothing is left behind it.
    pub fn end<T>(&self, command: T) -> Read<T> {
        if self.left() == 0 { Ok(command) } else { Err(self.unexpected()) }
    }
}

/// A score or increment, infinities included, as far as Rust reads what `strtod` reads (getDoubleFromObject in object.c):
/// not the hexadecimal form, which Valkey from 8.1 on does not take either.
pub(super) fn float(word: &[u8]) -> Option<f64> {
    std::str::from_utf8(word).ok()?.parse().ok().filter(|number: &f64| !number.is_nan())
}

/// `ms-seq`, or `ms` for `ms-0` (streamGenericParseIDOrReply in t_stream.c, strict, without `*`).
pub(super) fn stream_id(word: &[u8]) -> Option<StreamId> {
    let text = std::str::from_utf8(word).ok()?;
    let (ms, seq) = text.split_once('-').unwrap_or((text, "0"));
    Some(StreamId { ms: ms.parse().ok()?, seq: seq.parse().ok()? })
}

impl Element<'_> for StreamId {
    const WORDS: usize = 1;
    const NAME: &'static str = "stream id";

    fn read(words: Words<'_>) -> Option<Self> {
        stream_id(words.get(0)?)
    }
}

impl Element<'_> for f64 {
    const WORDS: usize = 1;
    const NAME: &'static str = "number";

    fn read(words: Words<'_>) -> Option<Self> {
        float(words.get(0)?)
    }
}
