//! Keys: strings, hashes, expiry, walks, and what is refused while a key is open.

use redis_mirror_test_support::{Command, Value};

use crate::on_each_server;

fn array(value: &Value) -> Vec<String> {
    value.as_array().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn strings_and_expiries_are_set_and_read() {
    on_each_server(|_, client| {
        let bytes = b"a\0\r\n\xff".as_slice();
        client.run(Command::new("HE.KEY.SET k").arg(bytes).arg("PXAT").arg("99999999999999"));
        assert_eq!(client.bytes("GET k").as_deref(), Some(bytes));
        assert_eq!(client.int("PEXPIRETIME k"), 99_999_999_999_999);
        let read = client.run("HE.KEY.READ k");
        let read = read.as_array().expect("four fields");
        assert_eq!(read[0].as_text().as_deref(), Some("String"));
        assert_eq!(read[1].as_int(), Some(5));
        assert_eq!(read[2].as_int(), Some(99_999_999_999_999));
        assert_eq!(read[3].as_bytes(), Some(bytes));
        client.run("HE.KEY.CHANGE k PERSIST");
        assert_eq!(client.int("PTTL k"), -1);
        client.run("HE.KEY.CHANGE k TRUNCATE 2");
        assert_eq!(client.bytes("GET k").as_deref(), Some(b"a\0".as_slice()));
        client.run("HE.KEY.CHANGE k TRUNCATE 4");
        assert_eq!(client.bytes("GET k").as_deref(), Some(b"a\0\0\0".as_slice()));
        assert!(client.refusal("HE.KEY.CHANGE k TRUNCATE 536870913").contains("512 MB"));
        assert!(client.refusal("HE.KEY.CHANGE k EXPIRE 9223372036854775808").contains("i64::MAX"));
        assert_eq!(client.int("HE.KEY.CHANGE k DELETE"), 1);
        assert_eq!(client.int("HE.KEY.CHANGE k UNLINK"), 0);
        assert!(client.refusal("HE.KEY.CHANGE k EXPIRE 1").contains("no such key"));
        assert_eq!(client.int("EXISTS k"), 0);
    });
}

#[test]
fn a_string_is_shown_where_it_is() {
    on_each_server(|_, client| {
        let long = vec![0xff; 1 << 20];
        let values: [&[u8]; 5] = [b"", b"12345", b"%s%n\0\r\n\xff", &[b'e'; 44], &long];
        for value in values {
            client.run(Command::new("SET k").arg(value));
            let view = client.run("HE.KEY.VIEW k");
            let view = view.as_array().expect("three answers");
            assert_eq!(view[0].as_bytes(), Some(value));
            assert_eq!((view[1].as_int(), view[2].as_int()), (Some(1), Some(1)));
            assert_eq!(client.bytes("GET k").as_deref(), Some(value));
        }
        assert_eq!(client.run("HE.KEY.VIEW none").as_array().map(|view| view[0].clone()), Some(Value::Nil));
        assert_eq!(client.int("EXISTS none"), 0);
        client.run("RPUSH list a");
        assert!(client.refusal("HE.KEY.VIEW list").starts_with("WRONGTYPE"));
    });
}

#[test]
fn the_same_name_in_another_database_is_another_key() {
    on_each_server(|_, client| {
        client.run("SET k 1");
        for _ in 0..2 {
            assert_eq!(array(&client.run("HE.KEY.DATABASES k")), ["1", "0", "1"]);
        }
    });
}

#[test]
fn hashes_take_any_number_of_fields_under_each_condition() {
    on_each_server(|_, client| {
        for count in [1_usize, 7, 8, 9, 16, 20] {
            client.run("DEL h");
            let fields = (0..count).flat_map(|at| [format!("f{at}"), format!("v{at}")]);
            assert_eq!(client.int(Command::new("HE.KEY.HSET h ALWAYS").args(fields)), count as i64);
            assert_eq!(client.int("HLEN h"), count as i64);
            let last = count - 1;
            assert_eq!(client.text(Command::new("HGET h").arg(format!("f{last}"))), format!("v{last}"));
        }
        assert_eq!(client.int("HE.KEY.HSET h NX f1 lost new 1"), 1);
        assert_eq!(client.int("HE.KEY.HSET h XX f1 kept absent 1"), 1);
        assert_eq!(array(&client.run("HMGET h f1 new absent")).len(), 3);
        assert_eq!(client.text("HGET h f1"), "kept");
        assert_eq!(client.bytes("HGET h absent"), None);
        let get = client.run("HE.KEY.HGET h f1");
        assert_eq!(get.as_array().and_then(|get| get[0].as_text()).as_deref(), Some("kept"));
        assert_eq!(client.run("HE.KEY.HGET h none").as_array().map(|get| get[1].as_int()), Some(Some(0)));
        assert_eq!(client.int("HE.KEY.HDEL h f1"), 1);
        assert_eq!(client.int("HE.KEY.HDEL h f1"), 0);
        client.run("HSET one field 1");
        assert_eq!(client.int("HE.KEY.HDEL one field"), 1);
        assert_eq!(client.int("EXISTS one"), 0);
        client.run("SET s 1");
        for command in ["HE.KEY.HGET s f", "HE.KEY.HSET s ALWAYS f v", "HE.KEY.HDEL s f"] {
            assert!(client.refusal(command).starts_with("WRONGTYPE"), "{command}");
        }
        assert_eq!(client.int("HE.KEY.HSET none XX f v"), 0);
        assert_eq!(client.int("EXISTS none"), 0);
    });
}

#[test]
fn nothing_pulls_a_value_from_under_an_open_key() {
    on_each_server(|_, client| {
        client.run("SET k 1");
        let answers = array(&client.run("HE.KEY.MISUSE k"));
        assert!(answers[..3].iter().all(|answer| answer.contains("a key is open here")), "{answers:?}");
        assert_eq!(client.int("EXISTS k"), 0, "once it is closed, the command runs");
    });
}

#[test]
fn a_walk_shows_all_keys_and_can_be_broken_off() {
    on_each_server(|_, client| {
        for at in 0..200 {
            client.run(Command::new("SET").arg(format!("key{at}")).arg("v"));
        }
        client.run("HSET hash f v");
        let seen = client.texts("HE.KEY.SCAN");
        let mut names: Vec<&str> = seen.iter().filter_map(|line| line.split(' ').next()).collect();
        names.dedup();
        assert_eq!(names.len(), 202, "201 keys and the end");
        assert!(seen.contains(&"hash Hash true".to_owned()), "the key is shown, and no other can be opened");
        assert_eq!(seen.last().map(String::as_str), Some("Done"));
        assert_eq!(client.texts("HE.KEY.SCAN STOP").last().map(String::as_str), Some("Stopped"));
        assert_eq!(client.texts("HE.KEY.SCAN PANIC"), ["Stopped"]);
        // Each of these would leave a handle with a value that the other has replaced.
        assert!(client.refusal("HE.KEY.SCAN OPEN key1").contains("internal error"));
        assert_eq!(client.texts("HE.KEY.SCAN NESTED"), ["Stopped"]);
        assert_eq!(client.texts("HE.KEY.SCAN").len(), 202, "nothing is left open");
    });
}
