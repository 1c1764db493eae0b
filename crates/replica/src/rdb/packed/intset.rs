//! Integer sets (intset.c): `bytes per number u32 | count u32 | numbers, ascending`.

use super::{Elements, signed_le};
use crate::rdb::Defect;
use crate::rdb::cursor::Text;

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("intset", rule)
}

/// An integer set, walked in its ascending order.
#[derive(Debug, Clone)]
pub(crate) struct Intset<'b> {
    numbers: std::slice::ChunksExact<'b, u8>,
    last: Option<i64>,
}

impl<'b> Intset<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Result<Self, Defect> {
        let (header, numbers) = bytes.split_first_chunk::<8>().ok_or(invalid("shorter than its header"))?;
        let width = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let count = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        if !matches!(width, 2 | 4 | 8) {
            return Err(invalid("numbers of unknown width"));
        }
        if u64::from(width) * u64::from(count) != numbers.len() as u64 {
            return Err(invalid("its size is not what its header says"));
        }
        Ok(Self { numbers: numbers.chunks_exact(width as usize), last: None })
    }
}

impl<'b> Elements<'b> for Intset<'b> {
    fn next(&mut self) -> Result<Option<Text<'b>>, Defect> {
        let Some(number) = self.numbers.next().map(signed_le) else { return Ok(None) };
        // Binary search needs the order; it also proves that no number occurs twice.
        if self.last.is_some_and(|last| last >= number) {
            return Err(invalid("its numbers don't ascend"));
        }
        self.last = Some(number);
        Ok(Some(Text::Int(number)))
    }
}

/// Writes integer sets; the numbers must ascend.
pub(crate) fn build(width: u32, numbers: &[i64]) -> Vec<u8> {
    let mut bytes = [width.to_le_bytes(), (numbers.len() as u32).to_le_bytes()].concat();
    numbers.iter().for_each(|n| bytes.extend(&n.to_le_bytes()[..width as usize]));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<i64>, Defect> {
        let mut set = Intset::new(bytes)?;
        let mut out = Vec::new();
        while let Some(Text::Int(n)) = set.next()? {
            out.push(n);
        }
        Ok(out)
    }

    #[test]
    fn widths_order_and_size_are_checked() {
        assert_eq!(all(&build(2, &[-5, 0, 7])), Ok(vec![-5, 0, 7]));
        assert_eq!(all(&build(8, &[i64::MIN, i64::MAX])), Ok(vec![i64::MIN, i64::MAX]));
        assert!(all(&build(2, &[7, 7])).is_err());
        assert!(all(&build(4, &[7, 6])).is_err());
        assert!(all(&build(3, &[7])).is_err());
        let good = build(4, &[1, 2, 3]);
        assert!((0..good.len()).all(|len| all(&good[..len]).is_err()));
    }
}
