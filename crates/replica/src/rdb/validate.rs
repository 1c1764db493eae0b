//! Proves a value well-formed before a server sees it.

use std::hash::{BuildHasher, RandomState};

use super::cursor::Text;
use super::skim::{Skim, Skimmed};
use super::types::{self, Kind, OP_KEY_META_OR_SLOT_IMPORT};
use super::walk::{self, Spare, Visit};
use super::{Defect, Family, Limits, Object, layout, lzf, object};

/// Checks values one by one, reusing its buffers.
#[derive(Debug)]
pub struct Validator {
    limits: Limits,
    spare: Spare,
    marks: Vec<u64>,
    /// Of [`twice_in_table`], at most 256 KiB.
    table: Vec<u64>,
    text: Vec<u8>,
}

impl Validator {
    /// A validator with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, spare: Spare::default(), marks: Vec::new(), table: Vec::new(), text: Vec::new() }
    }

    /// Sets other limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Checks a serialized value: `body` is what follows the key in a snapshot of that family and version.
    ///
    /// # Errors
    /// [`Defect`] with the first rule the value breaks.
    pub fn object<'b>(
        &mut self,
        family: Family,
        rdb_version: u16,
        type_byte: u8,
        body: &'b [u8],
    ) -> Result<Object<'b>, Defect> {
        self.prove(family, type_byte, body)?;
        Ok(Object::new(family, rdb_version, type_byte, body))
    }

    /// Checks what is to become an [`Object`].
    pub(crate) fn prove(&mut self, family: Family, type_byte: u8, body: &[u8]) -> Result<(), Defect> {
        let kind = types::kind_of(type_byte, family).ok_or(Defect::UnknownType(type_byte))?;
        self.marks.clear();
        let marks_max = self.limits.elements;
        let mut check = Check { kind, marks: &mut self.marks, marks_max, text: &mut self.text };
        walk::value((family, type_byte), body, &self.limits, &mut self.spare, &mut check)?;
        self.unique((family, type_byte), kind, body)?;
        self.spare.shrink();
        Ok(())
    }

    /// Checks a payload as `DUMP` returns it: footer, checksum and value. `family` is the source server's, as the
    /// payload doesn't say. Module metadata before the value (Redis 8.6) is left out of the object.
    ///
    /// # Errors
    /// [`Defect`] with the first rule the payload breaks.
    pub fn dump<'b>(&mut self, payload: &'b [u8], family: Family) -> Result<Object<'b>, Defect> {
        let (mut type_byte, mut body, version) = object::split_payload(payload)?;
        let known = match family {
            Family::Redis => version <= 13,
            Family::Valkey => version <= 11 || version == 80,
        };
        if !known {
            return Err(Defect::Footer("unsupported RDB version"));
        }
        if type_byte == OP_KEY_META_OR_SLOT_IMPORT && family == Family::Redis {
            (type_byte, body) = self.skip_metadata(body)?;
        }
        self.object(family, version, type_byte, body)
    }

    fn skip_metadata<'b>(&self, body: &'b [u8]) -> Result<(u8, &'b [u8]), Defect> {
        let parts = layout::opcode(OP_KEY_META_OR_SLOT_IMPORT, Family::Redis).unwrap_or_default();
        let mut skim = Skim::new(self.limits.value_bytes, self.limits.elements);
        skim.begin(parts, 0);
        let Ok(Skimmed::End(end)) = skim.run(body) else {
            return Err(Defect::invalid("key metadata", "its classes don't end"));
        };
        body[end..].split_first().map(|(byte, rest)| (*byte, rest)).ok_or(Defect::Truncated)
    }

    /// No two marks are equal, or those that are belong to different strings after all.
    fn unique(&mut self, of: (Family, u8), kind: Kind, body: &[u8]) -> Result<(), Defect> {
        const KEEP: usize = 1 << 17;
        let suspicious = any_twice(&mut self.marks, &mut self.table);
        if self.marks.capacity() > KEEP {
            self.marks = Vec::new();
        }
        if suspicious { self.really_unique(of, kind, body) } else { Ok(()) }
    }

    /// The slow way: marks so long, and by keys so secret, that two names can't share one.
    fn really_unique(&mut self, of: (Family, u8), kind: Kind, body: &[u8]) -> Result<(), Defect> {
        let mut check = Distinct {
            keys: [RandomState::new(), RandomState::new()],
            marks: Vec::new(),
            text: &mut self.text,
        };
        walk::value(of, body, &self.limits, &mut self.spare, &mut check)?;
        if twice(&mut check.marks) { Err(Defect::Duplicate(unique_part(kind))) } else { Ok(()) }
    }
}

/// Checks one `DUMP` payload; see [`Validator::dump`], which reuses its buffers.
///
/// # Errors
/// [`Defect`] with the first rule the payload breaks.
pub fn parse_dump(payload: &[u8], family: Family, limits: Limits) -> Result<Object<'_>, Defect> {
    Validator::new(limits).dump(payload, family)
}

/// Whether two marks are equal.
fn any_twice(marks: &mut [u64], table: &mut Vec<u64>) -> bool {
    match marks.len() {
        0..=1 => false,
        2..=TABLE_MARKS_MAX => twice_in_table(marks, table) && twice(marks),
        _ => twice(marks),
    }
}

/// Whether two of them are equal.
fn twice<T: Ord>(marks: &mut [T]) -> bool {
    marks.sort_unstable();
    marks.windows(2).any(|pair| pair[0] == pair[1])
}

/// Marks for which a table is several times as fast as sorting them. That of more would leave the processor's cache.
const TABLE_MARKS_MAX: usize = 1 << 14;

/// Whether two of them are equal, or may be: also answers yes when the search takes long, as it does when somebody chose
/// names for it, and for the mark that stands for a free slot, which a name can be chosen to have.
fn twice_in_table(marks: &[u64], table: &mut Vec<u64>) -> bool {
    const STEPS_PER_MARK: usize = 4;
    const FREE: u64 = 0;
    let slots = (2 * marks.len()).next_power_of_two();
    table.clear();
    table.resize(slots, FREE);
    let mut steps_left = STEPS_PER_MARK * marks.len();
    for mark in marks {
        if *mark == FREE {
            return true;
        }
        let mut slot = *mark as usize & (slots - 1);
        while table[slot] != FREE {
            if table[slot] == *mark || steps_left == 0 {
                return true;
            }
            steps_left -= 1;
            slot = (slot + 1) & (slots - 1);
        }
        table[slot] = *mark;
    }
    false
}

/// What of a value must be unique.
const fn unique_part(kind: Kind) -> &'static str {
    match kind {
        Kind::Hash => "field",
        _ => "member",
    }
}

/// Leaves a mark of 128 bits, by two random keys, for each name that must be unique.
struct Distinct<'v> {
    keys: [RandomState; 2],
    marks: Vec<u128>,
    text: &'v mut Vec<u8>,
}

impl Distinct<'_> {
    fn mark(&mut self, name: Text<'_>) -> Result<(), Defect> {
        let name = name.bytes(self.text)?;
        let [high, low] = [0, 1].map(|half: usize| self.keys[half].hash_one(name));
        self.marks.push(u128::from(high) << 64 | u128::from(low));
        Ok(())
    }
}

impl Visit for Distinct<'_> {
    fn element(&mut self, _text: Text<'_>) -> Result<(), Defect> {
        Ok(())
    }

    fn member(&mut self, text: Text<'_>) -> Result<(), Defect> {
        self.mark(text)
    }

    fn scored(&mut self, member: Text<'_>, _score: f64) -> Result<(), Defect> {
        self.mark(member)
    }

    fn field(&mut self, field: Text<'_>, _value: Text<'_>, _expire_at_ms: u64) -> Result<(), Defect> {
        self.mark(field)
    }
}

/// Leaves a mark for each name that must be unique, and proves the rest decompressible.
struct Check<'v> {
    kind: Kind,
    marks: &'v mut Vec<u64>,
    marks_max: u64,
    text: &'v mut Vec<u8>,
}

impl Check<'_> {
    #[inline]
    fn mark(&mut self, name: Text<'_>) -> Result<(), Defect> {
        let mark = mark(name.bytes(self.text)?);
        self.marks.push(mark);
        let (got, limit) = (self.marks.len() as u64, self.marks_max);
        if got <= limit { Ok(()) } else { Err(Defect::Limit { what: "number of elements", got, limit }) }
    }
}

#[inline]
fn decompressible(text: Text<'_>) -> Result<(), Defect> {
    match text {
        Text::Lzf { data, len } => lzf::check(data, len),
        _ => Ok(()),
    }
}

impl Visit for Check<'_> {
    #[inline]
    fn element(&mut self, text: Text<'_>) -> Result<(), Defect> {
        decompressible(text)?;
        if self.kind == Kind::String { hyperloglog(text, self.text) } else { Ok(()) }
    }

    #[inline]
    fn member(&mut self, text: Text<'_>) -> Result<(), Defect> {
        self.mark(text)
    }

    #[inline]
    fn scored(&mut self, member: Text<'_>, _score: f64) -> Result<(), Defect> {
        self.mark(member)
    }

    #[inline]
    fn field(&mut self, field: Text<'_>, value: Text<'_>, _expire_at_ms: u64) -> Result<(), Defect> {
        decompressible(value)?;
        self.mark(field)
    }
}

/// A 64-bit mark of a name. Whoever makes two names collide only buys the exact check, which is linear too.
#[inline]
fn mark(name: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (name.len() as u64 + 1).wrapping_mul(K);
    let mut rest = name;
    while let Some((head, tail)) = rest.split_first_chunk::<8>().filter(|(_, tail)| tail.len() > 8) {
        state = fold(state ^ u64::from_le_bytes(*head), K);
        rest = tail;
    }
    let (head, tail) = ends(rest);
    fold(fold(state ^ head, K) ^ tail, K)
}

/// Up to 16 bytes as two numbers. They may overlap: how many bytes there are is part of the mark already.
#[inline]
fn ends(rest: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32, 0);
    }
    (rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// Registers of a HyperLogLog (hyperloglog.c: `HLL_REGISTERS`).
const HLL_REGISTERS: usize = 1 << 14;
const HLL_HEADER_BYTES: usize = 16;

/// Any string may begin with `HYLL`: the server checks most of it when it is used as a HyperLogLog. What servers before
/// 2025 didn't check is a sparse one whose runs exceed the registers, and no server ever writes such.
fn hyperloglog(text: Text<'_>, spare: &mut Vec<u8>) -> Result<(), Defect> {
    const SPARSE: &[u8] = b"HYLL\x01";
    let sparse = match text {
        Text::Plain(bytes) => bytes.starts_with(SPARSE),
        Text::Int(_) => false,
        Text::Lzf { data, .. } => lzf::prefix::<5>(data).is_some_and(|start| start == SPARSE),
    };
    if sparse { sparse_registers(text.bytes(spare)?) } else { Ok(()) }
}

/// Whether a server may be made to use this string as a HyperLogLog: see the rule for a snapshot's strings.
///
/// # Errors
/// A sparse HyperLogLog whose runs exceed its registers, which servers before 2025 write past (CVE-2025-32023).
pub fn check_string(bytes: &[u8]) -> Result<(), Defect> {
    hyperloglog(Text::Plain(bytes), &mut Vec::new())
}

fn sparse_registers(bytes: &[u8]) -> Result<(), Defect> {
    let mut runs = bytes.get(HLL_HEADER_BYTES..).unwrap_or_default().iter();
    let mut registers = 0;
    while let Some(&head) = runs.next() {
        registers += match head {
            0x00..=0x3f => usize::from(head) + 1,
            0x40..=0x7f => {
                let low = runs.next().copied().unwrap_or_default();
                (usize::from(head & 0x3f) << 8 | usize::from(low)) + 1
            }
            _ => usize::from(head & 3) + 1,
        };
    }
    match registers <= HLL_REGISTERS {
        true => Ok(()),
        false => Err(Defect::invalid("HyperLogLog", "its sparse runs exceed its registers")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn marks_tell_short_names_apart() {
        let names: Vec<Vec<u8>> = (0..200_000u32).map(|n| n.to_string().into_bytes()).collect();
        let marks: HashSet<u64> = names.iter().map(|name| mark(name)).collect();
        assert_eq!(marks.len(), names.len());
        let zeros: HashSet<u64> = (0..64).map(|len| mark(&vec![0; len])).collect();
        assert_eq!(zeros.len(), 64, "the length counts");
    }

    #[test]
    fn equal_marks_are_found_however_many_there_are_and_however_they_were_chosen() {
        let mut table = Vec::new();
        for count in [2u64, 3, 100, TABLE_MARKS_MAX as u64, TABLE_MARKS_MAX as u64 + 1] {
            for chosen in [1, 1 << 32] {
                let mut marks: Vec<u64> = (0..count).map(|n| (n + 7) * chosen).collect();
                assert!(!any_twice(&mut marks, &mut table), "{count}");
                marks[0] = marks[count as usize - 1];
                assert!(any_twice(&mut marks, &mut table), "{count}");
            }
        }
    }

    #[test]
    fn a_name_that_was_chosen_to_look_like_a_free_slot_is_found_twice() {
        let head = 17u64.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        let name = [head, [0; 8]].concat();
        assert_eq!(mark(&name), 0, "if marks have changed, choose another name");
        let mut marks = vec![5, mark(&name), 9, mark(&name)];
        assert!(any_twice(&mut marks, &mut Vec::new()));
    }

    #[test]
    fn the_table_gives_up_on_marks_chosen_to_share_a_slot() {
        let marks: Vec<u64> = (1..=10_000u64).map(|n| n << 32).collect();
        assert!(twice_in_table(&marks, &mut Vec::new()));
    }

    #[test]
    fn an_overlong_sparse_hyperloglog_is_refused_and_look_alikes_are_not() {
        let header = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        let with = |runs: &[u8]| hyperloglog(Text::Plain(&[&header[..], runs].concat()), &mut Vec::new());
        assert_eq!(with(&[0x7f, 0xff]), Ok(()));
        assert!(with(&[0x7f, 0xff, 0x00]).is_err());
        assert_eq!(with(&[0x40]), Ok(()));
        assert_eq!(hyperloglog(Text::Plain(b"HYLL"), &mut Vec::new()), Ok(()));
        assert_eq!(hyperloglog(Text::Plain(b"HYLL\x00short"), &mut Vec::new()), Ok(()));
    }
}
