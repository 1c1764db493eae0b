//! Values as bytes.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Random};

use super::on_each_probe;

#[test]
fn a_value_becomes_bytes_and_is_made_of_them_again() {
    on_each_probe(|_, client| {
        let megabyte = vec![0xa5; 1 << 20];
        client.run(
            Command::new("TP.SET key")
                .arg(b"a\0b\r\n%s\xff".as_slice())
                .args(["-0.1", "0.1", "part", "12345", ""])
                .arg(megabyte.as_slice()),
        );
        let bytes = client.bytes("TP.ENCODE key").expect("bytes");
        let decoded = client.run(Command::new("TP.DECODE").arg(bytes.as_slice()).arg("2"));
        assert_eq!(decoded, client.run("TP.GET key"));
        assert_eq!(client.refusal(Command::new("TP.DECODE").arg(bytes.as_slice()).arg("3")), "ERR too new");
        let lines = client.texts("TP.JOURNAL");
        assert!(lines.contains(&"save - -1".into()) && lines.contains(&"load - -1".into()), "{lines:?}");
    });
}

#[test]
fn corrupt_bytes_are_an_error_also_where_no_client_s_command_runs() {
    on_each_probe(|_, client| {
        let text = "a text that is long enough to be compressed: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        client.run(Command::new("TP.SET key").arg(text).args(["1.5", "0.1", "100"]).arg(text));
        let bytes = client.bytes("TP.ENCODE key").expect("bytes");
        let decode = |bytes: &[u8]| Command::new("TP.DECODE").arg(bytes).arg("2");
        for cut in 0..bytes.len() {
            assert!(client.refusal(decode(&bytes[..cut])).contains("cut short or corrupt"), "{cut}");
        }
        let mut random = Random::new(11);
        let later = |bytes: &[u8]| decode(bytes).arg("LATER");
        let corrupt = [b"\x05\x82".as_slice(), b"\x05\xc3\x01\x05\x00", b"\x05\xff", b"\x05\xc4", b"\xff"];
        let bent = (0..3000).map(|_| {
            let mut bent = bytes.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bent.len());
                bent[at] = random.bits() as u8;
            }
            bent
        });
        let commands: Vec<Command> =
            corrupt.iter().map(|bytes| later(bytes)).chain(bent.map(|b| later(&b))).collect();
        // Without the look at the bytes beforehand the first of these ends the server.
        client.pipeline(&commands).expect("the server survives");
        wait_until("all are tried", || {
            let lines = client.texts("TP.JOURNAL");
            lines.is_empty() || !lines.iter().any(|line| line.starts_with("later"))
        });
    });
}

#[test]
fn a_panic_in_either_way_is_an_error() {
    on_each_probe(|server, client| {
        client.run("TP.SET key panic:save 1 1");
        assert!(client.refusal("TP.ENCODE key").contains("panicked"));
        client.run("TP.SET key panic:load 1 1");
        let bytes = client.bytes("TP.ENCODE key").expect("bytes");
        let refusal = client.refusal(Command::new("TP.DECODE").arg(bytes.as_slice()).arg("2"));
        assert!(refusal.contains("panicked"), "{refusal}");
        assert!(!server.log().contains("this snapshot is damaged"), "no snapshot was written");
        // The next one is none the worse for it.
        client.run("TP.SET key fine 1 1");
        client.run("TP.ENCODE key");
    });
}
