//! Record stores: the one data type of a module that mirrors carry over, because it is this project's own.
//!
//! A value comes as its dump, a change as the commit that the source has decided. Both are proven here before the server
//! sees them; what can't be is fetched again, or left out and named.

use record_store::dump::{TYPE_NAME, TYPE_VERSION};
use record_store::{Commit, Damaged, Loader};
use redis_replica::rdb::{LoadedField, ModuleType, Object};

use super::step::{Outcome, Step};
use super::{Loss, PlanLimits};
use crate::args::{Args, is_word};
use crate::batch::OpKind;
use crate::command::KeyArgs;

/// The newest encoding of the data type that is read here.
const RECORDS: ModuleType = match TYPE_NAME.to_bytes().first_chunk() {
    Some(name) if TYPE_NAME.count_bytes() == name.len() => match ModuleType::new(name, TYPE_VERSION) {
        Some(id) => id,
        None => panic!("no name of a data type"),
    },
    _ => panic!("no name of a data type"),
};

/// Memory that a store may take for each byte that a unit may have. A record of 50 bytes takes about 200.
const MEMORY_PER_BYTE: usize = 4;

/// Proves that a module's value is a record store that this server can hold.
pub(super) fn check_value(object: &Object<'_>, limits: PlanLimits) -> Result<(), Loss> {
    let id = object.module_type().ok_or(Loss::ModuleValue)?;
    if id.id() >> 10 != RECORDS.id() >> 10 {
        return Err(Loss::ModuleValue);
    }
    if id.encoding_version() > RECORDS.encoding_version() {
        return Err(Loss::NewerRecords);
    }
    let memory_max = limits.unit_bytes_max.saturating_mul(MEMORY_PER_BYTE);
    load(object, Loader::within(memory_max)).map_err(|damaged| match damaged {
        Damaged::TooLarge { memory, max } => {
            Loss::TooLarge { what: "memory", got: memory as u64, limit: max as u64 }
        }
        _ => Loss::Malformed,
    })
}

/// Loads the value as the server will, and drops it.
fn load(object: &Object<'_>, mut loader: Loader) -> Result<(), Damaged> {
    let mut fields = object.module_fields();
    loop {
        match fields.next() {
            Some(LoadedField::String(chunk)) if chunk.is_empty() => break,
            Some(LoadedField::String(chunk)) => loader.feed(&chunk)?,
            _ => return Err(Damaged::Form),
        }
    }
    loader.finish()?;
    if fields.next().is_none() { Ok(()) } else { Err(Damaged::Form) }
}

impl<A: Args + ?Sized> Step<'_, A> {
    /// `RECORD.APPLY key COMMIT commit`. Anything else by that name is not of a stream: the key is fetched.
    pub(super) fn record_commit(&mut self, keys: KeyArgs) -> Outcome {
        let args = self.args;
        let commit = args.arg(2);
        let is_commit = args.arg_count() == 3 && is_word(&args, 1, "COMMIT");
        let fits = |items: usize| items <= self.limits.unit_ops_max;
        if !is_commit || !Commit::check_form(commit).is_ok_and(fits) {
            return self.refetch(keys);
        }
        self.put_key(0)?;
        self.put(2)?;
        self.emit(OpKind::RecordCommit, None)
    }
}
