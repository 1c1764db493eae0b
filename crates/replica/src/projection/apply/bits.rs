//! Commands about the bits of strings (bitops.c).

use crate::callback::Entry;
use crate::keys::integer;
use crate::projection::tables::{Lookup, Tables};
use crate::projection::value::{Item, Value};
use crate::typed::{BitOperation, Items, StringCommand, Typed};

use super::int;
use super::strings::{STRING_BYTES_MAX, string};

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    match command.name() {
        b"bitfield" => return set_fields(tables, command),
        b"setbit" | b"bitop" => {}
        _ => return None,
    }
    match command.typed() {
        Ok(Typed::String(StringCommand::SetBit { key, offset, bit })) => {
            let field = BitField { signed: false, bits: 1, offset };
            let bytes = room(tables, command.db(), key, field.end())?;
            field.write(bytes, u64::from(bit));
        }
        Ok(Typed::String(StringCommand::BitOp { operation, destination, sources })) => {
            let result = combine(tables, command.db(), operation, sources)?;
            drop(tables.take(command.db(), destination));
            if !result.is_empty() {
                tables.put(command.db(), destination, Item::new(Value::String(result)));
            }
        }
        _ => return None,
    }
    Some(())
}

/// The string at a key, filled with zeros up to `bits`.
fn room<'t>(tables: &'t mut Tables, db: u32, key: &[u8], bits: u64) -> Option<&'t mut Vec<u8>> {
    let len = usize::try_from(bits.div_ceil(8)).ok().filter(|len| *len <= STRING_BYTES_MAX)?;
    let bytes = string(tables, db, key)?;
    bytes.resize(bytes.len().max(len), 0);
    Some(bytes)
}

/// Shorter sources are filled with zeros.
fn combine(tables: &Tables, db: u32, how: BitOperation, sources: Items<'_, &[u8]>) -> Option<Vec<u8>> {
    let inputs: Option<Vec<&[u8]>> = sources.iter().map(|key| bytes_at(tables, db, key)).collect();
    let inputs = inputs?;
    let len = inputs.iter().map(|bytes| bytes.len()).max()?;
    let byte_of = |at: usize| {
        let mut bytes = inputs.iter().map(|bytes| bytes.get(at).copied().unwrap_or_default());
        let first = bytes.next().unwrap_or_default();
        combine_byte(how, first, bytes)
    };
    (0..len).map(byte_of).collect()
}

fn combine_byte(how: BitOperation, first: u8, others: impl Iterator<Item = u8>) -> Option<u8> {
    let any = |others: &mut dyn Iterator<Item = u8>| others.fold(0, |any, byte| any | byte);
    let mut others = others;
    Some(match how {
        BitOperation::And => others.fold(first, |all, byte| all & byte),
        BitOperation::Or => first | any(&mut others),
        BitOperation::Xor => others.fold(first, |odd, byte| odd ^ byte),
        BitOperation::Not => !first,
        BitOperation::Diff => first & !any(&mut others),
        BitOperation::Diff1 => any(&mut others) & !first,
        BitOperation::AndOr => first & any(&mut others),
        BitOperation::One => {
            let (any, twice) =
                others.fold((first, 0), |(any, twice), byte| (any | byte, twice | (any & byte)));
            any & !twice
        }
    })
}

fn bytes_at<'t>(tables: &'t Tables, db: u32, key: &[u8]) -> Option<&'t [u8]> {
    match tables.get(db, key) {
        Lookup::None => Some(&[]),
        Lookup::Item(Item { value: Value::String(bytes), .. }) => Some(bytes),
        _ => None,
    }
}

/// An integer somewhere in a string, its highest bit first.
#[derive(Clone, Copy)]
struct BitField {
    signed: bool,
    bits: u32,
    offset: u64,
}

impl BitField {
    /// `i5`, `u63`; `7`, or `#7` for the seventh of that width.
    fn parse(kind: &[u8], offset: &[u8]) -> Option<Self> {
        let (letter, bits) = kind.split_first()?;
        let (signed, bits_max) = match letter {
            b'i' => (true, 64),
            b'u' => (false, 63),
            _ => return None,
        };
        let bits = u32::try_from(integer(bits)?).ok().filter(|bits| (1..=bits_max).contains(bits))?;
        let offset = match offset.strip_prefix(b"#") {
            Some(count) => integer(count)?.checked_mul(i64::from(bits))?,
            None => integer(offset)?,
        };
        Some(BitField { signed, bits, offset: u64::try_from(offset).ok()? })
    }

    /// The bit behind it.
    fn end(self) -> u64 {
        self.offset.saturating_add(u64::from(self.bits))
    }

    /// Where each of its bits is: byte and mask.
    fn places(self) -> impl Iterator<Item = (usize, u8)> {
        (self.offset..self.end()).map(|bit| ((bit / 8) as usize, 0x80 >> (bit % 8)))
    }

    fn read(self, bytes: &[u8]) -> i128 {
        let bit = |(byte, mask): (usize, u8)| i128::from(bytes[byte] & mask != 0);
        let value = self.places().map(bit).fold(0, |value, bit| value << 1 | bit);
        let is_negative = self.signed && value >> (self.bits - 1) == 1;
        if is_negative { value - (1 << self.bits) } else { value }
    }

    fn write(self, bytes: &mut [u8], value: u64) {
        for (at, (byte, mask)) in self.places().enumerate() {
            let is_set = value >> (self.bits as usize - 1 - at) & 1 == 1;
            if is_set { bytes[byte] |= mask } else { bytes[byte] &= !mask }
        }
    }

    fn range(self) -> (i128, i128) {
        if self.signed {
            (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1)
        } else {
            (0, (1 << self.bits) - 1)
        }
    }
}

/// What becomes of a number that a field has no room for.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

struct FieldChange {
    field: BitField,
    adds: bool,
    number: i64,
    overflow: Overflow,
}

impl FieldChange {
    fn make(&self, bytes: &mut [u8]) {
        let FieldChange { field, adds, number, overflow } = *self;
        let wanted = match (adds, field.signed) {
            (true, _) => field.read(bytes) + i128::from(number),
            (false, true) => i128::from(number),
            // As the servers cast it: below zero is beyond the largest.
            (false, false) => i128::from(number.cast_unsigned()),
        };
        let (min, max) = field.range();
        let value = match overflow {
            Overflow::Fail if !(min..=max).contains(&wanted) => return,
            Overflow::Saturate => wanted.clamp(min, max),
            _ => wanted,
        };
        field.write(bytes, value as u64);
    }
}

/// The string grows for all changes before the first is made (`bitfieldGeneric`).
fn set_fields(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let changes = field_changes(command)?;
    let end = changes.iter().map(|change| change.field.end()).max()?;
    let bytes = room(tables, command.db(), command.arg(1)?, end)?;
    changes.iter().for_each(|change| change.make(bytes));
    Some(())
}

fn field_changes(command: &Entry<'_>) -> Option<Vec<FieldChange>> {
    let (mut changes, mut overflow, mut at) = (Vec::new(), Overflow::Wrap, 2);
    while at < command.arg_count() {
        let word = command.arg(at)?.to_ascii_uppercase();
        at += match word.as_slice() {
            b"OVERFLOW" => {
                overflow = match command.arg(at + 1)?.to_ascii_uppercase().as_slice() {
                    b"WRAP" => Overflow::Wrap,
                    b"SAT" => Overflow::Saturate,
                    b"FAIL" => Overflow::Fail,
                    _ => return None,
                };
                2
            }
            b"GET" => 3,
            b"SET" | b"INCRBY" => {
                let field = BitField::parse(command.arg(at + 1)?, command.arg(at + 2)?)?;
                let (adds, number) = (word == b"INCRBY", int(command, at + 3)?);
                changes.push(FieldChange { field, adds, number, overflow });
                4
            }
            _ => return None,
        };
    }
    Some(changes)
}
