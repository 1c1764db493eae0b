use super::*;
use proptest::prelude::*;

fn replid() -> impl Strategy<Value = ReplId> {
    "[0-9a-f]{40}".prop_map(|text| ReplId::from_bytes(text.as_bytes()).expect("hex"))
}

fn checkpoint() -> impl Strategy<Value = Checkpoint> {
    let state = prop::sample::select(vec![State::Created, State::Resyncing, State::Streaming]);
    let position = prop::option::of((replid(), 0..=i64::MAX as u64, 0..=DB_MAX))
        .prop_map(|position| position.map(|(replid, offset, db)| Position { replid, offset, db }));
    let origins = prop::collection::vec(replid(), 0..=ORIGINS_MAX);
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

#[test]
fn a_newer_format_is_refused_by_name_but_its_origins_are_read() {
    let id = ReplId::from_bytes(&[b'a'; 40]).expect("hex");
    let mut args = Checkpoint { origins: vec![id], ..Checkpoint::default() }.encode(b"m");
    args[0] = b"2".to_vec();
    args.push(b"something new".to_vec());
    assert_eq!(Checkpoint::decode(&args), Err(CheckpointError::NewerFormat));
    assert_eq!(read_origins(&args), Ok(vec![id]));
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
