//! Every kind of change that a store and its key can go through.

use redis_mirror_test_support::{Client, Command, Random, Server, cmd};

/// Stores that are written to.
const KEYS: usize = 6;

/// Writes at random, always the same.
pub struct Writer {
    client: Client,
    prefix: &'static str,
    random: Random,
    /// Whether keys get an end, so that the mirror's server may end them first.
    ends_keys: bool,
}

impl Writer {
    /// Writes to keys with this prefix.
    pub fn new(to: &Server, prefix: &'static str, seed: u64) -> Self {
        Writer { client: to.client(), prefix, random: Random::new(seed), ends_keys: true }
    }

    /// Keys get no end: each change can be followed without a repair.
    pub fn lasting(self) -> Self {
        Writer { ends_keys: false, ..self }
    }

    /// Sends so many commands. Some are refused for good reasons: a fence that has passed, a key that isn't there.
    pub fn write(&mut self, count: usize) {
        let commands: Vec<Command> = (0..count).map(|_| self.next()).collect();
        self.client.pipeline(&commands).expect("the server answers");
        if self.random.below(2) == 0 {
            self.restore();
        }
    }

    fn key(&mut self) -> String {
        format!("{}{}", self.prefix, self.random.below(KEYS))
    }

    fn next(&mut self) -> Command {
        let (key, other) = (self.key(), self.key());
        let (kind, id) = (format!("type{}", self.random.below(4)), self.random.below(30));
        match self.random.below(40) {
            0 => cmd!("RECORD.SETOPTIONS", key, kind, "CAPACITY", 5 + self.random.below(20)),
            1 => cmd!("RECORD.SETOPTIONS", key, kind, "TTL", 50 + self.random.below(5000)),
            2 => cmd!("RECORD.SETOPTIONS", key, "*", "MAXCHANGES", 20 + self.random.below(200)),
            3 => cmd!("RECORD.SETOPTIONS", key, "*", "RETAIN", 1000, "MAXBYTES", 100_000),
            4 => cmd!("RECORD.LEASE", key, "lock", "TRY", id % 3, 20 + self.random.below(2000)),
            5 => cmd!("RECORD.LEASE", key, id, "ACQUIRE", "holder", "PX", 100_000),
            6 => cmd!("RECORD.CURSOR", key, "reader", "SET", 0, 0),
            7 => cmd!("RECORD.CURSOR", key, "reader", "DEL"),
            8 => cmd!("RECORD.TRIM", key, "KEEP", 10),
            9 if id == 0 => cmd!("RECORD.CLEAR", key),
            10 if id < 5 => cmd!("DEL", key),
            11 if id < 5 => cmd!("RENAME", key, other),
            12 if id < 9 => cmd!("COPY", key, other, "REPLACE"),
            13 if id < 5 && self.ends_keys => cmd!("PEXPIRE", key, 20 + id),
            14 => cmd!("PERSIST", key),
            15..=18 => cmd!("RECORD.PUT", key, "SET", kind, id, "brief", "PX", 30 + self.random.below(500)),
            19..=21 => cmd!("RECORD.PUT", key, "DEL", kind, id),
            _ => cmd!("RECORD.PUT", key)
                .args(["SET", kind.as_str(), &id.to_string(), &"x".repeat(id * 20)])
                .args(["SET", "every", &self.random.below(1000).to_string(), "data"]),
        }
    }

    /// A payload that RESTORE brings.
    fn restore(&mut self) {
        let (key, other) = (self.key(), self.key());
        if let Some(payload) = self.client.bytes(cmd!("DUMP", key)) {
            self.client.run(cmd!("RESTORE", other, 0, payload, "REPLACE"));
        }
    }
}
