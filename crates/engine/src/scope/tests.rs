use super::*;
use crate::definition::parse;
use proptest::prelude::*;

pub(crate) fn scope(options: &str) -> Scope {
    let text = format!("m redis://h {options}");
    let args: Vec<&[u8]> = text.split_whitespace().map(str::as_bytes).collect();
    Scope::new(&parse(&args).expect("a valid definition").definition)
}

#[test]
fn names_and_dbs_are_mapped_both_ways() {
    let mut name = Vec::new();
    let s = scope("DB 1 TO 5 MATCH user:* EXCEPT *:tmp STRIP user: PREFIX copy:");
    assert_eq!(s.map(1, b"user:7", &mut name), Some((5, &b"copy:7"[..])));
    assert_eq!(s.unmap(5, b"copy:7"), Some((1, b"user:7".to_vec())));
    for (db, key) in [(0, &b"user:7"[..]), (1, b"other"), (1, b"user:x:tmp"), (1, b"use")] {
        assert_eq!(s.map(db, key, &mut name), None);
    }
    for (db, key) in [(1, &b"copy:7"[..]), (5, b"user:7"), (5, b"copy:x:tmp")] {
        assert!(!s.contains(db, key));
    }
}

#[test]
fn prefixes_cover_the_scope_and_hardly_more() {
    for (options, expected) in [
        ("", &[""][..]),
        ("PREFIX a:", &["a:"]),
        ("MATCH x:* MATCH y?z PREFIX a:", &["a:x:", "a:y"]),
        ("MATCH user:b* STRIP user: PREFIX a:", &["a:b"]),
        ("MATCH us* STRIP user:", &[""]),
    ] {
        let prefixes = scope(options).covering_prefixes();
        let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
        assert_eq!(prefixes, expected, "{options}");
    }
}

#[test]
fn whole_dbs_are_known() {
    assert!(scope("").whole_server() && scope("").whole_db(3) && scope("MATCH *").whole_server());
    assert!(scope("STRIP a").whole_db(0), "every name can be what is left of a source's name");
    assert!(scope("DB 1 TO 2").whole_db(2) && !scope("DB 1 TO 2").whole_db(1));
    for options in ["PREFIX a", "MATCH a*", "EXCEPT a*"] {
        assert!(!scope(options).whole_db(0), "{options}");
    }
}

#[test]
fn overlaps_are_found_and_disjoint_scopes_are_told_apart() {
    for (one, other, expected) in [
        ("", "", true),
        ("DB 1", "DB 2", false),
        ("DB 1 TO 3", "DB 2 TO 3", true),
        ("PREFIX a:", "PREFIX b:", false),
        ("PREFIX a:", "PREFIX a:b:", true),
        ("MATCH a*", "MATCH b*", false),
        ("MATCH *a", "MATCH b*", true),
        ("MATCH a?c", "MATCH ab?", true),
        ("MATCH a[bc]", "MATCH a[de]", false),
        ("MATCH user:* STRIP user: PREFIX x:", "MATCH x:*", true),
        ("MATCH user:* STRIP user: PREFIX x:", "MATCH y:*", false),
        ("MATCH user:a* STRIP user:", "MATCH b*", false),
        ("MATCH abc STRIP b", "", false),
        ("", "DB 9 MATCH k", true),
    ] {
        assert_eq!(scope(one).overlaps(&scope(other)), expected, "{one} / {other}");
        assert_eq!(scope(other).overlaps(&scope(one)), expected, "{other} / {one}");
    }
}

fn options() -> impl Strategy<Value = String> {
    let db = prop_oneof![Just(""), Just("DB 0"), Just("DB 1 TO 0")];
    let word = |name: &'static str, text: &'static str| {
        prop::option::of(text).prop_map(move |v| v.map_or(String::new(), |v| format!("{name} {v}")))
    };
    (
        db,
        word("MATCH", "[ab*?]{1,4}"),
        word("EXCEPT", "[ab*]{1,3}"),
        word("STRIP", "[ab]{1,2}"),
        word("PREFIX", "[ab]{1,2}"),
    )
        .prop_map(|(d, m, e, s, p)| format!("{d} {m} {e} {s} {p}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn contains_is_what_map_can_reach(options in options(), db in 0..3u32, key in "[ab]{0,6}") {
        let s = scope(&options);
        let mut name = Vec::new();
        if let Some((local_db, local)) = s.map(db, key.as_bytes(), &mut name) {
            prop_assert!(s.contains(local_db, local));
            prop_assert!(s.covering_prefixes().iter().any(|prefix| local.starts_with(prefix)));
            prop_assert_eq!(s.unmap(local_db, local), Some((db, key.clone().into_bytes())));
        }
        let back = s.unmap(db, key.as_bytes());
        prop_assert_eq!(s.contains(db, key.as_bytes()), back.is_some());
        if let Some((source_db, source_key)) = back {
            prop_assert_eq!(s.map(source_db, &source_key, &mut name), Some((db, key.as_bytes())));
        }
    }

    #[test]
    fn a_key_of_both_is_an_overlap(one in options(), other in options(), key in "[ab]{0,6}") {
        let (one, other) = (scope(&one), scope(&other));
        if one.contains(0, key.as_bytes()) && other.contains(0, key.as_bytes()) {
            prop_assert!(one.overlaps(&other));
        }
    }
}
