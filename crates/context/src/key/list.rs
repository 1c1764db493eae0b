//! Lists: both ends, and elements by index.
//!
//! A key keeps the server's list iterator from the last element that was asked for by index, so that neighbours are
//! found at once. The iterator points at the value: what frees or moves the value lets it go first
//! ([`WriteKey::release_iterator`]).

use std::ffi::c_int;

use redis_module::raw;

use super::{KeyType, ReadKey, WriteKey};
use crate::api::required;
use crate::error::Error;
use crate::string::{RedisStr, RedisString};

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListEnd {
    /// The first element, index 0.
    Head,
    /// The last element, index -1.
    Tail,
}

impl ListEnd {
    fn raw(self) -> c_int {
        let end = match self {
            Self::Head => raw::REDISMODULE_LIST_HEAD,
            Self::Tail => raw::REDISMODULE_LIST_TAIL,
        };
        end as c_int
    }
}

impl ReadKey<'_> {
    /// The element at `index`, copied: 0 is the first, -1 the last. `None` if there is none there, or no such key.
    /// The element next to the one asked for before is found at once; from anywhere else the server walks
    /// there, element by element.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn list_get(&self, index: i64) -> Result<Option<RedisString>, Error> {
        if !self.holds(KeyType::List)? {
            return Ok(None);
        }
        let get = required!(RedisModule_ListGet);
        self.list_iterated.set(true);
        // SAFETY: R35: an open key that holds a list; the server refuses an index that is not in it.
        let element = unsafe { get(self.as_ptr(), index) };
        // SAFETY: R5: a string of our own, or NULL; the context has no automatic memory.
        Ok(unsafe { RedisString::from_raw(element) })
    }
}

impl WriteKey<'_> {
    /// Adds an element to an end of a list, which is made if the key is missing: clients that wait for it (BLPOP) are
    /// served when the callback has returned.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn list_push<'v>(&mut self, end: ListEnd, element: impl Into<RedisStr<'v>>) -> Result<(), Error> {
        self.holds(KeyType::List)?;
        let push = required!(RedisModule_ListPush);
        // SAFETY: R35: a key open for writing that holds a list or nothing; the server copies the element.
        let status = unsafe { push(self.as_ptr(), end.raw(), element.into().as_ptr()) };
        self.changed(status, "RedisModule_ListPush").map(|_| ())
    }

    /// Takes an element off an end of a list, and the key with its last element. `None` if there is no such
    /// key.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn list_pop(&mut self, end: ListEnd) -> Result<Option<RedisString>, Error> {
        if !self.holds(KeyType::List)? {
            return Ok(None);
        }
        let pop = required!(RedisModule_ListPop);
        // SAFETY: R35: a key open for writing that holds a list, which is never empty.
        let element = unsafe { pop(self.as_ptr(), end.raw()) };
        self.list_iterated.set(false);
        // SAFETY: R5: a string of our own, or NULL; the context has no automatic memory.
        Ok(unsafe { RedisString::from_raw(element) })
    }

    /// Replaces the element at `index` (as in [`ReadKey::list_get`]). Answers whether there was one.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn list_set<'v>(&mut self, index: i64, element: impl Into<RedisStr<'v>>) -> Result<bool, Error> {
        if !self.has_index(index)? {
            return Ok(false);
        }
        let set = required!(RedisModule_ListSet);
        // SAFETY: R35: a key open for writing that holds a list with such an element.
        let status = unsafe { set(self.as_ptr(), index, element.into().as_ptr()) };
        self.changed(status, "RedisModule_ListSet")
    }

    /// Puts an element in, so that it is the one at `index` afterwards: 0 puts it first, -1 last, the length
    /// last too. A missing key becomes a list of one element by 0 or -1. Answers whether there was such a place.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn list_insert<'v>(&mut self, index: i64, element: impl Into<RedisStr<'v>>) -> Result<bool, Error> {
        self.holds(KeyType::List)?;
        let len = self.value_len() as i64;
        if index < -len - 1 || index > len {
            return Ok(false);
        }
        let insert = required!(RedisModule_ListInsert);
        // SAFETY: R35: a key open for writing that holds a list with such a place, or nothing and the index is
        // 0 or -1: any other one is read through the missing list since Redis 7.2.
        let status = unsafe { insert(self.as_ptr(), index, element.into().as_ptr()) };
        self.changed(status, "RedisModule_ListInsert")
    }

    /// Removes the element at `index` (as in [`ReadKey::list_get`]), and the key with its last element. Answers
    /// whether there was one.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn list_delete(&mut self, index: i64) -> Result<bool, Error> {
        if !self.has_index(index)? {
            return Ok(false);
        }
        // An iterator keeps its place through a deletion only if it has come forwards from a place counted from
        // the head (`quicklistDelEntry`, quicklist.c), which is what a new one does. With another the server goes
        // on at a wrong element, and asserts at the end of the list.
        self.release_iterator();
        let index = if index < 0 { index + self.value_len() as i64 } else { index };
        let delete = required!(RedisModule_ListDelete);
        // SAFETY: R35: a key open for writing that holds a list with such an element.
        let status = unsafe { delete(self.as_ptr(), index) };
        let deleted = self.changed(status, "RedisModule_ListDelete");
        // The one change that keeps the iterator, which stands on the next element then.
        self.list_iterated.set(true);
        deleted
    }

    /// A change that succeeded has let the iterator go.
    fn changed(&self, status: c_int, function: &'static str) -> Result<bool, Error> {
        if status != raw::REDISMODULE_OK as c_int {
            return Err(Error::Refused { function, reason: "no reason is given" });
        }
        self.list_iterated.set(false);
        Ok(true)
    }

    fn has_index(&self, index: i64) -> Result<bool, Error> {
        let len = if self.holds(KeyType::List)? { self.value_len() as i64 } else { 0 };
        Ok((-len..len).contains(&index))
    }
}

/// Lets the server's list iterator go. No function does that alone, but a push does, and a pop takes its element
/// back: both at once, however long the list is.
#[cold]
pub(super) fn release_iterator(key: &mut WriteKey<'_>) {
    key.list_iterated.set(false);
    if key.key_type() == KeyType::List && key.list_push(ListEnd::Tail, &RedisString::new(b"")).is_ok() {
        // It holds the element just pushed: not missing, not of another type.
        drop(key.list_pop(ListEnd::Tail));
    }
}
