//! `SORT .. STORE` (sort.c).

use std::cmp::Ordering;

use crate::callback::Entry;
use crate::projection::tables::{Lookup, Tables};
use crate::projection::value::{Item, Value};

use super::int;
use super::zsets::ranked;

/// What the options say.
struct Options<'b> {
    by: Option<&'b [u8]>,
    gets: Vec<&'b [u8]>,
    first: i64,
    count: i64,
    descending: bool,
    by_text: bool,
    destination: &'b [u8],
}

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    let mut options = options(command)?;
    let (mut elements, is_set) = elements(tables, db, key)?;
    // Without a place for the element the pattern says: as it is. A set has no order of its own.
    let as_it_is = options.by.is_some_and(|pattern| !pattern.contains(&b'*'));
    if as_it_is && is_set {
        (options.by, options.by_text) = (None, true);
    }
    if !as_it_is || is_set {
        elements = sorted(tables, db, elements, &options)?;
    }
    if options.descending {
        elements.reverse();
    }
    let first = usize::try_from(options.first.max(0)).ok()?;
    let count = usize::try_from(options.count).unwrap_or(usize::MAX);
    let chosen = elements.into_iter().skip(first).take(count);
    let mut list = std::collections::VecDeque::new();
    for element in chosen {
        for pattern in &options.gets {
            list.push_back(fetch(tables, db, pattern, &element)?.unwrap_or_default());
        }
        if options.gets.is_empty() {
            list.push_back(element);
        }
    }
    tables.put(db, options.destination, Item::new(Value::List(list)));
    Some(())
}

fn options<'b>(command: &Entry<'b>) -> Option<Options<'b>> {
    let mut destination = None;
    let mut options = Options {
        by: None,
        gets: Vec::new(),
        first: 0,
        count: -1,
        descending: false,
        by_text: false,
        destination: &[],
    };
    let mut at = 2;
    while at < command.arg_count() {
        at += match command.arg(at)?.to_ascii_uppercase().as_slice() {
            b"ASC" => {
                options.descending = false;
                1
            }
            b"DESC" => {
                options.descending = true;
                1
            }
            b"ALPHA" => {
                options.by_text = true;
                1
            }
            b"LIMIT" => {
                (options.first, options.count) = (int(command, at + 1)?, int(command, at + 2)?);
                3
            }
            b"BY" => {
                options.by = Some(pattern(command, at + 1)?);
                2
            }
            b"GET" => {
                options.gets.push(pattern(command, at + 1)?);
                2
            }
            b"STORE" => {
                destination = Some(command.arg(at + 1)?);
                2
            }
            _ => return None,
        };
    }
    Some(Options { destination: destination?, ..options })
}

/// Servers take patterns for C strings.
fn pattern<'b>(command: &Entry<'b>, index: usize) -> Option<&'b [u8]> {
    command.arg(index).filter(|pattern| !pattern.contains(&0))
}

/// What is sorted, and whether it comes from a set.
fn elements(tables: &Tables, db: u32, key: &[u8]) -> Option<(Vec<Vec<u8>>, bool)> {
    let Lookup::Item(item) = tables.get(db, key) else { return Some((Vec::new(), false)) };
    Some(match &item.value {
        Value::List(list) => (list.iter().cloned().collect(), false),
        Value::Set(set) => (set.iter().cloned().collect(), true),
        Value::ZSet(zset) => (ranked(zset), false),
        _ => return None,
    })
}

/// What an element is sorted by. Text that is missing comes first, a number that is missing is 0.
#[derive(PartialEq, PartialOrd)]
enum Weight {
    Text(Option<Vec<u8>>),
    Number(f64),
}

/// In rising order; None if that depends on a server's own sorting, which leaves equal ones in any order.
fn sorted(tables: &Tables, db: u32, elements: Vec<Vec<u8>>, options: &Options<'_>) -> Option<Vec<Vec<u8>>> {
    let weigh = |element: Vec<u8>| Some((weight(tables, db, &element, options)?, element));
    let mut weighed: Vec<(Weight, Vec<u8>)> = elements.into_iter().map(weigh).collect::<Option<_>>()?;
    // Equal numbers are ordered by their elements (`sortCompare`).
    let compare = |one: &(Weight, Vec<u8>), other: &(Weight, Vec<u8>)| {
        let by_weight = one.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal);
        let is_number = matches!(one.0, Weight::Number(_));
        if is_number { by_weight.then_with(|| one.1.cmp(&other.1)) } else { by_weight }
    };
    weighed.sort_by(compare);
    let is_open = |pair: &[(Weight, Vec<u8>)]| pair[0].1 != pair[1].1 && compare(&pair[0], &pair[1]).is_eq();
    if weighed.windows(2).any(is_open) {
        return None;
    }
    Some(weighed.into_iter().map(|(_, element)| element).collect())
}

fn weight(tables: &Tables, db: u32, element: &[u8], options: &Options<'_>) -> Option<Weight> {
    let found = match options.by {
        Some(pattern) => fetch(tables, db, pattern, element)?,
        None => Some(element.to_vec()),
    };
    if options.by_text {
        return Some(Weight::Text(found));
    }
    let Some(text) = found else { return Some(Weight::Number(0.0)) };
    let number: f64 = std::str::from_utf8(&text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(Weight::Number(number))
}

/// What a pattern stands for (`lookupKeyByPattern`): the element itself, a string, a field of a hash, or nothing. None if
/// that is not known here; of fields that expire the source alone knows whether they are still there.
fn fetch(tables: &Tables, db: u32, pattern: &[u8], element: &[u8]) -> Option<Option<Vec<u8>>> {
    if pattern == b"#" {
        return Some(Some(element.to_vec()));
    }
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else { return Some(None) };
    let behind = &pattern[star + 1..];
    let arrow = behind.windows(2).position(|two| two == b"->").filter(|at| at + 2 < behind.len());
    let (suffix, field) = match arrow {
        Some(at) => (&behind[..at], Some(&behind[at + 2..])),
        None => (behind, None),
    };
    let key = [&pattern[..star], element, suffix].concat();
    if !tables.is_kept(db, &key) {
        return None;
    }
    Some(match (tables.get(db, &key), field) {
        (Lookup::Stale, _) => return None,
        (Lookup::Item(Item { value: Value::String(bytes), .. }), None) => Some(bytes.clone()),
        (Lookup::Item(Item { value: Value::Hash(hash), .. }), Some(field)) => match hash.get(field) {
            Some(field) if field.expire_at_ms.is_some() => return None,
            field => field.map(|field| field.value.clone()),
        },
        _ => None,
    })
}
