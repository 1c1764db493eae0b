//! ST.DICT.*: a dict against a map that is known to be right, and at its limits.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, Ordering};

use redis_context::{
    Args, CommandContext, DICT_KEY_BYTES_MAX, Dict, DictComparison, DictKey, DictSeek, DictWalk, Error,
    LoadContext, RedisString, Reply,
};

use crate::read;

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(read(c"st.dict.fuzz").keys(0, 0, 0), fuzz)?;
    load.command(read(c"st.dict.limits").keys(0, 0, 0), limits)?;
    load.command(read(c"st.dict.bytes").keys(0, 0, 0), bytes)?;
    load.command(read(c"st.dict.deep").keys(0, 0, 0), deep)?;
    load.command(read(c"st.dict.panic").keys(0, 0, 0), panic_in_a_drop)
}

/// How many values there are.
static ALIVE: AtomicI64 = AtomicI64::new(0);

struct Value(u64);

impl Value {
    fn new(number: u64) -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self(number)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
        assert!(self.0 != u64::MAX, "in the drop of a dict's value");
    }
}

/// Numbers that look random (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Short keys of few letters, so that they meet and share prefixes; NUL and 255 are among the letters.
    fn key(&mut self) -> Vec<u8> {
        let len = self.below(6);
        (0..len).map(|_| [0, b'a', b'b', 255][self.below(4) as usize]).collect()
    }
}

/// ST.DICT.FUZZ seed steps: how many values are left alive afterwards, which should be none.
fn fuzz<'cx>(_ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (seed, steps) = (args.next_u64()? | 1, args.next_u64()?);
    let before = ALIVE.load(Ordering::Relaxed);
    let mut numbers = Numbers(seed);
    let (mut dict, mut model) = (Dict::new(), BTreeMap::new());
    for step in 0..steps.min(1_000_000) {
        let key = numbers.key();
        change(&mut numbers, &mut dict, &mut model, &key, step)?;
        look(&mut numbers, &dict, &model, &key);
        assert_eq!((dict.len(), dict.is_empty()), (model.len(), model.is_empty()));
    }
    let inside = ALIVE.load(Ordering::Relaxed) - before;
    assert_eq!(inside, model.len() as i64);
    drop(dict);
    Ok(Reply::Int(ALIVE.load(Ordering::Relaxed) - before))
}

type Model = BTreeMap<Vec<u8>, u64>;

/// Changes both, with the key as bytes or as a string.
fn change(
    numbers: &mut Numbers,
    dict: &mut Dict<Value>,
    model: &mut Model,
    key: &[u8],
    step: u64,
) -> Result<(), Error> {
    let string = RedisString::new(key);
    let given: DictKey<'_> = if numbers.below(2) == 0 { key.into() } else { (&string).into() };
    match numbers.below(9) {
        0 | 1 => {
            let old = dict.insert(given, Value::new(step))?.map(|value| value.0);
            assert_eq!(old, model.insert(key.to_vec(), step));
        }
        2 => {
            let is_new = dict.insert_new(given, Value::new(step))?;
            assert_eq!(is_new, !model.contains_key(key));
            model.entry(key.to_vec()).or_insert(step);
        }
        3 | 4 => assert_eq!(dict.remove(given).map(|value| value.0), model.remove(key)),
        5 => {
            if let (Some(value), Some(known)) = (dict.get_mut(given), model.get_mut(key)) {
                (value.0, *known) = (step, step);
            }
        }
        6 if numbers.below(500) == 0 => {
            dict.clear();
            model.clear();
        }
        _ => (),
    }
    Ok(())
}

/// Looks at both in every way.
fn look(numbers: &mut Numbers, dict: &Dict<Value>, model: &Model, key: &[u8]) {
    let string = RedisString::new(key);
    let given: DictKey<'_> = if numbers.below(2) == 0 { key.into() } else { (&string).into() };
    assert_eq!(dict.get(given).map(|value| value.0), model.get(key).copied());
    assert_eq!(dict.contains(given), model.contains_key(key));
    let (seek, expected) = match numbers.below(7) {
        0 => (DictSeek::First, model.keys().next()),
        1 => (DictSeek::Last, model.keys().next_back()),
        2 => (DictSeek::Exactly(given), model.get_key_value(key).map(|(key, _)| key)),
        3 => (DictSeek::Above(given), after(model, Bound::Excluded(key))),
        4 => (DictSeek::From(given), after(model, Bound::Included(key))),
        5 => (DictSeek::Below(given), before(model, Bound::Excluded(key))),
        _ => (DictSeek::UpTo(given), before(model, Bound::Included(key))),
    };
    let mut walk = dict.seek(seek);
    if numbers.below(2) == 0 {
        walk.reseek(DictSeek::Last);
        walk.reseek(seek);
    }
    assert_eq!(walk.compare(DictComparison::Equal, given), expected.is_some_and(|found| found == key));
    assert_eq!(walk.compare(DictComparison::AtLeast, given), expected.is_some_and(|found| **found >= *key));
    assert_eq!(walk.compare(DictComparison::Above, given), expected.is_some_and(|found| **found > *key));
    assert_eq!(walk.compare(DictComparison::AtMost, given), expected.is_some_and(|found| **found <= *key));
    assert_eq!(walk.compare(DictComparison::Below, given), expected.is_some_and(|found| **found < *key));
    step(numbers, &mut walk, model, expected);
}

/// The first step takes the key that was sought, whichever way it goes; each later one moves first.
fn step<'m>(
    numbers: &mut Numbers,
    walk: &mut DictWalk<'_, Value>,
    model: &'m Model,
    mut expected: Option<&'m Vec<u8>>,
) {
    for number in 0..numbers.below(6) {
        let is_up = numbers.below(2) == 0;
        if let (1.., Some(at)) = (number, expected) {
            let bound = Bound::Excluded(at.as_slice());
            expected = if is_up { after(model, bound) } else { before(model, bound) };
        }
        let found = match (is_up, numbers.below(2) == 0) {
            (true, true) => walk.next().map(|(key, value)| (key.to_vec(), value.0)),
            (true, false) => walk.next_string().map(|(key, value)| (key.as_bytes().to_vec(), value.0)),
            (false, true) => walk.prev().map(|(key, value)| (key.to_vec(), value.0)),
            (false, false) => walk.prev_string().map(|(key, value)| (key.as_bytes().to_vec(), value.0)),
        };
        assert_eq!(found, expected.map(|key| (key.clone(), model[key])));
    }
}

fn after<'m>(model: &'m Model, bound: Bound<&[u8]>) -> Option<&'m Vec<u8>> {
    model.range::<[u8], _>((bound, Bound::Unbounded)).next().map(|(key, _)| key)
}

fn before<'m>(model: &'m Model, bound: Bound<&[u8]>) -> Option<&'m Vec<u8>> {
    model.range::<[u8], _>((Bound::Unbounded, bound)).next_back().map(|(key, _)| key)
}

/// ST.DICT.LIMITS: the longest key, one byte more, and none.
fn limits<'cx>(_ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let mut dict = Dict::new();
    let long = vec![b'k'; DICT_KEY_BYTES_MAX + 1];
    assert!(dict.insert(&long[1..], 1)?.is_none() && dict.insert(&[], 2)?.is_none());
    let refused = dict.insert(long.as_slice(), 3).err().map(|error| error.to_string());
    assert!(dict.insert_new(long.as_slice(), 3).is_err() && dict.remove(long.as_slice()).is_none());
    assert_eq!((dict.get(&long[1..]), dict.get(b""), dict.get(long.as_slice())), (Some(&1), Some(&2), None));
    assert_eq!(dict.seek(DictSeek::Last).next().map(|(key, _)| key.len()), Some(DICT_KEY_BYTES_MAX));
    Ok(refused.into())
}

/// ST.DICT.BYTES key: the key, after it was in a dict.
fn bytes<'cx>(_ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = args.next_arg()?;
    let mut dict = Dict::new();
    dict.insert(key, ())?;
    let mut walk = dict.seek(DictSeek::exactly(key));
    let kept = walk.next_string().map(|(key, &())| Reply::bulk(key));
    Ok(kept.unwrap_or(Reply::Null))
}

/// ST.DICT.DEEP n: each prefix of a key of n bytes is a key too, which makes the tree as deep as it gets.
fn deep<'cx>(_ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let depth = usize::try_from(args.next_u64()?).unwrap_or(usize::MAX).min(DICT_KEY_BYTES_MAX);
    let before = ALIVE.load(Ordering::Relaxed);
    let long = vec![b'k'; depth];
    let mut dict = Dict::new();
    for len in 0..=depth {
        dict.insert(&long[..len], Value::new(0))?;
    }
    drop(dict);
    Ok(Reply::Int(ALIVE.load(Ordering::Relaxed) - before))
}

/// ST.DICT.PANIC: a value's drop panics while the dict is dropped.
fn panic_in_a_drop<'cx>(_ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let mut dict = Dict::new();
    dict.insert(b"a", Value::new(u64::MAX))?;
    drop(dict);
    Ok(Reply::OK)
}
