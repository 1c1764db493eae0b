//! Positions of keys, arities, and arguments that hold each other.

use redis_mirror_test_support::{Command, Options, Value};

use crate::{NAME, load, on_each, refusal, tell};

const MOST: &str = "2147483647";
const LEAST: &str = "-2147483648";

fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(str::as_bytes).collect()
}

#[test]
fn positions_of_keys_stay_inside_the_arguments() {
    let mut refused = vec![
        "KEYS 1 1 0".to_owned(),
        "KEYS 0 1 1".to_owned(),
        "KEYS 3 1 1".to_owned(),
        "KEYS 1 -1 -1".to_owned(),
        "SPEC -2 INDEX 0 RANGE 0 1 0".to_owned(),
        "SPEC -2 INDEX 1 RANGE 0 0 0".to_owned(),
        "SPEC -2 INDEX 1 RANGE -2 1 2".to_owned(),
        "SPEC -2 INDEX 1 RANGE 0 1 -1".to_owned(),
        "SPEC -2 INDEX 1 COUNT 1 2 1".to_owned(),
        "SPEC -2 WORD 1 COUNT 0 1 1".to_owned(),
        "SPEC -2 INDEX 1 COUNT 0 -1 1".to_owned(),
        format!("SPEC {LEAST} INDEX 5 COUNT 1 2 1"),
        format!("ARITY {LEAST}"),
        format!("ARITY {MOST}"),
    ];
    for most in [MOST, LEAST] {
        refused.extend([
            format!("KEYS {most} -1 1"),
            format!("KEYS 1 {most} 1"),
            format!("KEYS 1 -1 {most}"),
            format!("SPEC -3 INDEX {most} RANGE 0 1 0"),
            format!("SPEC -3 WORD {most} RANGE 0 1 0"),
            format!("SPEC -3 INDEX 1 RANGE {most} 1 0"),
            format!("SPEC -3 INDEX 1 RANGE -1 {most} 0"),
            format!("SPEC -3 INDEX 1 RANGE -1 1 {most}"),
            format!("SPEC -3 INDEX 1 COUNT {most} 1 1"),
            format!("SPEC -3 INDEX 1 COUNT 0 {most} 1"),
            format!("SPEC -3 INDEX 1 COUNT 0 1 {most}"),
        ]);
    }
    on_each(&Options::new(), |server, client, _| {
        for line in &refused {
            let why = refusal(server, client, words(line));
            assert!(why.starts_with("the command \"odd.keys\" can't be registered: "), "{line}: {why}");
        }
    });
}

/// What is taken is followed by the server through arguments of every number, and through numbers that lie.
#[test]
fn positions_that_are_taken_are_followed_safely() {
    on_each(&Options::new(), |_, client, _| {
        for line in [
            "KEYS 1 -1 1",
            "KEYS 1048576 -1048576 1048576",
            "KEYS 1 1048576 1",
            "SPEC -2 INDEX 1 RANGE -1 3 0",
            "SPEC -2 INDEX 1048576 RANGE 1048576 1048576 1048576",
            "SPEC -2 INDEX 1 RANGE -1 1048576 1048576",
            "SPEC -2 WORD -1048576 RANGE -1 1 3",
            "SPEC -2 WORD 1048576 RANGE 1048576 1 0",
            "SPEC -2 WORD 0 RANGE 0 1 0",
            "SPEC -3 INDEX 1 COUNT 0 1 1",
            "SPEC -3 INDEX 2 COUNT 0 1048576 1048576",
        ] {
            assert_eq!(load(client, words(line)).error(), None, "{line}");
            for count in 0..8 {
                for number in ["0", "1", "3", "-1", "4294967297", "9223372036854775807", "KEYS", ""] {
                    let args = || std::iter::repeat_n(number, count);
                    let asked = tell(client, Command::new("COMMAND GETKEYS odd.keys").args(args()));
                    assert!(asked.error().is_some() || asked.as_array().is_some());
                    tell(client, Command::new("odd.keys").args(args()));
                    tell(client, Command::new("ACL DRYRUN default odd.keys").args(args()));
                }
            }
            assert_eq!(tell(client, Command::new("MODULE UNLOAD").arg(NAME)).error(), None);
        }
    });
}

#[test]
fn arguments_that_hold_each_other_end() {
    on_each(&Options::new(), |server, client, _| {
        for (which, why) in [
            ("cyclic", "deeper than in 7"),
            ("endless", "deeper than in 7"),
            ("empty", "choices or parts are missing"),
            ("spec", "key spec index"),
            ("wide", "more than 1024"),
        ] {
            let line = refusal(server, client, [b"ARGS".as_slice(), which.as_bytes()]);
            assert!(line.starts_with("the command \"odd.keys\"") && line.contains(why), "{which}: {line}");
        }
        assert_eq!(load(client, [&b"ARGS"[..], b"deep"]).error(), None);
        let docs = format!("{:?}", tell(client, Command::new("COMMAND DOCS odd.keys")));
        assert_eq!(docs.matches(&format!("{:?}", Value::Bytes(b"level".to_vec()))).count(), 7);
    });
}
