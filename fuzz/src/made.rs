//! Typed values made of a fuzzer's bytes: mostly such as servers hold, some that none would.

use redis_replica::rdb::{
    Consumer, Group, GroupMeta, HashField, Idempotency, IdempotencyMeta, Pending, Producer, Stream,
    StreamEntry, StreamId, StreamMeta, Value,
};

/// Numbers at which an encoding changes, or has no room for more.
const EDGES: [u64; 8] =
    [0, (1 << 12) - 1, (1 << 31) - 1, 1 << 32, (1 << 48) - 1, 1 << 48, i64::MAX.cast_unsigned(), u64::MAX];

/// Where an input is used up, only zeros follow.
pub struct Made<'a> {
    rest: &'a [u8],
}

impl<'a> Made<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Made { rest: bytes }
    }

    pub fn is_used_up(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *byte
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn number(&mut self) -> u64 {
        let choice = self.byte();
        let wide = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        match choice & 7 {
            0..4 => u64::from(choice >> 3),
            4 => wide(self.bytes(2)),
            5 => wide(self.bytes(4)),
            6 => wide(self.bytes(8)),
            _ => EDGES[usize::from(choice >> 3) % EDGES.len()],
        }
    }

    /// Short and long texts, numbers, and what compresses.
    pub fn text(&mut self) -> Vec<u8> {
        let choice = self.byte();
        let len = usize::from(choice >> 3);
        match choice & 7 {
            0..4 => self.bytes(len).to_vec(),
            4 => self.number().cast_signed().to_string().into_bytes(),
            5 => vec![self.byte(); len * 10],
            6 => Vec::new(),
            _ => self.bytes(len * 10).to_vec(),
        }
    }

    /// As many as there are bytes for, up to `max`.
    fn several<T>(&mut self, max: u8, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.byte() % (max + 1);
        let mut all = Vec::new();
        while all.len() < usize::from(count) && !self.is_used_up() {
            all.push(one(self));
        }
        all
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| one(self))
    }

    pub fn value(&mut self) -> Value {
        match self.byte() % 7 {
            0 => Value::String(self.text()),
            1 => Value::List(self.several(40, Self::text)),
            2 => Value::Set(self.several(40, Self::text)),
            3 => Value::Set(self.several(40, |made| made.number().cast_signed().to_string().into_bytes())),
            4 => Value::ZSet(self.several(40, |made| (made.text(), made.score()))),
            5 => Value::Hash(self.several(40, Self::field)),
            _ => Value::Stream(Box::new(self.stream())),
        }
    }

    fn score(&mut self) -> f64 {
        match self.byte() % 4 {
            0 => self.number() as f64,
            1 => self.number().cast_signed() as f64 / 8.0,
            2 => f64::NEG_INFINITY,
            _ => f64::from_bits(self.number()),
        }
    }

    fn field(&mut self) -> HashField {
        HashField { field: self.text(), value: self.text(), expire_at_ms: self.maybe(Self::number) }
    }

    fn id(&mut self) -> StreamId {
        StreamId { ms: self.number(), seq: self.number() }
    }

    fn stream(&mut self) -> Stream {
        let mut entries = self.several(30, |made| StreamEntry {
            id: made.id(),
            fields: made.several(4, |made| (made.text(), made.text())),
        });
        let mut groups = self.several(3, Self::group);
        let idempotency = self.maybe(Self::idempotency);
        let mut meta = StreamMeta {
            length: entries.len() as u64,
            last_id: self.id(),
            first_id: self.id(),
            max_deleted_id: self.id(),
            entries_added: self.number(),
        };
        // Random ids are never those of a server's stream.
        if !self.flag() {
            entries.sort_by_key(|entry| entry.id);
            entries.dedup_by_key(|entry| entry.id);
            meta.length = entries.len() as u64;
            meta.first_id = entries.first().map(|entry| entry.id).unwrap_or_default();
            meta.last_id = entries.last().map(|entry| entry.id).unwrap_or_default();
            groups.iter_mut().for_each(deal_out);
        }
        Stream { entries, meta, groups, idempotency }
    }

    fn group(&mut self) -> Group {
        let name = self.text();
        let meta = GroupMeta { last_id: self.id(), entries_read: self.maybe(Self::number) };
        let pending = self.several(10, |made| Pending {
            id: made.id(),
            delivered_at_ms: made.number(),
            deliveries: made.number(),
        });
        let consumers = self.several(3, |made| Consumer {
            name: made.text(),
            seen_at_ms: made.number(),
            active_at_ms: made.maybe(Self::number),
            pending: made.several(2, Self::id),
        });
        Group { name, meta, pending, consumers }
    }

    fn idempotency(&mut self) -> Idempotency {
        let meta = IdempotencyMeta {
            duration_s: self.number(),
            ids_max: self.number(),
            added: self.number(),
            duplicates: self.number(),
        };
        let producers = self.several(3, |made| Producer {
            name: made.text(),
            ids: made.several(5, |made| (made.text(), made.id())),
        });
        Idempotency { meta, producers }
    }
}

/// Gives each pending entry to a consumer, as they are in a server's group.
fn deal_out(group: &mut Group) {
    group.pending.sort_by_key(|pending| pending.id);
    group.pending.dedup_by_key(|pending| pending.id);
    group.consumers.iter_mut().for_each(|consumer| consumer.pending.clear());
    let count = group.consumers.len();
    if count == 0 {
        return group.pending.clear();
    }
    for (at, pending) in group.pending.iter().enumerate() {
        group.consumers[at % count].pending.push(pending.id);
    }
}
