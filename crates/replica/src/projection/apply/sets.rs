//! Commands about sets.

use std::collections::BTreeSet;

use crate::callback::Entry;
use crate::projection::tables::{Lookup, Tables};
use crate::projection::value::{Item, Value};

type Set = BTreeSet<Vec<u8>>;

fn with_set(
    tables: &mut Tables,
    db: u32,
    key: &[u8],
    change: impl FnOnce(&mut Set) -> Option<()>,
) -> Option<()> {
    let mut item = tables.take(db, key).unwrap_or_else(|| Item::new(Value::Set(Set::new())));
    let Value::Set(set) = &mut item.value else { return None };
    change(set)?;
    tables.put(db, key, item);
    Some(())
}

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    match command.name() {
        b"sadd" => with_set(tables, db, key, |set| {
            set.extend(command.args().skip(2).map(<[u8]>::to_vec));
            Some(())
        }),
        b"srem" => with_set(tables, db, key, |set| {
            for member in command.args().skip(2) {
                set.remove(member);
            }
            Some(())
        }),
        b"smove" => {
            let member = command.arg(3)?;
            with_set(tables, db, key, |set| set.remove(member).then_some(()))?;
            with_set(tables, db, command.arg(2)?, |set| {
                set.insert(member.to_vec());
                Some(())
            })
        }
        _ => store(tables, command),
    }
}

fn store(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let sets: Option<Vec<Set>> =
        command.args().skip(2).map(|key| set_at(tables, command.db(), key)).collect();
    let mut sets = sets?.into_iter();
    let first = sets.next()?;
    let result: Set = match command.name() {
        b"sunionstore" => sets.fold(first, |all, set| &all | &set),
        b"sinterstore" => sets.fold(first, |all, set| &all & &set),
        b"sdiffstore" => sets.fold(first, |all, set| &all - &set),
        _ => return None,
    };
    tables.put(command.db(), command.arg(1)?, Item::new(Value::Set(result)));
    Some(())
}

fn set_at(tables: &Tables, db: u32, key: &[u8]) -> Option<Set> {
    match tables.get(db, key) {
        Lookup::None => Some(Set::new()),
        Lookup::Item(Item { value: Value::Set(set), .. }) => Some(set.clone()),
        _ => None,
    }
}
