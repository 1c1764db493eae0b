//! Long doubles.

use redis_mirror_test_support::{Command, Value};

use super::on_each_probe;

/// Numbers that a double can't tell apart, and what a person may type.
const NUMBERS: &[&str] =
    &["3.0e3", "0.1", "-0.2", "1e17", "1", "0x10", "-0", "5.0e-5", "123456789012345.678", "1e-17"];

#[test]
fn numbers_are_summed_as_incrbyfloat_sums_them() {
    on_each_probe(|_, client| {
        for one in NUMBERS {
            for two in NUMBERS {
                client.run("DEL counter");
                client.run(format!("INCRBYFLOAT counter {one}"));
                let expected = client.text(format!("INCRBYFLOAT counter {two}"));
                assert_eq!(client.text(format!("TP.SUM {one} {two}")), expected, "{one} {two}");
            }
        }
        client.run("HELLO 3");
        assert_eq!(client.run("TP.SUM 0.1 0.2"), Value::Double(0.3));
    });
}

#[test]
fn a_text_is_read_as_incrbyfloat_reads_it() {
    on_each_probe(|_, client| {
        let bad: &[&[u8]] =
            &[b"", b" 1", b"1 ", b"nan", b"1e99999", b"x", b"1\0", b"\xff", b"%s%n", b"1\r\n", b"--1"];
        for text in bad {
            client.refusal(Command::new("INCRBYFLOAT counter").arg(*text));
            let refusal = client.refusal(Command::new("TP.NUMBER").arg(*text));
            assert!(refusal.contains("not a floating point number"), "{refusal}");
        }
        client.refusal(Command::new("TP.NUMBER").arg("1".repeat(1 << 20)));
    });
}

#[test]
fn a_number_is_written_for_people_or_short() {
    on_each_probe(|_, client| {
        assert_eq!(
            client.texts("TP.NUMBER 1e20"),
            ["100000000000000000000", "1e+20", "100000000000000000000"]
        );
        assert_eq!(client.texts("TP.NUMBER 0.1")[0], "0.1");
        assert_eq!(client.texts("TP.NUMBER inf"), ["inf", "inf", "inf"]);
        let huge = &client.texts("TP.NUMBER 1e4000")[..];
        assert!((4000..=4001).contains(&huge[0].len()) && huge[2] == "inf", "{huge:?}");
    });
}

#[test]
fn numbers_survive_a_snapshot_bit_by_bit() {
    on_each_probe(|_, client| {
        for number in
            ["0.1", "-1e-4000", "1e4000", "inf", "-inf", "18446744073709551615", "0.30000000000000000001"]
        {
            client.run(format!("TP.SET key text 0.1 {number}"));
            let before = client.run("TP.GET key");
            let dump = client.bytes("DUMP key").expect("a payload");
            client.run(Command::new("RESTORE other 0").arg(dump.as_slice()).arg("REPLACE"));
            assert_eq!(client.run("TP.GET other"), before, "{number}");
        }
    });
}
