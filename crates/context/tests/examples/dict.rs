//! `examples/dict`, and dicts used in odd ways.

use redis_mirror_test_support::{Client, Command, Server, Value};

use crate::harness::{self, Subject};
use crate::structures;

pub const SUBJECT: Subject = Subject { packages: &["dict"], drive };

fn drive(_server: &Server, client: &mut Client) {
    let set = |word: &str, text: &str| Command::new("DICT.SET").arg(word).arg(text);
    assert_eq!(client.run(set("apple", "a fruit")), Value::Nil);
    client.run(set("apricot", "another fruit"));
    client.run(set("bean", "a seed"));
    assert_eq!(client.int("DICT.ADD bean person"), 0);
    assert_eq!(client.text("DICT.GET apple"), "a fruit");
    assert_eq!(client.texts("DICT.STARTING ap"), ["apple", "a fruit", "apricot", "another fruit"]);
    assert_eq!(client.texts("DICT.NEAR banana"), ["apricot", "bean"]);
    assert_eq!(client.text("DICT.DEL bean"), "a seed");
    assert_eq!(client.int("DICT.LEN"), 2);
    client.run("DICT.DEL apple");
    client.run("DICT.DEL apricot");
}

#[test]
fn words_are_replaced_added_and_removed() {
    harness::on_each_server(&["dict"], |_, client| {
        assert_eq!(client.bytes("DICT.SET w one"), None);
        assert_eq!(client.text("DICT.SET w two"), "one");
        assert_eq!((client.int("DICT.ADD w three"), client.int("DICT.ADD x four")), (0, 1));
        assert_eq!((client.text("DICT.GET w"), client.text("DICT.GET x")), ("two".into(), "four".into()));
        assert_eq!((client.bytes("DICT.DEL none"), client.bytes("DICT.GET none")), (None, None));
        assert_eq!(client.text("DICT.DEL w"), "two");
        assert_eq!((client.bytes("DICT.GET w"), client.int("DICT.LEN")), (None, 1));
        assert_eq!(client.run("DICT.NEAR w"), Value::Array(vec![Value::Nil, Value::Bytes(b"x".to_vec())]));
        // Nothing of it is in the keyspace.
        assert_eq!(client.int("DBSIZE"), 0);
    });
}

#[test]
fn a_dict_agrees_with_an_ordered_map_and_drops_each_value_once() {
    structures::on_each_server(|_, client| {
        for seed in [1, 99, 4_000_000_001_u64] {
            assert_eq!(client.int(format!("ST.DICT.FUZZ {seed} 5000").as_str()), 0, "seed {seed}");
        }
    });
}

#[test]
fn keys_of_any_bytes_come_back_as_they_were() {
    structures::on_each_server(|_, client| {
        let large = vec![0_u8; 1 << 20];
        for key in [b"".as_slice(), b"\0", b"a\0b", b"%s%n", b"\xff\xfe\xfd", b"\r\n-ERR\r\n", &large] {
            let kept = client.bytes(Command::new("ST.DICT.BYTES").arg(key));
            assert!(kept.as_deref() == Some(key), "{:?}", key.get(..10));
        }
    });
}

#[test]
fn a_key_has_a_limit_and_the_empty_key_is_one() {
    structures::on_each_server(|_, client| {
        assert_eq!(client.text("ST.DICT.LIMITS"), "the dict's key is not valid: at most 1 MB");
    });
}

#[test]
fn a_tree_drops_each_value_once_however_deep_it_is() {
    structures::on_each_server(|_, client| {
        for depth in [0, 4096, 4097, 20_000] {
            assert_eq!(client.int(format!("ST.DICT.DEEP {depth}").as_str()), 0, "{depth}");
        }
    });
}

#[test]
fn a_panic_while_a_dict_is_dropped_is_contained() {
    structures::on_each_server(|server, client| {
        assert!(client.refusal("ST.DICT.PANIC").contains("internal error"));
        assert!(server.log().contains("in the drop of a dict's value"));
    });
}
