use super::*;
use crate::definition::DbMap;
use crate::origins::KeyMap;
use proptest::prelude::*;

fn replid() -> impl Strategy<Value = ReplId> {
    "[0-9a-f]{40}".prop_map(|text| ReplId::from_bytes(text.as_bytes()).expect("hex"))
}

fn origin() -> impl Strategy<Value = Origin> {
    let map = ("[ab]{0,2}", "[ab]{0,2}").prop_map(|(strip, prefix)| {
        KeyMap::new(DbMap::All, strip.into_bytes(), prefix.into_bytes()).map(Box::new)
    });
    (replid(), prop::option::of(map)).prop_map(|(id, moved)| Origin { id, moved: moved.flatten() })
}

fn checkpoint() -> impl Strategy<Value = Checkpoint> {
    let state = prop::sample::select(vec![State::Created, State::Resyncing, State::Streaming]);
    let position = prop::option::of((replid(), 0..=i64::MAX as u64, 0..=DB_MAX))
        .prop_map(|position| position.map(|(replid, offset, db)| Position { replid, offset, db }));
    let origins = prop::collection::vec(origin(), 0..=ORIGINS_MAX);
    let pending = prop::collection::vec((0..=DB_MAX, prop::collection::vec(any::<u8>(), 0..9)), 0..5);
    (state, position, origins, pending, any::<[u32; 3]>()).prop_map(
        |(state, position, origins, pending, totals)| {
            let [full_resyncs, partial_resyncs, history_forks] = totals.map(u64::from);
            Checkpoint {
                state,
                position,
                origins,
                pending,
                totals: Totals { full_resyncs, partial_resyncs, history_forks },
            }
        },
    )
}

proptest! {
    #[test]
    fn both_forms_read_back_equal(checkpoint in checkpoint(), name in "[a-z]{1,9}") {
        let expected = Ok((name.clone().into_bytes(), checkpoint.clone()));
        prop_assert_eq!(Checkpoint::decode(&checkpoint.encode(name.as_bytes())), expected.clone());
        prop_assert_eq!(Checkpoint::decode_binary(&checkpoint.encode_binary(name.as_bytes())), expected);
    }

    #[test]
    fn damage_is_an_error_or_a_checkpoint_never_a_panic(checkpoint in checkpoint(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = checkpoint.encode_binary(b"m");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _any_answer = Checkpoint::decode_binary(&bytes);
        let whole = checkpoint.encode_binary(b"m");
        let cut = cut.index(whole.len());
        prop_assert!(Checkpoint::decode_binary(&whole[..cut]).is_err());
    }

    #[test]
    fn hostile_bytes_are_errors(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(Checkpoint::decode_binary(&bytes).is_err());
    }
}

fn id() -> ReplId {
    ReplId::from_bytes(&[b'a'; 40]).expect("hex")
}

#[test]
fn a_newer_format_is_refused_by_name_but_its_origins_are_read() {
    let mut args = Checkpoint { origins: vec![Origin::unmoved(id())], ..Checkpoint::default() }.encode(b"m");
    args[0] = b"3".to_vec();
    args.push(b"something new".to_vec());
    assert_eq!(Checkpoint::decode(&args), Err(CheckpointError::NewerFormat));
    assert_eq!(read_origins(&args), Ok(vec![Origin::unmoved(id())]));
}

/// Written by version 0.1.0.
#[test]
fn format_1_is_read_as_it_was_and_written_while_names_are_kept() {
    let text = format!("1 m streaming {0} 77 9 {0},{1} 1,2,3 9 key", "a".repeat(40), "b".repeat(40));
    let args: Vec<Vec<u8>> = text.split(' ').map(|word| word.into()).collect();
    let (name, checkpoint) = Checkpoint::decode(&args).expect("format 1");
    let other = ReplId::from_bytes(&[b'b'; 40]).expect("hex");
    assert_eq!(checkpoint.origins, [Origin::unmoved(id()), Origin::unmoved(other)]);
    assert_eq!(checkpoint.pending, [(9, b"key".to_vec())]);
    assert_eq!(checkpoint.encode(&name), args);
}

/// A reader of format 1 looks at the number and at item 6 alone, and that is what it knows.
#[test]
fn format_2_shows_a_reader_of_format_1_the_ids() {
    let moved = KeyMap::new(DbMap::All, b"a".to_vec(), b"b:".to_vec()).map(Box::new);
    let checkpoint = Checkpoint { origins: vec![Origin { id: id(), moved }], ..Checkpoint::default() };
    let args = checkpoint.encode(b"m");
    assert_eq!((args[0].as_slice(), args[6].as_slice()), (&b"2"[..], id().as_bytes().as_slice()));
    assert_eq!(args[8], b"*/61/623a");
    assert_eq!(read_origins(&args), Ok(checkpoint.origins));
}

#[test]
fn limits_hold() {
    let head = Checkpoint::default().encode(b"m");
    let pairs = |keys: usize, bytes: usize| {
        let mut args = head.clone();
        (0..keys).for_each(|_| args.extend([b"0".to_vec(), vec![b'k'; bytes]]));
        Checkpoint::decode(&args).map(|(_, checkpoint)| checkpoint.pending.len())
    };
    assert_eq!(pairs(PENDING_KEYS_MAX, 1), Ok(PENDING_KEYS_MAX));
    assert!(pairs(PENDING_KEYS_MAX + 1, 1).is_err());
    assert!(pairs(2, PENDING_BYTES_MAX / 2 + 1).is_err());
    let mut many = head.clone();
    many[6] = vec!["a".repeat(40); ORIGINS_MAX + 1].join(",").into_bytes();
    assert!(Checkpoint::decode(&many).is_err());
}

#[test]
fn keys_that_come_are_told_alone() {
    let mut before =
        Checkpoint { pending: vec![(0, b"a".to_vec()), (1, b"b".to_vec())], ..Checkpoint::default() };
    for added in [vec![], vec![(0, b"c".to_vec())], vec![(0, b"a".to_vec()), (2, b"+".to_vec())]] {
        let told = before.encode_added(b"m", &added);
        assert!(names_added_keys(&told));
        let (_, mut received) = Checkpoint::decode(&told).expect("as it was written");
        assert_eq!(received.pending, added);
        received.keep_pending(&before);
        let mut expected = [before.pending.clone(), added].concat();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(received.pending, expected);
        before = received;
    }
    // All of them, one of which looks like the mark.
    before.pending = vec![(0, b"+".to_vec())];
    let told = before.encode(b"m");
    assert!(!names_added_keys(&told));
    assert_eq!(Checkpoint::decode(&told).expect("as it was written").1, before);
}
