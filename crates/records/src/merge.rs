//! Several ascending sequences of versions as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Peekable;

/// Merges ascending iterators. A step costs the logarithm of their number.
pub(crate) struct Merge<T, I: Iterator<Item = (u64, T)>> {
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    parts: Vec<Peekable<I>>,
}

impl<T, I: Iterator<Item = (u64, T)>> Merge<T, I> {
    pub fn new(parts: impl Iterator<Item = I>) -> Self {
        let mut parts: Vec<Peekable<I>> = parts.map(Iterator::peekable).collect();
        let first = |(index, part): (usize, &mut Peekable<I>)| Some(Reverse((part.peek()?.0, index)));
        let heads = parts.iter_mut().enumerate().filter_map(first).collect();
        Merge { heads, parts }
    }
}

impl<T, I: Iterator<Item = (u64, T)>> Iterator for Merge<T, I> {
    type Item = (u64, T);

    fn next(&mut self) -> Option<(u64, T)> {
        let Reverse((_, index)) = self.heads.pop()?;
        let part = self.parts.get_mut(index)?;
        let item = part.next();
        if let Some((version, _)) = part.peek() {
            self.heads.push(Reverse((*version, index)));
        }
        item
    }
}
