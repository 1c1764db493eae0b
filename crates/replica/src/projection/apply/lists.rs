//! Commands about lists.

use std::collections::VecDeque;

use crate::callback::Entry;
use crate::projection::tables::Tables;
use crate::projection::value::{Item, Value};

use super::{int, is_word};

type List = VecDeque<Vec<u8>>;

/// Changes the list at a key; one that is left empty is removed.
fn with_list<R>(
    tables: &mut Tables,
    db: u32,
    key: &[u8],
    change: impl FnOnce(&mut List) -> Option<R>,
) -> Option<R> {
    let mut item = tables.take(db, key).unwrap_or_else(|| Item::new(Value::List(List::new())));
    let Value::List(list) = &mut item.value else { return None };
    let result = change(list)?;
    tables.put(db, key, item);
    Some(result)
}

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    match command.name() {
        b"lmove" => {
            return move_one(tables, command, is_word(command, 3, "LEFT"), is_word(command, 4, "LEFT"));
        }
        b"rpoplpush" => return move_one(tables, command, false, true),
        _ => {}
    }
    with_list(tables, db, key, |list| match command.name() {
        b"lpush" | b"lpushx" => {
            command.args().skip(2).for_each(|element| list.push_front(element.to_vec()));
            Some(())
        }
        b"rpush" | b"rpushx" => {
            list.extend(command.args().skip(2).map(<[u8]>::to_vec));
            Some(())
        }
        b"lpop" => pop(list, command, true),
        b"rpop" => pop(list, command, false),
        b"lset" => {
            let at = index(list, int(command, 2)?)?;
            *list.get_mut(at)? = command.arg(3)?.to_vec();
            Some(())
        }
        b"lrem" => remove(list, int(command, 2)?, command.arg(3)?),
        b"linsert" => {
            let pivot = command.arg(3)?;
            let at = list.iter().position(|element| element == pivot)?;
            list.insert(at + usize::from(is_word(command, 2, "AFTER")), command.arg(4)?.to_vec());
            Some(())
        }
        b"ltrim" => trim(list, int(command, 2)?, int(command, 3)?),
        _ => None,
    })
}

fn pop(list: &mut List, command: &Entry<'_>, from_left: bool) -> Option<()> {
    let count = if command.arg_count() > 2 { usize::try_from(int(command, 2)?).ok()? } else { 1 };
    for _ in 0..count.min(list.len()) {
        if from_left {
            list.pop_front()
        } else {
            list.pop_back()
        };
    }
    Some(())
}

fn index(list: &List, at: i64) -> Option<usize> {
    let len = i64::try_from(list.len()).ok()?;
    usize::try_from(if at < 0 { at.checked_add(len)? } else { at }).ok()
}

fn remove(list: &mut List, count: i64, element: &[u8]) -> Option<()> {
    let mut left = if count == 0 { u64::MAX } else { count.unsigned_abs() };
    let mut keep = |other: &Vec<u8>| {
        let goes = left > 0 && other == element;
        left -= u64::from(goes);
        !goes
    };
    if count < 0 {
        let kept: List = std::mem::take(list).into_iter().rev().filter(|other| keep(other)).collect();
        *list = kept.into_iter().rev().collect();
    } else {
        list.retain(keep);
    }
    Some(())
}

fn trim(list: &mut List, first: i64, last: i64) -> Option<()> {
    let len = i64::try_from(list.len()).ok()?;
    let first = if first < 0 { first.saturating_add(len).max(0) } else { first };
    let last = if last < 0 { last.saturating_add(len) } else { last }.min(len - 1);
    if first > last {
        list.clear();
        return Some(());
    }
    list.truncate(usize::try_from(last + 1).ok()?);
    list.drain(..usize::try_from(first).ok()?);
    Some(())
}

fn move_one(tables: &mut Tables, command: &Entry<'_>, from_left: bool, to_left: bool) -> Option<()> {
    let db = command.db();
    let element =
        with_list(
            tables,
            db,
            command.arg(1)?,
            |list| {
                if from_left { list.pop_front() } else { list.pop_back() }
            },
        )?;
    with_list(tables, db, command.arg(2)?, |list| {
        if to_left {
            list.push_front(element)
        } else {
            list.push_back(element)
        }
        Some(())
    })
}
