//! How commits and dumps are written: items one after the other, each a tag and its fields.
//!
//! ```text
//! number   7 bits a byte, the lowest first, the top bit says that more follow
//! bytes    number of them, then they
//! option   0, or the value + 1
//! ```
//!
//! Numbers are at most 2^53 where they are versions or times, so that nothing that is added to them overflows.

use std::sync::Arc;

use crate::change::{Change, Kind, Parts, Reason};
use crate::commit::Item;
use crate::epoch::{Cursor, EpochId};
use crate::lease::Lease;
use crate::limits::{DATA_BYTES_MAX, NAME_BYTES_MAX, TTL_MAX, VERSION_MAX};
use crate::options::{StoreOptions, TypeOptions};
use crate::store::Store;

mod tag {
    pub const EPOCH: u8 = 1;
    pub const TYPE_OPTIONS: u8 = 2;
    pub const STORE_OPTIONS: u8 = 3;
    pub const CHANGE: u8 = 4;
    pub const COMPACT: u8 = 5;
    pub const LEASE: u8 = 6;
    pub const LEASE_GONE: u8 = 7;
    pub const CURSOR: u8 = 8;
    pub const CURSOR_GONE: u8 = 9;
    pub const CLEAR: u8 = 10;
    pub const BEGIN: u8 = 11;
    pub const BASE: u8 = 12;
    pub const END: u8 = 13;
}

#[derive(Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// With room for so many bytes.
    pub fn with_room(bytes: usize) -> Encoder {
        Encoder { bytes: Vec::with_capacity(bytes) }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    fn option(&mut self, number: Option<u64>) {
        self.number(number.map_or(0, |number| number + 1));
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text);
    }

    pub fn item(&mut self, item: &Item) {
        match item {
            Item::Epoch { id, start } => {
                self.byte(tag::EPOCH);
                self.number(id.get());
                self.number(*start);
            }
            Item::TypeOptions { type_name, options } => {
                self.byte(tag::TYPE_OPTIONS);
                self.text(type_name);
                self.option(options.capacity);
                self.option(options.ttl_ms);
            }
            Item::StoreOptions(options) => {
                self.byte(tag::STORE_OPTIONS);
                self.option(options.retain_ms);
                self.option(options.changes_max);
                self.option(options.bytes_max);
            }
            Item::Change(change) => self.change(tag::CHANGE, change),
            Item::Base(record) => self.change(tag::BASE, record),
            Item::Compact { version } => {
                self.byte(tag::COMPACT);
                self.number(*version);
            }
            Item::Lease { name, lease } => {
                self.byte(tag::LEASE);
                self.text(name);
                self.text(&lease.holder);
                self.number(lease.token);
                self.number(lease.expires_at);
            }
            Item::LeaseGone { name } => self.named(tag::LEASE_GONE, name),
            Item::Cursor { name, cursor } => {
                self.named(tag::CURSOR, name);
                self.number(cursor.epoch.map_or(0, EpochId::get));
                self.number(cursor.version);
                self.number(cursor.seen);
            }
            Item::CursorGone { name } => self.named(tag::CURSOR_GONE, name),
            Item::Clear => self.byte(tag::CLEAR),
            Item::Begin { compact_version, last_time, last_token } => {
                self.byte(tag::BEGIN);
                self.number(*compact_version);
                self.number(*last_time);
                self.number(*last_token);
            }
            Item::End => self.byte(tag::END),
        }
    }

    fn named(&mut self, tag: u8, name: &[u8]) {
        self.byte(tag);
        self.text(name);
    }

    fn change(&mut self, tag: u8, change: &Change) {
        self.byte(tag);
        self.number(change.version());
        self.number(change.modified_at());
        self.option(change.expires_at());
        self.byte(match change.kind() {
            Kind::Set => 0,
            Kind::Delete(Reason::User) => 1,
            Kind::Delete(Reason::Capacity) => 2,
            Kind::Delete(Reason::Ttl) => 3,
        });
        self.text(change.type_name());
        self.text(change.id());
        self.text(change.data());
    }
}

/// Reads items; `None` is damage everywhere.
pub(crate) struct Decoder<'b> {
    rest: &'b [u8],
    /// The name of the last type read, shared: the store may not have it yet.
    type_name: Option<Arc<[u8]>>,
}

impl<'b> Decoder<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Decoder { rest: bytes, type_name: None }
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// At most 2^53 - 1, as versions and times are.
    pub fn number(&mut self) -> Option<u64> {
        self.any_number().filter(|number| *number <= VERSION_MAX)
    }

    fn any_number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn option(&mut self, max: u64) -> Option<Option<u64>> {
        let number = self.any_number()?;
        Some(number.checked_sub(1)).filter(|value| value.is_none_or(|value| value <= max))
    }

    fn text(&mut self, min: usize, max: usize) -> Option<&'b [u8]> {
        let len = usize::try_from(self.any_number()?).ok().filter(|len| (min..=max).contains(len))?;
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(text)
    }

    fn name(&mut self) -> Option<&'b [u8]> {
        self.text(1, NAME_BYTES_MAX)
    }

    fn type_name(&mut self, store: &Store) -> Option<Arc<[u8]>> {
        let name = self.name()?;
        let known = self.type_name.take().filter(|known| **known == *name);
        let name = known.unwrap_or_else(|| store.intern(name));
        self.type_name = Some(Arc::clone(&name));
        Some(name)
    }

    /// All items up to the end of the bytes.
    pub fn items(&mut self, store: &Store) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        while !self.is_at_end() {
            items.push(self.item(store)?);
        }
        Some(items)
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next item; it shares the names of types with the store.
    pub fn item(&mut self, store: &Store) -> Option<Item> {
        Some(match self.byte()? {
            tag::EPOCH => Item::Epoch { id: EpochId::new(self.any_number()?)?, start: self.number()? },
            tag::TYPE_OPTIONS => Item::TypeOptions {
                type_name: self.type_name(store)?,
                options: TypeOptions {
                    capacity: self.option(VERSION_MAX)?.map(|capacity| capacity.max(1)),
                    ttl_ms: self.option(TTL_MAX)?.map(|ttl| ttl.max(1)),
                },
            },
            tag::STORE_OPTIONS => Item::StoreOptions(StoreOptions {
                retain_ms: self.option(TTL_MAX)?,
                changes_max: self.option(VERSION_MAX)?,
                bytes_max: self.option(VERSION_MAX)?,
            }),
            tag::CHANGE => Item::Change(self.change(store)?),
            tag::BASE => Item::Base(self.change(store)?),
            tag::COMPACT => Item::Compact { version: self.number()? },
            tag::LEASE => Item::Lease { name: self.name()?.into(), lease: self.lease()? },
            tag::LEASE_GONE => Item::LeaseGone { name: self.name()?.into() },
            tag::CURSOR => Item::Cursor { name: self.name()?.into(), cursor: self.cursor()? },
            tag::CURSOR_GONE => Item::CursorGone { name: self.name()?.into() },
            tag::CLEAR => Item::Clear,
            tag::BEGIN => Item::Begin {
                compact_version: self.number()?,
                last_time: self.number()?,
                last_token: self.number()?,
            },
            tag::END => Item::End,
            _ => return None,
        })
    }

    fn lease(&mut self) -> Option<Lease> {
        Some(Lease { holder: self.name()?.into(), token: self.number()?, expires_at: self.number()? })
    }

    /// The id of an epoch, or none.
    pub fn epoch(&mut self) -> Option<Option<EpochId>> {
        self.any_number().map(EpochId::new)
    }

    fn cursor(&mut self) -> Option<Cursor> {
        Some(Cursor { epoch: self.epoch()?, version: self.number()?, seen: self.number()? })
    }

    fn change(&mut self, store: &Store) -> Option<Arc<Change>> {
        let (version, modified_at) = (self.number()?, self.number()?);
        let expires_at = self.option(VERSION_MAX)?.filter(|end| *end != 0);
        let kind = match self.byte()? {
            0 => Kind::Set,
            1 => Kind::Delete(Reason::User),
            2 => Kind::Delete(Reason::Capacity),
            3 => Kind::Delete(Reason::Ttl),
            _ => return None,
        };
        let type_name = self.type_name(store)?;
        let (id, data) = (self.name()?, self.text(0, DATA_BYTES_MAX)?);
        let fits = kind == Kind::Set || (data.is_empty() && expires_at.is_none());
        let parts = Parts { version, modified_at, expires_at, kind, id, data };
        fits.then(|| Arc::new(Change::new(type_name, parts)))
    }
}
