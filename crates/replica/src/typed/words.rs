//! A command's arguments, and the lists that parts of them are. Nothing is copied.

use std::fmt;
use std::marker::PhantomData;

use crate::callback::Entry;
use crate::resp::CommandView;

/// The arguments of a command, its name first, wherever they lie.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    source: Source<'a>,
    first: usize,
    end: usize,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Entry(Entry<'a>),
    View(CommandView<'a>),
    Slices(&'a [&'a [u8]]),
}

impl<'a> Words<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.end - self.first
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one at `index`.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let at = self.first.checked_add(index).filter(|at| *at < self.end)?;
        match &self.source {
            Source::Entry(entry) => entry.arg(at),
            Source::View(view) => view.get(at),
            Source::Slices(slices) => slices.get(at).copied(),
        }
    }

    /// At most `count` of them from `from` on.
    pub(super) fn part(self, from: usize, count: usize) -> Self {
        let first = self.first.saturating_add(from).min(self.end);
        Words { first, end: first.saturating_add(count).min(self.end), ..self }
    }
}

impl<'a> From<Entry<'a>> for Words<'a> {
    fn from(entry: Entry<'a>) -> Self {
        Words { first: 0, end: entry.arg_count(), source: Source::Entry(entry) }
    }
}

impl<'a> From<CommandView<'a>> for Words<'a> {
    fn from(view: CommandView<'a>) -> Self {
        Words { first: 0, end: view.len(), source: Source::View(view) }
    }
}

impl<'a> From<&'a [&'a [u8]]> for Words<'a> {
    fn from(slices: &'a [&'a [u8]]) -> Self {
        Words { first: 0, end: slices.len(), source: Source::Slices(slices) }
    }
}

impl fmt::Debug for Words<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = (0..self.len()).filter_map(|index| self.get(index));
        out.debug_list().entries(words.map(|word| word.escape_ascii().to_string())).finish()
    }
}

/// What a list is made of: each takes the same number of arguments.
pub trait Element<'a>: Sized {
    /// How many arguments one takes.
    const WORDS: usize;
    /// What it is called in errors.
    const NAME: &'static str;

    /// Reads one from [`Self::WORDS`] arguments; None if they are not of that form.
    fn read(words: Words<'a>) -> Option<Self>;
}

impl<'a> Element<'a> for &'a [u8] {
    const WORDS: usize = 1;
    const NAME: &'static str = "argument";

    fn read(words: Words<'a>) -> Option<Self> {
        words.get(0)
    }
}

impl<'a> Element<'a> for (&'a [u8], &'a [u8]) {
    const WORDS: usize = 2;
    const NAME: &'static str = "pair";

    fn read(words: Words<'a>) -> Option<Self> {
        Some((words.get(0)?, words.get(1)?))
    }
}

/// A repeated part of a command, read from its arguments as it is gone through. All of it has been checked before.
pub struct Items<'a, T> {
    words: Words<'a>,
    element: PhantomData<T>,
}

impl<T> Clone for Items<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Items<'_, T> {}

impl<'a, T: Element<'a>> Items<'a, T> {
    /// All of `words` as a list, or the index of the first word of the element that is none.
    pub(super) fn check(words: Words<'a>) -> Result<Self, usize> {
        let items = Items { words, element: PhantomData };
        let broken =
            (0..words.len()).step_by(T::WORDS).find(|at| T::read(words.part(*at, T::WORDS)).is_none());
        broken.map_or(Ok(items), Err)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len() / T::WORDS
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Each in the command's order.
    pub fn iter(&self) -> ItemsIter<'a, T> {
        ItemsIter { words: self.words, element: PhantomData }
    }
}

impl<'a, T: Element<'a>> IntoIterator for Items<'a, T> {
    type Item = T;
    type IntoIter = ItemsIter<'a, T>;

    fn into_iter(self) -> ItemsIter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Element<'a> + PartialEq> PartialEq for Items<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T> fmt::Debug for Items<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.fmt(out)
    }
}

/// Goes through [`Items`].
#[derive(Debug, Clone)]
pub struct ItemsIter<'a, T> {
    words: Words<'a>,
    element: PhantomData<T>,
}

impl<'a, T: Element<'a>> Iterator for ItemsIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let element = T::read(self.words.part(0, T::WORDS))?;
        self.words = self.words.part(T::WORDS, usize::MAX);
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.words.len() / T::WORDS;
        (left, Some(left))
    }
}

impl<'a, T: Element<'a>> ExactSizeIterator for ItemsIter<'a, T> {}
