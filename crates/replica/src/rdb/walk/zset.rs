//! Sorted sets.

use super::{Meter, Spare, Visit};
use crate::rdb::Defect;
use crate::rdb::cursor::{Cursor, Text};
use crate::rdb::packed::Elements;
use crate::rdb::packed::listpack::Listpack;
use crate::rdb::packed::ziplist::Ziplist;
use crate::rdb::types::*;

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("sorted set", rule)
}

const NAN: Defect = invalid("a score that is not a number");
const NOT_A_SCORE: Defect = invalid("a score that doesn't read as a number");

pub(super) fn walk<V: Visit>(
    type_byte: u8,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let Spare { blob, member, last_member } = spare;
    let order = &mut Order { member, last_member, last_score: None };
    match type_byte {
        ZSET => members(cursor, meter, visit, text_score),
        ZSET_2 => members(cursor, meter, visit, binary_score),
        ZSET_ZIPLIST => packed(Ziplist::new(meter.blob(cursor, blob)?)?, order, visit),
        _ => packed(Listpack::new(meter.blob(cursor, blob)?)?, order, visit),
    }
}

fn members<'b, V: Visit>(
    cursor: &mut Cursor<'b>,
    meter: &mut Meter<'_>,
    visit: &mut V,
    read_score: impl Fn(&mut Cursor<'b>) -> Result<f64, Defect>,
) -> Result<(), Defect> {
    for _ in 0..meter.count_some(cursor, "sorted set")? {
        let member = meter.text(cursor)?;
        visit.scored(member, number(read_score(cursor)?)?)?;
    }
    Ok(())
}

/// One member of a sorted set that is no single block.
pub(super) fn record<V: Visit>(
    type_byte: u8,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    let member = meter.text(cursor)?;
    let score = if type_byte == ZSET { text_score(cursor)? } else { binary_score(cursor)? };
    visit.scored(member, number(score)?)
}

fn binary_score(cursor: &mut Cursor<'_>) -> Result<f64, Defect> {
    Ok(f64::from_bits(cursor.u64_le()?))
}

/// `rdbLoadDoubleValue`: a length byte and decimal text, or one of three special bytes.
fn text_score(cursor: &mut Cursor<'_>) -> Result<f64, Defect> {
    match cursor.byte()? {
        255 => Ok(f64::NEG_INFINITY),
        254 => Ok(f64::INFINITY),
        253 => Err(NAN),
        len => parse(cursor.take(usize::from(len))?),
    }
}

fn number(score: f64) -> Result<f64, Defect> {
    if score.is_nan() { Err(NAN) } else { Ok(score) }
}

fn parse(text: &[u8]) -> Result<f64, Defect> {
    let text = std::str::from_utf8(text).map_err(|_| NOT_A_SCORE)?;
    number(text.parse().map_err(|_| NOT_A_SCORE)?)
}

fn packed_score(text: Text<'_>) -> Result<f64, Defect> {
    match text {
        // The server casts the same way (zzlGetScore).
        Text::Int(n) => Ok(n as f64),
        Text::Plain(text) => parse(text),
        Text::Lzf { .. } => Err(NOT_A_SCORE),
    }
}

/// Packed sorted sets are searched and ranged over as they stand, so their order is part of their structure.
struct Order<'s> {
    member: &'s mut Vec<u8>,
    last_member: &'s mut Vec<u8>,
    last_score: Option<f64>,
}

impl Order<'_> {
    /// Scores ascend; among equal scores the members do (`zslInsert`, `zzlInsert`).
    fn admit(&mut self, member: Text<'_>, score: f64) -> Result<(), Defect> {
        let bytes = member.bytes(self.member)?;
        let ascends = self
            .last_score
            .is_none_or(|last| last < score || last == score && self.last_member.as_slice() < bytes);
        if !ascends {
            return Err(invalid("its members are not in the order of their scores"));
        }
        self.last_score = Some(score);
        self.last_member.clear();
        self.last_member.extend_from_slice(bytes);
        Ok(())
    }
}

fn packed<'s, V: Visit>(
    mut elements: impl Elements<'s>,
    order: &mut Order<'_>,
    visit: &mut V,
) -> Result<(), Defect> {
    while let Some(member) = elements.next()? {
        let score = packed_score(elements.expect("sorted set", "a member without a score")?)?;
        order.admit(member, score)?;
        visit.scored(member, score)?;
    }
    if order.last_score.is_none() { Err(Defect::Empty("sorted set")) } else { Ok(()) }
}
