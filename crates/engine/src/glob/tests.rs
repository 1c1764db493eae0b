use super::*;
use proptest::prelude::*;

fn matches(pattern: &[u8], key: &[u8]) -> bool {
    Glob::new(pattern).expect("a pattern within the limits").matches(key)
}

/// The naive model: the pattern read byte by byte, recursing at each star.
fn model(pattern: &[u8], key: &[u8]) -> bool {
    fn class(mut p: &[u8], byte: u8) -> (bool, &[u8]) {
        let negated = p.first() == Some(&b'^');
        if negated {
            p = &p[1..];
        }
        let mut hit = false;
        loop {
            if p.is_empty() {
                return (hit != negated, p);
            }
            if p[0] == b'\\' && p.len() >= 2 {
                hit |= p[1] == byte;
                p = &p[2..];
            } else if p[0] == b']' {
                return (hit != negated, &p[1..]);
            } else if p.len() >= 3 && p[1] == b'-' {
                let (mut low, mut high) = (p[0] as i8, p[2] as i8);
                if low > high {
                    (low, high) = (high, low);
                }
                hit |= (low..=high).contains(&(byte as i8));
                p = &p[3..];
            } else {
                hit |= p[0] == byte;
                p = &p[1..];
            }
        }
    }
    fn walk(p: &[u8], k: &[u8]) -> bool {
        match p.first() {
            None => k.is_empty(),
            Some(b'*') => (0..=k.len()).any(|taken| walk(&p[1..], &k[taken..])),
            _ if k.is_empty() => false,
            Some(b'?') => walk(&p[1..], &k[1..]),
            Some(b'[') => {
                let (hit, rest) = class(&p[1..], k[0]);
                hit && walk(rest, &k[1..])
            }
            Some(b'\\') if p.len() >= 2 => p[1] == k[0] && walk(&p[2..], &k[1..]),
            Some(byte) => *byte == k[0] && walk(&p[1..], &k[1..]),
        }
    }
    if key.is_empty() { pattern.is_empty() || pattern == b"*" } else { walk(pattern, key) }
}

fn pattern_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"ab".to_vec()),
        4 => prop::sample::select(b"*?[]^-\\".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..12)
}

fn key_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![6 => prop::sample::select(b"ab]-\\^".to_vec()), 1 => any::<u8>()];
    prop::collection::vec(byte, 0..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn equals_the_recursive_model(pattern in pattern_bytes(), key in key_bytes()) {
        prop_assert_eq!(matches(&pattern, &key), model(&pattern, &key));
    }

    #[test]
    fn a_match_starts_with_the_literal_prefix(pattern in pattern_bytes(), key in key_bytes()) {
        let glob = Glob::new(&pattern).expect("short");
        if glob.matches(&key) && !glob.matches_all() {
            prop_assert!(key.starts_with(glob.literal_prefix()));
        }
    }
}

#[test]
fn the_oddities_of_the_servers_are_kept() {
    for (pattern, key, expected) in [
        (&b"*"[..], &b""[..], true),
        (b"**", b"", false),
        (b"**", b"x", true),
        (b"a*", b"a", true),
        (b"[]abc]", b"a", false),
        (b"[^]", b"x", true),
        (b"[^", b"x", true),
        (b"[", b"[", false),
        (b"[a", b"a", true),
        (b"[a-]", b"]", true),
        (b"[a-]", b"-", false),
        (b"[z-a]", b"m", true),
        (b"a\\", b"a\\", true),
        (b"\\*", b"*", true),
        (b"\\*", b"x", false),
        (b"h[^e]llo", b"hello", false),
    ] {
        assert_eq!(matches(pattern, key), expected, "{} {}", pattern.escape_ascii(), key.escape_ascii());
    }
}

#[test]
fn hostile_patterns_are_refused_or_cheap() {
    assert_eq!(Glob::new(&vec![b'a'; 1_000_000]).err(), Some(FilterError::TooLong { bytes: 1_000_000 }));
    let stars = b"*a".repeat(1001);
    assert_eq!(Glob::new(&stars).err(), Some(FilterError::TooManyStars { stars: 1001 }));
    let mut deep = b"*a".repeat(1000);
    deep.push(b'b');
    assert!(!matches(&deep, &vec![b'a'; 100_000]));
}

/// Keys are as long as the source likes. Each pattern here makes the servers' recursion, or a matcher that goes back to
/// more than its last star, go on for ever.
#[test]
fn a_key_of_a_million_characters_is_judged_at_once() {
    let key = vec![b'a'; 1_000_000];
    for pattern in [
        &b"*a*a*a*a*a*a*a*b"[..],
        b"*[a-z]*[a-z]*[^a]",
        b"*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        b"*?*?*?*?b",
    ] {
        assert!(!matches(pattern, &key), "{}", pattern.escape_ascii());
    }
    assert!(matches(b"*a*a*a*a*a*", &key));
}
