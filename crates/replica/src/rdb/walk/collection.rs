//! Lists and sets.

use super::{Meter, Spare, Visit};
use crate::rdb::Defect;
use crate::rdb::cursor::Cursor;
use crate::rdb::packed::Elements;
use crate::rdb::packed::intset::Intset;
use crate::rdb::packed::listpack::Listpack;
use crate::rdb::packed::ziplist::Ziplist;
use crate::rdb::types::*;

/// Quicklist node holding one big element (quicklist.h: `QUICKLIST_NODE_CONTAINER_PLAIN`).
const NODE_PLAIN: u64 = 1;
/// Quicklist node holding a listpack.
const NODE_PACKED: u64 = 2;

pub(super) fn list<V: Visit>(
    type_byte: u8,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let elements = match type_byte {
        LIST => return plain_list(cursor, meter, visit),
        LIST_ZIPLIST => packed_list(Ziplist::new(meter.blob(cursor, &mut spare.blob)?)?, visit)?,
        LIST_QUICKLIST => nodes(cursor, meter, |cursor, meter| {
            packed_list(Ziplist::new(meter.blob(cursor, &mut spare.blob)?)?, visit)
        })?,
        _ => nodes(cursor, meter, |cursor, meter| node_2(cursor, meter, spare, visit))?,
    };
    // Empty nodes are skipped by the server, an empty list is refused.
    if elements == 0 { Err(Defect::Empty("list")) } else { Ok(()) }
}

fn plain_list<V: Visit>(cursor: &mut Cursor<'_>, meter: &mut Meter<'_>, visit: &mut V) -> Result<(), Defect> {
    for _ in 0..meter.count_some(cursor, "list")? {
        visit.element(meter.text(cursor)?)?;
    }
    Ok(())
}

/// Runs over the nodes of a quicklist; answers the number of elements.
fn nodes<'b, 'w>(
    cursor: &mut Cursor<'b>,
    meter: &mut Meter<'w>,
    mut node: impl FnMut(&mut Cursor<'b>, &mut Meter<'w>) -> Result<u64, Defect>,
) -> Result<u64, Defect> {
    let mut elements = 0;
    for _ in 0..meter.count_some(cursor, "list")? {
        elements += node(cursor, meter)?;
    }
    Ok(elements)
}

fn node_2<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<u64, Defect> {
    match cursor.count()? {
        NODE_PLAIN => visit.element(meter.text(cursor)?).map(|()| 1),
        NODE_PACKED => packed_list(Listpack::new(meter.blob(cursor, &mut spare.blob)?)?, visit),
        _ => Err(Defect::invalid("quicklist", "a node of unknown container")),
    }
}

#[inline]
fn packed_list<'s, V: Visit>(mut elements: impl Elements<'s>, visit: &mut V) -> Result<u64, Defect> {
    let mut count = 0;
    while let Some(text) = elements.next()? {
        visit.element(text)?;
        count += 1;
    }
    Ok(count)
}

/// One element, or one node of them, of a list that is no single block; answers how many elements it was.
pub(super) fn list_record<V: Visit>(
    type_byte: u8,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<u64, Defect> {
    match type_byte {
        LIST => visit.element(meter.text(cursor)?).map(|()| 1),
        LIST_QUICKLIST => packed_list(Ziplist::new(meter.blob(cursor, &mut spare.blob)?)?, visit),
        _ => node_2(cursor, meter, spare, visit),
    }
}

pub(super) fn set<V: Visit>(
    type_byte: u8,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    match type_byte {
        SET_INTSET => packed_set(Intset::new(meter.blob(cursor, &mut spare.blob)?)?, visit),
        SET_LISTPACK => packed_set(Listpack::new(meter.blob(cursor, &mut spare.blob)?)?, visit),
        _ => {
            for _ in 0..meter.count_some(cursor, "set")? {
                visit.member(meter.text(cursor)?)?;
            }
            Ok(())
        }
    }
}

fn packed_set<'s, V: Visit>(mut members: impl Elements<'s>, visit: &mut V) -> Result<(), Defect> {
    let mut empty = true;
    while let Some(text) = members.next()? {
        visit.member(text)?;
        empty = false;
    }
    if empty { Err(Defect::Empty("set")) } else { Ok(()) }
}
