use crate::Random;

/// Keys of each type that live commands write to: few, so that commands meet.
const KEYS: usize = 48;
const FIELDS: usize = 40;

/// Where live commands take their names and values from.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    pub random: Random,
    /// Names of a data set's keys, which some commands work on too.
    names: Vec<String>,
    sequence: u64,
}

impl Draw {
    pub fn new(seed: u64, names: Vec<String>) -> Self {
        Draw { random: Random::new(seed), names, sequence: 0 }
    }

    /// A key for values of one type. Every type has its own, so that most commands fit what they find.
    pub fn key(&mut self, kind: &str) -> String {
        format!("live:{kind}:{}", self.random.below(KEYS))
    }

    /// A key of any type, from the data set too.
    pub fn any_key(&mut self) -> String {
        const KINDS: [&str; 9] = ["str", "num", "list", "set", "zset", "hash", "geo", "hll", "bits"];
        if !self.names.is_empty() && self.random.one_in(2) {
            return self.random.pick(&self.names).clone();
        }
        let kind = *self.random.pick(&KINDS);
        self.key(kind)
    }

    /// A field, member or element: small enough to come again, now and then of an odd shape.
    pub fn word(&mut self) -> Vec<u8> {
        match self.random.below(40) {
            0 => Vec::new(),
            1 => self.random.bytes(12),
            2 => self.random.text(200).into_bytes(),
            3 => b"line\r\nbreak \"quoted\" \0".to_vec(),
            n => format!("w{}", n % FIELDS).into_bytes(),
        }
    }

    pub fn words(&mut self) -> Vec<Vec<u8>> {
        (0..=self.random.below(4)).map(|_| self.word()).collect()
    }

    /// A value, sometimes of some kilobytes.
    pub fn value(&mut self) -> Vec<u8> {
        match self.random.below(60) {
            0 => self.random.bytes(5000),
            1 => vec![b'z'; 3000],
            2 => self.random.below(1_000_000).to_string().into_bytes(),
            _ => {
                let length = self.random.below(60);
                self.random.text(length).into_bytes()
            }
        }
    }

    pub fn small(&mut self) -> usize {
        self.random.below(20)
    }

    pub fn score(&mut self) -> String {
        match self.random.below(30) {
            0 => "inf".into(),
            1 => "-inf".into(),
            n => format!("{}.{}", self.random.below(2000) as i64 - 1000, n),
        }
    }

    /// Mostly far off, sometimes now, in milliseconds.
    pub fn lifetime(&mut self) -> usize {
        if self.random.one_in(6) { 1 + self.random.below(400) } else { self.long_lifetime() }
    }

    /// Far off. For hash fields: a replica judges by its own clock whether a field has expired, so one that is
    /// renewed in its last millisecond is gone there, native replication or not.
    pub fn long_lifetime(&mut self) -> usize {
        100_000 + self.random.below(10_000_000)
    }

    /// A number that only grows.
    pub fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// One of the last numbers.
    pub fn recent(&mut self) -> u64 {
        self.sequence.saturating_sub(self.random.below(40) as u64)
    }
}
