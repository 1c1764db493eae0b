use super::*;
use proptest::prelude::*;

#[test]
fn rows_are_in_order_and_each_is_found() {
    for (at, command) in TABLE.iter().enumerate() {
        assert!(at == 0 || TABLE[at - 1].name < command.name, "{} stands in order", command.name());
        assert_eq!(lookup(command.name().as_bytes()), Some(command));
        assert_eq!(lookup(command.name().to_ascii_uppercase().as_bytes()), Some(command));
        assert_eq!(command.index(), at);
        assert!(REFUSED.iter().all(|row| row.name != command.name()), "{} is refused too", command.name());
    }
}

#[test]
fn nothing_else_is_found() {
    for name in
        [&b""[..], b"get", b"se", b"sett", b"config", b"s\x45t\x00", &[b'a'; 100], b"restore\x0dasking"]
    {
        assert_eq!(lookup(name), None);
    }
}

proptest! {
    #[test]
    fn lookup_equals_a_walk_over_the_table(name in "[a-z]{1,6}") {
        let walked = TABLE.iter().find(|row| row.name() == name);
        prop_assert_eq!(lookup(name.as_bytes()), walked);
    }

    #[test]
    fn keys_of_hostile_arguments_lie_within_them(
        row in 0..TABLE.len(),
        args in prop::collection::vec(prop_oneof!["-?[0-9]{1,20}", "(?i)(store|by|get|limit|db|[a-z]?)"], 0..8),
    ) {
        let args: Vec<&[u8]> = args.iter().map(String::as_bytes).collect();
        if let Ok(keys) = TABLE[row].keys(args.as_slice()) {
            prop_assert!(keys.len() <= args.len());
            prop_assert!(keys.iter().all(|(at, _)| at < args.len()));
        }
    }
}
