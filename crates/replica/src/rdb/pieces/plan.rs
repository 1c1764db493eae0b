//! What follows what in a value, as records and their numbers (`rdbLoadObject`).

use crate::rdb::Family;
use crate::rdb::layout::Part::{self, Bytes, Len, Str, TextScore};
use crate::rdb::types::*;

/// What is told at once: an element, or the head of something that has elements of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// The time from which the expiries of a hash count (type 24).
    Earliest,
    /// An element, member, field, or a node of a list.
    Element,
    /// A node of a stream's entries.
    Node,
    Meta,
    Group,
    Pending,
    Consumer,
    Claim,
    Settings,
    Producer,
    IdempotentId,
    Counters,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The number of the records that follow.
    Count,
    /// So many records, at least one.
    Records(u64),
    End,
}

/// Whether a value of this type can be told in pieces: it is no single string or block, and its elements are known.
pub(in crate::rdb) fn comes_in_pieces(type_byte: u8, family: Family) -> bool {
    match type_byte {
        LIST | SET | ZSET | ZSET_2 | HASH | LIST_QUICKLIST | LIST_QUICKLIST_2 => true,
        STREAM | STREAM_2 | STREAM_3 => true,
        // 22: a hash with expiring fields in either family.
        VALKEY_HASH_2 => true,
        REDIS_HASH_METADATA | REDIS_STREAM_4 => family == Family::Redis,
        _ => false,
    }
}

/// Where in the value the reading is.
pub(super) struct Plan {
    family: Family,
    type_byte: u8,
    record: Record,
    phase: Phase,
    groups_left: u64,
    consumers_left: u64,
    producers_left: u64,
}

impl Plan {
    pub(super) fn new(family: Family, type_byte: u8) -> Self {
        let (record, phase) = match type_byte {
            REDIS_HASH_METADATA => (Record::Earliest, Phase::Records(1)),
            STREAM | STREAM_2 | STREAM_3 | REDIS_STREAM_4 => (Record::Node, Phase::Count),
            _ => (Record::Element, Phase::Count),
        };
        Self { family, type_byte, record, phase, groups_left: 0, consumers_left: 0, producers_left: 0 }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// What is counted or read.
    pub(super) const fn record(&self) -> Record {
        self.record
    }

    /// The layout of one record.
    pub(super) fn parts(&self) -> &'static [Part] {
        match self.record {
            Record::Earliest => &[Bytes(8)],
            Record::Element => self.element(),
            Record::Node => &[Str, Str],
            Record::Meta if self.type_byte == STREAM => &[Len, Len, Len],
            Record::Meta => &[Len, Len, Len, Len, Len, Len, Len, Len],
            Record::Group if self.type_byte == STREAM => &[Str, Len, Len],
            Record::Group => &[Str, Len, Len, Len],
            Record::Pending => &[Bytes(16), Bytes(8), Len],
            Record::Consumer if matches!(self.type_byte, STREAM | STREAM_2) => &[Str, Bytes(8)],
            Record::Consumer => &[Str, Bytes(8), Bytes(8)],
            Record::Claim => &[Bytes(16)],
            Record::Settings | Record::Counters => &[Len, Len],
            Record::Producer => &[Str],
            Record::IdempotentId => &[Str, Len, Len],
        }
    }

    fn element(&self) -> &'static [Part] {
        match (self.type_byte, self.family) {
            (ZSET, _) => &[Str, TextScore],
            (ZSET_2, _) => &[Str, Bytes(8)],
            (HASH, _) => &[Str, Str],
            (LIST_QUICKLIST_2, _) => &[Len, Str],
            (VALKEY_HASH_2, Family::Valkey) => &[Str, Str, Bytes(8)],
            (REDIS_HASH_METADATA_RC | REDIS_HASH_METADATA, _) => &[Len, Str, Str],
            _ => &[Str],
        }
    }

    /// One record was read; whether there are more of them.
    pub(super) const fn recorded(&mut self) -> bool {
        if let Phase::Records(left) = &mut self.phase {
            *left -= 1;
        }
        self.has_more()
    }

    pub(super) const fn has_more(&self) -> bool {
        matches!(self.phase, Phase::Records(1..))
    }

    /// So many records of the current kind follow. Groups, consumers and producers come one by one.
    pub(super) fn counted(&mut self, count: u64) {
        match self.record {
            Record::Group => self.groups_left = count,
            Record::Consumer => self.consumers_left = count,
            Record::Producer => self.producers_left = count,
            _ if count > 0 => return self.phase = Phase::Records(count),
            _ => {}
        }
        match self.record {
            Record::Group => self.next_group(),
            Record::Consumer => self.next_consumer(),
            Record::Producer => self.next_producer(),
            _ => self.advance(),
        }
    }

    /// All records of the current kind were read.
    pub(super) fn advance(&mut self) {
        match self.record {
            Record::Earliest => self.go(Record::Element, Phase::Count),
            Record::Element | Record::Counters => self.phase = Phase::End,
            Record::Node => self.go(Record::Meta, Phase::Records(1)),
            Record::Meta => self.go(Record::Group, Phase::Count),
            Record::Group => self.go(Record::Pending, Phase::Count),
            Record::Pending => self.go(Record::Consumer, Phase::Count),
            Record::Consumer => self.go(Record::Claim, Phase::Count),
            Record::Claim => self.next_consumer(),
            Record::Settings => self.go(Record::Producer, Phase::Count),
            Record::Producer => self.go(Record::IdempotentId, Phase::Count),
            Record::IdempotentId => self.next_producer(),
        }
    }

    const fn go(&mut self, record: Record, phase: Phase) {
        (self.record, self.phase) = (record, phase);
    }

    fn next_group(&mut self) {
        match self.groups_left.checked_sub(1) {
            Some(left) => {
                self.groups_left = left;
                self.go(Record::Group, Phase::Records(1));
            }
            None if self.type_byte == REDIS_STREAM_4 => self.go(Record::Settings, Phase::Records(1)),
            None => self.phase = Phase::End,
        }
    }

    fn next_consumer(&mut self) {
        match self.consumers_left.checked_sub(1) {
            Some(left) => {
                self.consumers_left = left;
                self.go(Record::Consumer, Phase::Records(1));
            }
            None => self.next_group(),
        }
    }

    fn next_producer(&mut self) {
        match self.producers_left.checked_sub(1) {
            Some(left) => {
                self.producers_left = left;
                self.go(Record::Producer, Phase::Records(1));
            }
            None => self.go(Record::Counters, Phase::Records(1)),
        }
    }
}
