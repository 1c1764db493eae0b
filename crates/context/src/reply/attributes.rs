//! Attributes: what a reply has beside its value, for clients that speak RESP3.

use std::ffi::{c_int, c_long};

use redis_module::raw;

use super::{Close, ReplyWriter};
use crate::api::required;
use crate::error::Error;

impl ReplyWriter<'_> {
    /// Writes attributes of the value that is written next: `len` pairs, 1 or more. For a client that speaks RESP2
    /// nothing is written and `body` does not run.
    ///
    /// Attributes are no value and have one set: should no value follow, a null does.
    ///
    /// # Errors
    /// [`Error::ReplyCount`] if no value may follow, or attributes were written just before.
    pub fn attributes(
        &mut self,
        len: usize,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if len == 0 {
            return Ok(());
        }
        let values = len.checked_mul(2).ok_or(Error::ReplyCount)?;
        let announced = c_long::try_from(len).map_err(|_| Error::ReplyCount)?;
        if self.begin_attributes(announced)? { body(&mut self.inner(values, Close::Counted)) } else { Ok(()) }
    }

    /// Writes attributes, as [`ReplyWriter::attributes`], as many pairs as `body` writes; a last key without a value
    /// gets a null.
    ///
    /// # Errors
    /// As [`ReplyWriter::attributes`].
    pub fn attributes_uncounted(
        &mut self,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let postponed = c_long::from(raw::REDISMODULE_POSTPONED_LEN);
        if self.begin_attributes(postponed)? {
            body(&mut self.inner(usize::MAX, Close::Attributes))
        } else {
            Ok(())
        }
    }

    /// Announces attributes; whether the client is to have them.
    fn begin_attributes(&mut self, len: c_long) -> Result<bool, Error> {
        if self.left == 0 || self.attributed {
            return Err(Error::ReplyCount);
        }
        let begin = required!(RedisModule_ReplyWithAttribute);
        // SAFETY: R61: the server looks whether the client speaks RESP3, and a value follows: `claim` or `Drop`.
        let status = unsafe { begin(self.ctx, len) };
        self.attributed = status == raw::REDISMODULE_OK as c_int;
        Ok(self.attributed)
    }
}
