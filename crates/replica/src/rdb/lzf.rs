//! Bounded LZF decompression (lzf_d.c: literal runs and back references, no header).
//!
//! Two forms of the same walk: one writes the output, one only proves that the input is well-formed and unfolds to
//! the announced length, which is all a value that no one looks into needs.

use super::Defect;

/// Three bytes unfold to at most 264 (a reference of 7 + 255 + 2): what announces more is no LZF, whatever its limits.
const RATIO_MAX: usize = 88;

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("LZF string", rule)
}

/// One instruction: bytes to take from the input, or from the output so far.
enum Run<'d> {
    Literal(&'d [u8]),
    Back { distance: usize, len: usize },
}

/// Splits the next instruction off `data`.
#[inline]
fn run<'d>(data: &mut &'d [u8]) -> Result<Option<Run<'d>>, Defect> {
    let Some((&control, rest)) = data.split_first() else { return Ok(None) };
    if control < 32 {
        let (literal, rest) = rest
            .split_at_checked(usize::from(control) + 1)
            .ok_or(invalid("a literal run leaves the input"))?;
        *data = rest;
        return Ok(Some(Run::Literal(literal)));
    }
    back_reference(control, rest, data).map(Some)
}

#[inline]
fn back_reference<'d>(control: u8, rest: &'d [u8], data: &mut &'d [u8]) -> Result<Run<'d>, Defect> {
    let short = usize::from(control >> 5);
    let (len, low, rest) = match (short, rest) {
        (7, [more, low, rest @ ..]) => (short + usize::from(*more), low, rest),
        (1..=6, [low, rest @ ..]) => (short, low, rest),
        _ => return Err(invalid("a back reference leaves the input")),
    };
    *data = rest;
    let distance = (usize::from(control & 0x1f) << 8 | usize::from(*low)) + 1;
    Ok(Run::Back { distance, len: len + 2 })
}

fn plausible(data: &[u8], len: usize) -> Result<(), Defect> {
    match len <= data.len().saturating_mul(RATIO_MAX) {
        true => Ok(()),
        false => Err(invalid("it announces more than its bytes can unfold to")),
    }
}

/// Proves that `data` unfolds to exactly `len` bytes, without unfolding it.
pub(crate) fn check(mut data: &[u8], len: usize) -> Result<(), Defect> {
    plausible(data, len)?;
    let mut at = 0usize;
    while let Some(run) = run(&mut data)? {
        at += match run {
            Run::Literal(bytes) => bytes.len(),
            Run::Back { distance, .. } if distance > at => {
                return Err(invalid("a reference before the start"));
            }
            Run::Back { len, .. } => len,
        };
    }
    if at == len { Ok(()) } else { Err(invalid("it unfolds to another length than announced")) }
}

/// Bytes that a copy moves whatever is asked, where that is no more: for a literal run of any length, and for a short
/// back reference. Copies of one size need no branch on their length, which no processor predicts in random text; what
/// they write behind an instruction's end, the next one overwrites.
const LITERAL_COPY_BYTES: usize = 32;
const BACK_COPY_BYTES: usize = 8;

/// Unfolds `data` into `spare` and answers its `len` bytes there. `len` must have passed the limits. `spare` only grows,
/// as nothing in it needs zeroing again.
pub(crate) fn decompress<'s>(
    mut data: &[u8],
    len: usize,
    spare: &'s mut Vec<u8>,
) -> Result<&'s [u8], Defect> {
    plausible(data, len)?;
    let room = len + LITERAL_COPY_BYTES;
    if spare.len() < room {
        spare.resize(room, 0);
    }
    let out = &mut spare[..room];
    let mut at = 0usize;
    loop {
        let behind_control = data.get(1..).unwrap_or_default();
        at = match run(&mut data)? {
            Some(Run::Literal(bytes)) => literal(out, at, bytes, behind_control)?,
            Some(Run::Back { distance, len }) => back(out, at, distance, len)?,
            None => break,
        };
    }
    match at == len {
        true => Ok(&out[..len]),
        false => Err(invalid("it unfolds to another length than announced")),
    }
}

/// Bytes of the longest literal run and of the longest back reference, and how far that reaches.
const LITERAL_MAX: usize = 32;
const MATCH_MAX: usize = 264;
const DISTANCE_MAX: usize = 1 << 13;
const TABLE_BITS: u32 = 14;

/// Packs `data`: of what begins with the same three bytes the latest is tried.
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    let mut table = vec![usize::MAX; 1 << TABLE_BITS];
    let (mut out, mut at, mut literal) = (Vec::with_capacity(data.len()), 0, 0);
    while at + 3 <= data.len() {
        let seen = std::mem::replace(&mut table[slot(&data[at..])], at);
        let Some(len) = matching(data, seen, at) else {
            at += 1;
            continue;
        };
        literals(&mut out, &data[literal..at]);
        reference(&mut out, at - seen, len);
        at += len;
        literal = at;
    }
    literals(&mut out, &data[literal..]);
    out
}

fn slot(bytes: &[u8]) -> usize {
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    (word.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize
}

/// The bytes that `seen` and `at` have in common, if they are worth a reference.
fn matching(data: &[u8], seen: usize, at: usize) -> Option<usize> {
    if seen >= at || at - seen > DISTANCE_MAX {
        return None;
    }
    let common = data[seen..].iter().zip(&data[at..]).take(MATCH_MAX).take_while(|(a, b)| a == b).count();
    (common >= 3).then_some(common)
}

fn literals(out: &mut Vec<u8>, bytes: &[u8]) {
    for run in bytes.chunks(LITERAL_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn reference(out: &mut Vec<u8>, distance: usize, len: usize) {
    let (distance, len) = (distance - 1, len - 2);
    let high = (distance >> 8) as u8;
    if len < 7 {
        out.push((len as u8) << 5 | high);
    } else {
        out.extend_from_slice(&[7 << 5 | high, (len - 7) as u8]);
    }
    out.push(distance as u8);
}

/// The first `N` bytes that `data` unfolds to, `None` if it is shorter or malformed before that.
pub(crate) fn prefix<const N: usize>(mut data: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    let mut at = 0;
    while at < N {
        let (from, len) = match run(&mut data).ok()?? {
            Run::Literal(bytes) => {
                let len = bytes.len().min(N - at);
                out[at..at + len].copy_from_slice(&bytes[..len]);
                (at, len)
            }
            Run::Back { distance, len } => (at.checked_sub(distance)?, len.min(N - at)),
        };
        if from < at {
            (0..len).for_each(|step| out[at + step] = out[from + step]);
        }
        at += len;
    }
    Some(out)
}

const TOO_LONG: Defect = invalid("it unfolds to more than announced");

/// Copies `bytes`, with which `input` begins.
#[inline]
fn literal(out: &mut [u8], at: usize, bytes: &[u8], input: &[u8]) -> Result<usize, Defect> {
    let end = at + bytes.len();
    match (input.first_chunk::<LITERAL_COPY_BYTES>(), out.get_mut(at..at + LITERAL_COPY_BYTES)) {
        (Some(wide), Some(room)) => room.copy_from_slice(wide),
        _ => out.get_mut(at..end).ok_or(TOO_LONG)?.copy_from_slice(bytes),
    }
    Ok(end)
}

#[inline]
fn back(out: &mut [u8], at: usize, distance: usize, len: usize) -> Result<usize, Defect> {
    let from = at.checked_sub(distance).ok_or(invalid("a reference before the start"))?;
    let end = at + len;
    if len <= BACK_COPY_BYTES && distance >= len && at + BACK_COPY_BYTES <= out.len() {
        out.copy_within(from..from + BACK_COPY_BYTES, at);
        return Ok(end);
    }
    let window = out.get_mut(from..end).ok_or(TOO_LONG)?;
    if distance >= len {
        window.copy_within(..len, distance);
    } else {
        repeat(window, distance);
    }
    Ok(end)
}

/// Fills `window` with repetitions of its first `period` bytes, doubling what is copied.
fn repeat(window: &mut [u8], period: usize) {
    let mut filled = period;
    while filled < window.len() {
        let step = filled.min(window.len() - filled);
        window.copy_within(..step, filled);
        filled += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The obvious decoder, byte by byte.
    fn naive(data: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < data.len() {
            let control = usize::from(data[at]);
            at += 1;
            if control < 32 {
                out.extend_from_slice(data.get(at..at + control + 1)?);
                at += control + 1;
                continue;
            }
            let mut len = control >> 5;
            if len == 7 {
                len += usize::from(*data.get(at)?);
                at += 1;
            }
            let distance = ((control & 31) << 8) + usize::from(*data.get(at)?) + 1;
            at += 1;
            for _ in 0..len + 2 {
                out.push(*out.get(out.len().checked_sub(distance)?)?);
            }
        }
        Some(out)
    }

    #[test]
    fn agrees_with_the_naive_decoder() {
        let inputs: [&[u8]; 6] = [
            &[0, b'a', 0xe0, 200, 0],
            &[2, b'a', b'b', b'c', 0x40, 2, 0x20, 0],
            &[1, b'x', b'y', 0xe0, 255, 1, 0, b'z'],
            &[0, b'a', 0x20, 1],
            &[3, b'a'],
            &[0, b'a', 0xe0],
        ];
        for data in inputs {
            let mut out = Vec::new();
            match naive(data) {
                Some(expected) => {
                    assert_eq!(decompress(data, expected.len(), &mut out), Ok(&expected[..]));
                    check(data, expected.len()).expect("well-formed");
                    assert!(decompress(data, expected.len() + 1, &mut out).is_err());
                    assert!(decompress(data, expected.len() - 1, &mut out).is_err());
                    assert!(check(data, expected.len() - 1).is_err());
                }
                None => {
                    assert!((0..600).all(|len| decompress(data, len, &mut out).is_err()));
                    assert!((0..600).all(|len| check(data, len).is_err()));
                }
            }
        }
    }

    #[test]
    fn what_is_packed_unpacks_to_itself() {
        let text = b"some text, some text, some other text ".repeat(300);
        let noise: Vec<u8> = (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let far = [&noise[..], &noise[..9000], &text].concat();
        for data in [&b""[..], b"a", b"ab", b"aaa", &[0; 5000], &text, &noise, &far] {
            let packed = compress(data);
            assert_eq!(naive(&packed).as_deref(), Some(data), "{} bytes", data.len());
        }
        assert!(compress(&[0; 5000]).len() < 80 && compress(&text).len() < 300);
    }

    #[test]
    fn a_bomb_is_refused_before_memory_is_taken() {
        let mut out = Vec::new();
        assert!(decompress(&[0, b'a', 0xe0, 255, 0], 4 << 30, &mut out).is_err());
        assert_eq!(out.capacity(), 0);
    }
}
