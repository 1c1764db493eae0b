//! Values told in pieces: put together they are what decoding the whole makes, however the bytes arrive.

use redis_replica::rdb::{
    Defect, Encoding, Family, Item, Key, Limits, Reader, Step, Strings, Validator, Value, Writer, kind_of,
};

use super::made::Made;
use super::pieces::Pieces;

/// Small but for the number of elements, which pieces don't limit.
fn limits() -> Limits {
    Limits::default()
        .with_value_bytes(1 << 14)
        .with_key_bytes(1 << 10)
        .with_string_bytes(1 << 14)
        .with_decoded_bytes(1 << 16)
        .with_db_max(1000)
}

pub fn check(data: &[u8]) {
    let [choice, seed, above, body @ ..] = data else { return };
    let family = if choice & 1 == 0 { Family::Redis } else { Family::Valkey };
    let above = limits().with_pieces_above_bytes(u64::from(*above & 0x7f));
    if choice & 2 == 0 {
        check_serialized(family, body, above, *seed);
    } else {
        check_written(family, &mut Made::of(body), above, *seed);
    }
}

/// A type byte and any body: what is proven of the whole and of its pieces is the same.
fn check_serialized(family: Family, serialized: &[u8], limits: Limits, seed: u8) {
    let Some((type_byte, body)) = serialized.split_first() else { return };
    let type_byte = type_byte & 31;
    let (magic, version): (&[u8], _) = match family {
        Family::Redis => (b"REDIS0013", 13),
        Family::Valkey => (b"VALKEY080", 80),
    };
    let rdb = [magic, &[type_byte, 1, b'k'], body, &[255, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let told = told_alike(&rdb, limits, seed);
    match Validator::new(limits).object(family, version, type_byte, body) {
        Ok(object) => {
            let value = object.decode().expect("validated values decode");
            assert_eq!((&told.end, told.values), (&End::Complete, vec![value]));
        }
        // Of pieces it is the sum of each that is limited.
        Err(Defect::Limit { .. }) => {}
        Err(_) if told.is_whole_at(rdb.len() - 9) => panic!("pieces are told of what is refused as a whole"),
        Err(_) => {}
    }
}

/// Values in any of their encodings, and bytes behind them that are damaged at times.
fn check_written(family: Family, made: &mut Made<'_>, limits: Limits, seed: u8) {
    let mut writer =
        Writer::new(family, if family == Family::Redis { 13 } else { 80 }).expect("a known version");
    let mut values = Vec::new();
    let damage = made.flag().then(|| (made.number(), made.byte()));
    while !made.is_used_up() {
        writer.set_strings(if made.flag() { Strings::Compact } else { Strings::Plain });
        let (choice, value) = (made.byte(), made.value());
        let of_kind = |encoding: &Encoding| encoding.kind() == value.kind();
        let mut encodings = Encoding::ALL.into_iter().filter(of_kind).skip(usize::from(choice) % 6);
        if encodings.any(|encoding| writer.encoded(&Key::new(b"k"), &value, encoding).is_ok()) {
            values.push(value);
        }
    }
    let mut rdb = writer.finish();
    match damage {
        Some((at, byte)) => {
            let at = 9 + at as usize % (rdb.len() - 9);
            rdb[at] = byte;
            told_alike(&rdb, limits, seed);
        }
        None => {
            let whole = told_alike(&rdb, self::limits(), seed);
            let told = told_alike(&rdb, limits, seed);
            assert_eq!((&told.end, &whole.end), (&End::Complete, &End::Complete));
            // What is beyond a limit as a whole comes in pieces.
            if whole.values.len() == values.len() {
                assert_eq!(told.values, whole.values);
            }
        }
    }
}

/// What a reader made of a snapshot.
#[derive(Debug, PartialEq)]
struct Told {
    items: Vec<String>,
    values: Vec<Value>,
    /// Where in the input the last value ended.
    ended_at: usize,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Complete,
    Incomplete,
    Failed,
}

impl Told {
    /// Whether one value, and nothing else, reaches up to there.
    fn is_whole_at(&self, at: usize) -> bool {
        let is_refused = self.items.iter().any(|item| item.starts_with("Rejected"));
        self.values.len() == 1 && self.ended_at == at && !is_refused
    }
}

/// Reads the snapshot at once, byte by byte and as the seed says.
fn told_alike(rdb: &[u8], limits: Limits, seed: u8) -> Told {
    let whole = read(rdb, limits, 0);
    for cut in [1, seed] {
        let told = read(rdb, limits, cut);
        // A reader that knows how much more must come waits for it, whatever is there already.
        let waits = told.end == End::Incomplete && whole.end != End::Complete;
        if waits {
            assert!(whole.items.starts_with(&told.items), "reads change nothing");
        } else {
            assert_eq!(told, whole, "reads change nothing");
        }
    }
    whole
}

fn read(rdb: &[u8], limits: Limits, seed: u8) -> Told {
    let mut reader = Reader::new(limits);
    let mut told = Told { items: Vec::new(), values: Vec::new(), ended_at: 0, end: End::Incomplete };
    let (mut at, mut there, mut need, mut begun) = (0, 0, 1, None);
    for read in Pieces::new(rdb, seed) {
        there += read.len();
        while there - at >= need {
            match reader.next(&rdb[at..there]) {
                Err(_) => {
                    told.end = End::Failed;
                    return told;
                }
                Ok(Step::Need(more)) => {
                    assert!(more > there - at, "needs what is there");
                    need = more;
                }
                Ok(Step::Item { item, consumed }) => {
                    (at, need) = (at + consumed, 1);
                    if told.take(item, at, &mut begun) {
                        told.end = End::Complete;
                        return told;
                    }
                }
            }
        }
    }
    told
}

impl Told {
    /// Notes an item that ends at `at`; whether it is the last one.
    fn take(&mut self, item: Item<'_>, at: usize, begun: &mut Option<Value>) -> bool {
        if !super::rdb_file::is_beyond_a_limit(&item) {
            self.items.push(format!("{item:?}"));
        }
        match item {
            Item::End => return true,
            Item::Entry(entry) => {
                self.values.push(entry.object.decode().expect("validated values decode"));
                self.ended_at = at;
            }
            Item::ValueBegin(value) => {
                assert!(begun.is_none(), "a value begins within another");
                assert_eq!(kind_of(value.type_byte, Family::Redis), Some(value.kind));
                *begun = Value::empty(value.kind);
            }
            Item::Piece(piece) => {
                let value = begun.as_mut().expect("pieces belong to a value");
                value.push(piece).expect("a piece of its own kind");
            }
            Item::ValueEnd => {
                self.values.push(begun.take().expect("a value that was begun"));
                self.ended_at = at;
            }
            Item::Rejected(_) => *begun = None,
            _ => {}
        }
        false
    }
}
