//! Payloads that lie: an error, and the server lives.

use redis_mirror_test_support::{Client, Random, Value, cmd};

use crate::{digest, on_each, payload, persistence};

fn restore(client: &mut Client, key: &str, bytes: &[u8]) -> bool {
    client.call(cmd!("RESTORE", key, 0, bytes, "REPLACE")).is_ok()
}

/// What a payload was taken for can be used like any store.
fn use_it(client: &mut Client, key: &str) {
    for call in [
        "SYNC % 0 0",
        "SYNCLATEST %",
        "TYPES %",
        "VERSIONS %",
        "QUERY % t1",
        "PUT % SET t1 new x DEL t2 1",
        "TRIM % KEEP 1",
        "LEASE % l1 TRY x 5",
    ] {
        let call = format!("RECORD.{}", call.replace('%', key));
        let _ = client.call(call);
    }
    client.bytes(cmd!("DUMP", key)).expect("it can be saved");
    assert_ne!(client.run(cmd!("MEMORY", "USAGE", key)), Value::Nil);
    client.run(cmd!("DEL", key));
}

#[test]
fn payloads_with_flipped_bits_and_the_right_sum() {
    on_each(|server| {
        let mut client = server.client();
        persistence::fill(&mut client, 3);
        let before = digest(&mut client);
        let sample = client.bytes("DUMP s").expect("a payload");
        let mut random = Random::new(17);
        let mut refused = 0;
        for round in 0..600 {
            let mut bytes = sample.clone();
            // Behind the type and its id; the first bytes have the lengths and the options.
            let end = if round % 2 == 0 { 200.min(bytes.len()) } else { bytes.len() };
            for _ in 0..1 + random.below(3) {
                let at = 10 + random.below(end - 20);
                bytes[at] ^= 1 << random.below(8);
            }
            if restore(&mut client, "hostile", &payload::signed(bytes)) {
                use_it(&mut client, "hostile");
            } else {
                refused += 1;
            }
        }
        assert!(refused > 100, "{refused}");
        assert_eq!(digest(&mut client), before);
    });
}

#[test]
fn payloads_that_are_not_whole() {
    on_each(|server| {
        let mut client = server.client();
        let store = payload::store(1, |store, write| {
            for number in 0..20 {
                payload::put(store, write, "t", &number.to_string(), &[b'x'; 100], None);
            }
        });
        client.run("RECORD.PUT s SET t 1 x");
        let sample = client.bytes("DUMP s").expect("a payload");
        client.run("DEL s");
        let chunks: Vec<Vec<u8>> = store.dump(300).collect();
        let parts = |order: &[usize]| order.iter().map(|at| chunks[*at].as_slice()).collect::<Vec<_>>();
        let all: Vec<usize> = (0..chunks.len()).collect();
        assert!(chunks.len() > 3);
        let mut whole = parts(&all);
        whole.push(b"");
        assert!(restore(&mut client, "k", &payload::of_chunks(&sample, whole.clone())));
        use_it(&mut client, "k");
        let mut bad: Vec<Vec<&[u8]>> = vec![vec![], vec![b""], parts(&all), whole[1..].to_vec()];
        bad.push([&parts(&[0]), &whole[..]].concat());
        bad.push([&whole[..1], &whole[2..]].concat());
        bad.push([&parts(&[0, 2, 1]), &whole[3..]].concat());
        bad.push([&whole[..whole.len() - 1], &[chunks[1].as_slice(), b""]].concat());
        bad.push(vec![b"\x02", b""]);
        bad.push(vec![b"\x01\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b""]);
        for chunks in bad {
            assert!(!restore(&mut client, "k", &payload::of_chunks(&sample, chunks.clone())), "{chunks:?}");
        }
        for end in 11..sample.len() - 10 {
            let cut = [&sample[..end], &sample[sample.len() - 10..]].concat();
            assert!(!restore(&mut client, "k", &payload::signed(cut)), "cut at {end}");
        }
        // A length that no memory has.
        let mut long = sample[..10].to_vec();
        long.extend([5, 0x81, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        long.extend(&sample[sample.len() - 10..]);
        assert!(!restore(&mut client, "k", &payload::signed(long)));
        assert_eq!(client.int("DBSIZE"), 0);
    });
}
