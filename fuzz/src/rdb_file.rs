//! A whole snapshot: the same items however it is cut, and values that hold what the reader promises of them.

use redis_replica::rdb::{Defect, Error, Item, Limits, Reader, Rejected, Step};

use super::pieces::Pieces;
use super::rdb_value;

/// Small, so that they are met.
pub fn limits() -> Limits {
    Limits::default()
        .with_value_bytes(1 << 14)
        .with_key_bytes(1 << 10)
        .with_string_bytes(1 << 14)
        .with_decoded_bytes(1 << 16)
        .with_elements(500)
        .with_db_max(1000)
}

pub fn check(data: &[u8]) {
    let Some((&seed, bytes)) = data.split_first() else { return };
    let whole = read(bytes, 0, |item| {
        if let Item::Entry(entry) = item {
            rdb_value::check_object(&entry.object);
        }
    });
    for cut in [1, seed] {
        let told = read(bytes, cut, |_| {});
        assert_eq!(told.items, whole.items, "pieces change nothing");
        // A reader that knows how much more must come waits for it, though what is there may be wrong already.
        assert!(told.end == whole.end || (&told.end, &whole.end) == (&End::Incomplete, &End::Failed));
    }
}

/// What a reader told of a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    items: Vec<String>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Complete(usize),
    Incomplete,
    Failed,
}

/// Reads a snapshot that arrives in pieces. A limit can be foreseen, so what is beyond one is told of at another time when
/// it arrives in other pieces, and passed over in other pieces: it is left out here.
pub fn read(bytes: &[u8], seed: u8, mut each: impl FnMut(&Item<'_>)) -> Told {
    let mut reader = Reader::new(limits());
    let (mut at, mut there, mut need) = (0, 0, 1);
    let mut items = Vec::new();
    for piece in Pieces::new(bytes, seed) {
        there += piece.len();
        while there - at >= need {
            match step(&mut reader, &bytes[at..there], &mut items, &mut each) {
                Err(_) => return Told { items, end: End::Failed },
                Ok(Next::Need(more)) => need = more,
                Ok(Next::Go(consumed)) => (at, need) = (at + consumed, 1),
                Ok(Next::End(consumed)) => return Told { items, end: End::Complete(at + consumed) },
            }
            assert_eq!(reader.offset(), at as u64);
        }
    }
    Told { items, end: End::Incomplete }
}

enum Next {
    Need(usize),
    Go(usize),
    End(usize),
}

fn step(
    reader: &mut Reader,
    held: &[u8],
    items: &mut Vec<String>,
    each: &mut impl FnMut(&Item<'_>),
) -> Result<Next, Error> {
    match reader.next(held)? {
        Step::Need(need) => {
            assert!(need > held.len(), "needs what is there");
            Ok(Next::Need(need))
        }
        Step::Item { consumed, item } => {
            assert!(consumed <= held.len());
            each(&item);
            if !is_beyond_a_limit(&item) {
                items.push(format!("{item:?}"));
            }
            Ok(if item == Item::End { Next::End(consumed) } else { Next::Go(consumed) })
        }
    }
}

pub fn is_beyond_a_limit(item: &Item<'_>) -> bool {
    matches!(item, Item::Passed | Item::Rejected(Rejected { defect: Defect::Limit { .. }, .. }))
}
