//! From a name to its row: a table with open addressing, laid out at compile time.

use super::table::{Row, TABLE};

/// A power of two, a few times the number of rows, so that runs of taken slots stay short.
const SLOTS: usize = 512;
const NAME_MAX: usize = 24;
const EMPTY: u8 = u8::MAX;

static SLOT_ROWS: [u8; SLOTS] = lay_out();

const fn lay_out() -> [u8; SLOTS] {
    assert!(TABLE.len() < EMPTY as usize);
    let mut slots = [EMPTY; SLOTS];
    let mut row = 0;
    while row < TABLE.len() {
        let mut slot = hash(TABLE[row].name.to_bytes());
        while slots[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = row as u8;
        row += 1;
    }
    slots
}

/// Multiplicative hashing over the letters, capitals and small ones alike. The keys are ours and few: nobody gains by
/// making them collide.
const fn hash(name: &[u8]) -> usize {
    let mut state: u32 = name.len() as u32;
    let mut at = 0;
    while at < name.len() {
        state = (state ^ (name[at] | 0x20) as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (state >> 16 ^ state) as usize % SLOTS
}

/// The row of a command, by its name in any case.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Row> {
    TABLE.get(index_of(name)?)
}

/// The same, as its place in [`TABLE`].
#[inline]
pub fn index_of(name: &[u8]) -> Option<usize> {
    if name.len() > NAME_MAX {
        return None;
    }
    let mut slot = hash(name);
    loop {
        let index = usize::from(SLOT_ROWS[slot]);
        if TABLE.get(index)?.name.to_bytes().eq_ignore_ascii_case(name) {
            return Some(index);
        }
        slot = (slot + 1) % SLOTS;
    }
}
