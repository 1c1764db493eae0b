use super::*;
use proptest::prelude::*;

fn dbs() -> impl Strategy<Value = DbMap> {
    let pair = (0..4_u32, 0..4_u32).prop_map(|(source, local)| DbPair { source, local });
    let list = prop::collection::vec(pair, 1..5).prop_map(|pairs| {
        // No db twice on either side, as in a definition.
        let mut kept: Vec<DbPair> = Vec::new();
        for pair in pairs {
            if kept.iter().all(|other| other.source != pair.source && other.local != pair.local) {
                kept.push(pair);
            }
        }
        DbMap::List(kept)
    });
    prop_oneof![Just(DbMap::All), list]
}

fn map() -> impl Strategy<Value = KeyMap> {
    (dbs(), "[ab]{0,3}", "[ab]{0,3}").prop_map(|(dbs, strip, prefix)| KeyMap {
        dbs,
        strip: strip.into_bytes(),
        prefix: prefix.into_bytes(),
    })
}

/// What a map does to one name, told the plain way.
fn apply(map: &KeyMap, (db, name): (u32, Vec<u8>)) -> Option<(u32, Vec<u8>)> {
    let rest = name.strip_prefix(map.strip.as_slice())?;
    Some((map.dbs.to_local(db)?, [map.prefix.as_slice(), rest].concat()))
}

proptest! {
    #[test]
    fn two_maps_are_one(first in map(), next in map(), db in 0..4_u32, name in "[ab]{0,8}") {
        let name = (db, name.into_bytes());
        let Some(between) = apply(&first, name.clone()) else { return Ok(()) };
        let Some(end) = apply(&next, between) else { return Ok(()) };
        let mut origin = Origin { id: ReplId::from_bytes(&[b'a'; 40]).expect("forty letters"), moved: None };
        for step in [&first, &next] {
            let step = KeyMap::new(step.dbs.clone(), step.strip.clone(), step.prefix.clone());
            prop_assert_eq!(origin.pass(step.as_ref()), Ok(()));
        }
        let reached = origin.moved.as_ref().map_or(Some(name.clone()), |moved| apply(moved, name.clone()));
        prop_assert_eq!(reached, Some(end.clone()));
        prop_assert_eq!(origin.is_unmoved_in(end.0), end == name, "{:?}", origin);
    }

    #[test]
    fn text_reads_back_equal(maps in prop::collection::vec(prop::option::of(map()), 1..6)) {
        let id = ReplId::from_bytes(&[b'a'; 40]).expect("forty letters");
        let normal = |map: KeyMap| KeyMap::new(map.dbs, map.strip, map.prefix).map(Box::new);
        let origins: Vec<Origin> = maps.into_iter().map(|map| Origin { id, moved: map.and_then(normal) }).collect();
        let text = encode_maps(&origins);
        prop_assert_eq!(decode_maps(vec![id; origins.len()], &text), Some(origins.clone()));
        prop_assert_eq!(decode_maps(vec![id; origins.len() + 1], &text), None);
    }

    #[test]
    fn hostile_text_is_refused_or_read_never_a_panic(text in "[-*0-9;>/,a-f]{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let id = ReplId::from_bytes(&[b'a'; 40]).expect("forty letters");
        let _any_answer = (decode_maps(vec![id; 2], text.as_bytes()), decode_maps(vec![id; 2], &bytes));
    }
}

#[test]
fn names_have_a_limit() {
    let map = |letters: usize| KeyMap::new(DbMap::All, Vec::new(), vec![b'p'; letters]).expect("a prefix");
    let mut origin = Origin::unmoved(ReplId::from_bytes(&[b'a'; 40]).expect("forty letters"));
    assert_eq!(origin.pass(Some(&map(NAME_BYTES_MAX))), Ok(()));
    let longest = encode_maps(std::slice::from_ref(&origin));
    assert_eq!(decode_maps(vec![origin.id], &longest), Some(vec![origin.clone()]));
    assert_eq!(origin.pass(Some(&map(1))), Err(TooLong));
    let too_long = format!("*//{}", "61".repeat(NAME_BYTES_MAX + 1));
    assert_eq!(decode_maps(vec![origin.id], too_long.as_bytes()), None);
}
