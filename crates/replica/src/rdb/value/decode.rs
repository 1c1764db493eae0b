//! From the serialized to the decoded form: a visitor that keeps everything.

use super::{
    Consumer, Group, GroupMeta, HashField, IdempotencyMeta, Pending, Producer, Stream, StreamEntry, StreamId,
    StreamMeta, Value,
};
use crate::rdb::cursor::Text;
use crate::rdb::types::Kind;
use crate::rdb::walk::{self, Spare, Visit};
use crate::rdb::{Defect, Limits, Object};

impl Object<'_> {
    /// The value in memory of its own. Memory is a small multiple of what the limits of validation admitted.
    ///
    /// # Errors
    /// None for an object that a reader or validator made; the type keeps the caller from having to trust that.
    pub fn decode(&self) -> Result<Value, Defect> {
        self.decode_with(Entries::Kept)
    }

    /// The same without a stream's entries: what is needed where its nodes are passed on as they are.
    pub(crate) fn decode_without_entries(&self) -> Result<Value, Defect> {
        self.decode_with(Entries::LeftOut)
    }

    fn decode_with(&self, entries: Entries) -> Result<Value, Defect> {
        if let Some(module) = self.module_type() {
            return Ok(Value::Module(module));
        }
        let limits = Limits::default().with_decoded_bytes(u64::MAX).with_elements(u64::MAX);
        let limits = limits.with_string_bytes(u64::MAX);
        let mut keep = Keep::new(self.kind(), entries);
        let kind = (self.family(), self.type_byte());
        walk::value(kind, self.body(), &limits, &mut Spare::default(), &mut keep)?;
        Ok(keep.value)
    }
}

/// What is done with a stream's entries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entries {
    Kept,
    LeftOut,
}

struct Keep {
    value: Value,
    entries: Entries,
}

impl Keep {
    fn new(kind: Kind, entries: Entries) -> Self {
        let value = match kind {
            Kind::List => Value::List(Vec::new()),
            Kind::Set => Value::Set(Vec::new()),
            Kind::ZSet => Value::ZSet(Vec::new()),
            Kind::Hash => Value::Hash(Vec::new()),
            Kind::Stream => Value::Stream(Box::default()),
            Kind::String | Kind::Module => Value::String(Vec::new()),
        };
        Self { value, entries }
    }

    fn stream(&mut self, change: impl FnOnce(&mut Stream)) {
        if let Value::Stream(stream) = &mut self.value {
            change(stream);
        }
    }

    fn last_group(&mut self, change: impl FnMut(&mut Group)) {
        self.stream(|stream| stream.groups.last_mut().into_iter().for_each(change));
    }
}

impl Visit for Keep {
    fn element(&mut self, text: Text<'_>) -> Result<(), Defect> {
        match &mut self.value {
            Value::List(elements) => elements.push(text.to_vec()?),
            value => *value = Value::String(text.to_vec()?),
        }
        Ok(())
    }

    fn member(&mut self, text: Text<'_>) -> Result<(), Defect> {
        if let Value::Set(members) = &mut self.value {
            members.push(text.to_vec()?);
        }
        Ok(())
    }

    fn scored(&mut self, member: Text<'_>, score: f64) -> Result<(), Defect> {
        if let Value::ZSet(members) = &mut self.value {
            members.push((member.to_vec()?, score));
        }
        Ok(())
    }

    fn field(&mut self, field: Text<'_>, value: Text<'_>, expire_at_ms: u64) -> Result<(), Defect> {
        if let Value::Hash(fields) = &mut self.value {
            let expire_at_ms = Some(expire_at_ms).filter(|at| *at != 0);
            fields.push(HashField { field: field.to_vec()?, value: value.to_vec()?, expire_at_ms });
        }
        Ok(())
    }

    fn stream_entry(&mut self, id: StreamId) {
        if self.entries == Entries::LeftOut {
            return;
        }
        self.stream(|stream| stream.entries.push(StreamEntry { id, fields: Vec::new() }));
    }

    fn stream_field(&mut self, name: Text<'_>, value: Text<'_>) -> Result<(), Defect> {
        if self.entries == Entries::LeftOut {
            return Ok(());
        }
        let pair = (name.to_vec()?, value.to_vec()?);
        self.stream(|stream| {
            if let Some(entry) = stream.entries.last_mut() {
                entry.fields.push(pair);
            }
        });
        Ok(())
    }

    fn stream_meta(&mut self, meta: StreamMeta) {
        self.stream(|stream| stream.meta = meta);
    }

    fn group(&mut self, name: &[u8], meta: GroupMeta) {
        let group = Group { name: name.to_vec(), meta, pending: Vec::new(), consumers: Vec::new() };
        self.stream(|stream| stream.groups.push(group));
    }

    fn pending(&mut self, id: StreamId, delivered_at_ms: u64, deliveries: u64) {
        self.last_group(|group| group.pending.push(Pending { id, delivered_at_ms, deliveries }));
    }

    fn consumer(&mut self, name: &[u8], seen_at_ms: u64, active_at_ms: Option<u64>) {
        self.last_group(|group| {
            let consumer = Consumer { name: name.to_vec(), seen_at_ms, active_at_ms, pending: Vec::new() };
            group.consumers.push(consumer);
        });
    }

    fn claim(&mut self, id: StreamId) {
        self.last_group(|group| {
            if let Some(consumer) = group.consumers.last_mut() {
                consumer.pending.push(id);
            }
        });
    }

    fn idempotency(&mut self, meta: IdempotencyMeta) {
        self.stream(|stream| stream.idempotency.get_or_insert_default().meta = meta);
    }

    fn producer(&mut self, name: &[u8]) {
        let producer = Producer { name: name.to_vec(), ids: Vec::new() };
        self.stream(|stream| stream.idempotency.get_or_insert_default().producers.push(producer));
    }

    fn idempotent_id(&mut self, iid: &[u8], id: StreamId) {
        self.stream(|stream| {
            let producers = stream.idempotency.as_mut().map(|idempotency| &mut idempotency.producers);
            if let Some(producer) = producers.and_then(|producers| producers.last_mut()) {
                producer.ids.push((iid.to_vec(), id));
            }
        });
    }
}
