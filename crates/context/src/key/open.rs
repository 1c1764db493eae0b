//! Which keys are open, so that nothing pulls a value from under an open key.
//!
//! A key handle of the server holds a bare pointer to the value (module.c, `RedisModuleKey`). A command that
//! deletes or replaces that value while the handle is open leaves the pointer dangling, and even closing
//! the handle reads through it. So, while a key is open: commands and notifications are refused
//! ([`refuse_while_open`]), and the same key cannot be opened again (its lazy expiry would delete it).
//!
//! Where the server itself holds on to entries of its table (a walk over the keys, the Key event), no key
//! can be opened at all: one whose time has come would be deleted from under the server's feet.

use std::cell::UnsafeCell;

use redis_module::raw;

use super::{is_of, selected_db};
use crate::context::Context;
use crate::error::Error;
use crate::string::RedisStr;

/// How many keys may be open at once.
pub(super) const OPEN_KEYS_MAX: usize = 16;

struct Table {
    len: usize,
    /// How many callbacks run in which the server walks over keys or is about to remove one.
    walks: usize,
    keys: [*mut raw::RedisModuleKey; OPEN_KEYS_MAX],
}

struct MainThreadTable(UnsafeCell<Table>);

// SAFETY: R6: keys are opened and closed on the main thread only (they borrow a `Context`).
unsafe impl Sync for MainThreadTable {}

static OPEN: MainThreadTable =
    MainThreadTable(UnsafeCell::new(Table { len: 0, walks: 0, keys: [std::ptr::null_mut(); OPEN_KEYS_MAX] }));

/// Runs `body` on the table. `body` calls nothing that could come back here.
#[inline]
fn with_table<R>(body: impl FnOnce(&mut Table) -> R) -> R {
    // SAFETY: R6: the main thread, and no `body` below re-enters: this is the only reference.
    body(unsafe { &mut *OPEN.0.get() })
}

/// Refuses what could change a value that is open.
#[inline]
pub(crate) fn refuse_while_open() -> Result<(), Error> {
    if with_table(|table| table.len + table.walks) == 0 { Ok(()) } else { Err(Error::KeyIsOpen) }
}

/// Refuses a key that is open already, and one more than the table holds.
#[inline]
pub(super) fn may_open(ctx: &Context<'_>, name: RedisStr<'_>) -> Result<(), Error> {
    if refuse_while_open().is_ok() { Ok(()) } else { may_open_another(ctx, name) }
}

#[cold]
fn may_open_another(ctx: &Context<'_>, name: RedisStr<'_>) -> Result<(), Error> {
    let (len, walks) = with_table(|table| (table.len, table.walks));
    if walks != 0 {
        return Err(Error::KeyIsOpen);
    }
    if len == OPEN_KEYS_MAX {
        return Err(Error::Invalid {
            what: "the number of open keys",
            reason: "at most 16 are open at once",
        });
    }
    let open = with_table(|table| table.keys);
    let db = selected_db(ctx);
    // SAFETY: R20: the table holds open handles only.
    let twice = open[..len].iter().any(|&key| unsafe { is_of(key, db, name) });
    if twice { Err(Error::KeyIsOpen) } else { Ok(()) }
}

/// Notes an open key. `false` if there is no room, which `may_open` tells beforehand.
#[inline]
pub(super) fn opened(key: *mut raw::RedisModuleKey) -> bool {
    with_table(|table| {
        let Some(slot) = table.keys.get_mut(table.len) else { return false };
        *slot = key;
        table.len += 1;
        true
    })
}

/// Forgets a key that is about to be closed, most often the one that was opened last.
#[inline]
pub(super) fn closed(key: *mut raw::RedisModuleKey) {
    with_table(|table| {
        let last = table.len.wrapping_sub(1);
        if table.keys.get(last) == Some(&key) {
            table.len = last;
        } else {
            forget(table, key);
        }
    });
}

#[cold]
fn forget(table: &mut Table, key: *mut raw::RedisModuleKey) {
    let open = &mut table.keys[..table.len];
    if let Some(at) = open.iter().rposition(|&other| other == key) {
        open.swap(at, table.len - 1);
        table.len -= 1;
    }
}

/// No key can be opened until this is dropped.
pub(crate) struct Walk(());

impl Walk {
    pub(crate) fn begin() -> Self {
        with_table(|table| table.walks += 1);
        Self(())
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        with_table(|table| table.walks -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only test that touches the table, which belongs to one thread.
    #[test]
    fn keys_are_forgotten_in_any_order_and_walks_count() {
        let mut handles = [0u8; OPEN_KEYS_MAX + 1];
        let keys: Vec<*mut raw::RedisModuleKey> =
            handles.iter_mut().map(|handle| (&raw mut *handle).cast()).collect();
        assert_eq!(refuse_while_open(), Ok(()));
        assert!(keys[..OPEN_KEYS_MAX].iter().all(|&key| opened(key)));
        assert!(!opened(keys[OPEN_KEYS_MAX]), "the table is full");
        for at in [3, 15, 0, 14, 7] {
            closed(keys[at]);
        }
        assert_eq!(with_table(|table| table.len), OPEN_KEYS_MAX - 5);
        // One that the table does not know, and one twice.
        closed(keys[OPEN_KEYS_MAX]);
        closed(keys[3]);
        assert_eq!(refuse_while_open(), Err(Error::KeyIsOpen));
        keys.iter().for_each(|&key| closed(key));
        assert_eq!(refuse_while_open(), Ok(()));
        let walk = Walk::begin();
        assert_eq!(refuse_while_open(), Err(Error::KeyIsOpen));
        drop(walk);
        assert_eq!(refuse_while_open(), Ok(()));
    }
}
