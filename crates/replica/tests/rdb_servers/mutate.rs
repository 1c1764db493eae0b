//! Damaged values: what we let through, a server that checks deeply must take too, and no server may die of it.

use redis_replica::rdb::{Limits, Validator};

use super::dataset::{self, PROFILES};
use super::server::{Reply, Server};

/// A small generator, so that a failure can be run again from its seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit.max(1)
    }
}

/// One to three random changes of a value's bytes.
pub fn damage(body: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bad = body.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bad.len());
        match random.below(6) {
            0 => bad[at] ^= 1 << random.below(8),
            1 => bad[at] = random.below(256) as u8,
            2 => bad.insert(at, random.below(256) as u8),
            3 if bad.len() > 1 => drop(bad.remove(at)),
            4 => {
                let end = at + random.below(bad.len() - at);
                bad.copy_within(at..end, random.below(at + 1));
            }
            _ => bad[at] = bad[at].wrapping_add(1),
        }
    }
    bad
}

const ROUNDS: usize = 60;
const BODY_BYTES_MAX: usize = 6000;

/// The values of one profile, damaged; answers how many changed ones were let through.
fn profile(server: &mut Server, index: usize, random: &mut Random) -> usize {
    PROFILES[index].apply(server);
    dataset::fill(server);
    let mut validator = Validator::new(Limits::default());
    let mut let_through = 0;
    for key in dataset::keys(server) {
        let payload = server.must(&[b"DUMP", &key]).bytes();
        let body = &payload[1..payload.len() - 10];
        if body.len() > BODY_BYTES_MAX {
            continue;
        }
        for _ in 0..ROUNDS {
            let bad = damage(body, random);
            let version = if server.target.family == redis_replica::rdb::Family::Valkey { 80 } else { 13 };
            let Ok(object) = validator.object(server.target.family, version, payload[0], &bad) else {
                continue;
            };
            let mut out = Vec::new();
            object.dump_payload(server.target, &mut out).expect("its own type");
            let reply = server.send(&[b"RESTORE", b"damaged", b"0", &out, b"REPLACE"]);
            assert_eq!(
                reply,
                Reply::Bytes(b"OK".to_vec()),
                "{}: a damaged {} of type {} passed: {}",
                server.name,
                key.escape_ascii(),
                payload[0],
                bad.escape_ascii()
            );
            let_through += usize::from(bad != body);
            server.must(&[b"DEBUG", b"DIGEST-VALUE", b"damaged"]);
        }
    }
    let_through
}

pub fn run(server: &mut Server, seed: u64) {
    let mut random = Random(seed);
    let let_through: usize = (0..PROFILES.len()).map(|index| profile(server, index, &mut random)).sum();
    assert!(let_through > 0, "changed text is still well-formed: the test would prove nothing");
    println!("{}: {let_through} changed values passed here and there", server.name);
}
