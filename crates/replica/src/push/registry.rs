//! Handlers by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::notification::is_reserved;
use super::{Handler, Operation, PushError, Reason};

/// Whether a handler may be taken away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protection {
    /// It may.
    #[default]
    Removable,
    /// It stays for as long as the registry.
    Protected,
}

struct Entry {
    handler: Arc<dyn Handler>,
    protection: Protection,
}

/// Handlers by the exact name of the pushes they are told, for any number of threads.
///
/// No lock is held while a handler runs: it was taken out before.
#[derive(Default)]
pub struct Registry {
    entries: RwLock<HashMap<String, Entry>>,
}

impl Registry {
    /// Without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a handler for pushes of this name. The empty name is one like others.
    ///
    /// # Errors
    /// There is no handler (`None`), the name has one already, or it is reserved.
    pub fn register(
        &self,
        name: &str,
        handler: Option<Arc<dyn Handler>>,
        protection: Protection,
    ) -> Result<(), PushError> {
        let refused = |reason| PushError::of_handler(Operation::Register, name, reason);
        let handler = handler.ok_or_else(|| refused(Reason::HandlerNil))?;
        if is_reserved(name) {
            return Err(refused(Reason::NameReserved));
        }
        let mut entries = self.write();
        if entries.contains_key(name) {
            return Err(refused(Reason::HandlerExists));
        }
        entries.insert(String::from(name), Entry { handler, protection });
        Ok(())
    }

    /// Takes a handler away; a name that has none is fine.
    ///
    /// # Errors
    /// It is protected.
    pub fn unregister(&self, name: &str) -> Result<(), PushError> {
        let mut entries = self.write();
        if entries.get(name).is_some_and(|entry| entry.protection == Protection::Protected) {
            return Err(PushError::of_handler(Operation::Unregister, name, Reason::HandlerProtected));
        }
        let taken = entries.remove(name);
        // Its drop is the user's code, and may come back here.
        drop(entries);
        drop(taken);
        Ok(())
    }

    /// The handler of this name.
    pub fn get_handler(&self, name: &str) -> Option<Arc<dyn Handler>> {
        self.read().get(name).map(|entry| Arc::clone(&entry.handler))
    }

    /// Every handler once, whatever number of names it has.
    pub(super) fn distinct(&self) -> Vec<Arc<dyn Handler>> {
        let mut handlers: Vec<_> = self.read().values().map(|entry| Arc::clone(&entry.handler)).collect();
        handlers.sort_by_key(|handler| Arc::as_ptr(handler).addr());
        handlers.dedup_by_key(|handler| Arc::as_ptr(handler).addr());
        handlers
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.read().iter().map(|(name, entry)| (name, entry.protection))).finish()
    }
}
