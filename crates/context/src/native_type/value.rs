//! A type's values in keys.

use redis_module::raw;

use super::{NativeType, TypeHandle};
use crate::api::required;
use crate::error::Error;
use crate::key::{KeyType, ReadKey, WriteKey};

impl ReadKey<'_> {
    /// The key's value of type `T`; `None` if the key is missing. It can be looked at as long as the key
    /// is open: no command runs meanwhile.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn value<T: NativeType>(&self, of: TypeHandle<T>) -> Result<Option<&T>, Error> {
        // SAFETY: R31: a box of this type's `T`, which lives as long as the key is open and unchanged.
        Ok(self.value_pointer(of)?.map(|value| unsafe { &*value }))
    }

    fn value_pointer<T: NativeType>(&self, of: TypeHandle<T>) -> Result<Option<*mut T>, Error> {
        match self.key_type() {
            KeyType::Missing => return Ok(None),
            KeyType::Module => (),
            _ => return Err(Error::WrongType),
        }
        let (type_of, value_of) =
            (required!(RedisModule_ModuleTypeGetType), required!(RedisModule_ModuleTypeGetValue));
        // SAFETY: R20: an open key that holds a module's value.
        let (found, value) = unsafe { (type_of(self.as_ptr()), value_of(self.as_ptr())) };
        if found != of.live()? || value.is_null() {
            return Err(Error::WrongType);
        }
        Ok(Some(value.cast()))
    }
}

impl WriteKey<'_> {
    /// As [`ReadKey::value`], to change it. The server is not told: replicate what you do.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn value_mut<T: NativeType>(&mut self, of: TypeHandle<T>) -> Result<Option<&mut T>, Error> {
        // SAFETY: R31: as for `value`; the key is borrowed for change, and no other handle of it is open.
        Ok(self.value_pointer(of)?.map(|value| unsafe { &mut *value }))
    }

    /// Replaces whatever the key holds by a value, and removes its expiry.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub fn set_value<T: NativeType>(&mut self, of: TypeHandle<T>, value: T) -> Result<(), Error> {
        let of = of.live()?;
        self.release_iterator();
        let set = required!(RedisModule_ModuleTypeSetValue);
        let value = Box::into_raw(Box::new(value));
        // SAFETY: R31: a key open for writing; the server owns the box from here on, if it takes it.
        let status = unsafe { set(self.as_ptr(), of, value.cast()) };
        if status == raw::REDISMODULE_OK as i32 {
            return Ok(());
        }
        // SAFETY: R31: refused, so still ours.
        drop(unsafe { Box::from_raw(value) });
        Err(Error::Refused {
            function: "RedisModule_ModuleTypeSetValue",
            reason: "the key is being iterated",
        })
    }

    /// Puts a value in place of the one that the key holds, and gives that back. The key's expiry stays, and neither
    /// `unlinked` nor `Drop` is called for the old value: it is the caller's now.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist, [`Error::WrongType`] if it holds something else; `value` is
    /// dropped then.
    pub fn replace_value<T: NativeType>(&mut self, of: TypeHandle<T>, value: T) -> Result<T, Error> {
        self.value_pointer(of)?.ok_or(Error::NoSuchKey)?;
        let of = of.live()?;
        let replace = required!(RedisModule_ModuleTypeReplaceValue);
        let value = Box::into_raw(Box::new(value));
        let mut old = std::ptr::null_mut();
        // SAFETY: R52: a key open for writing that holds a value of this type; the server owns the new box, if it
        // takes it, and gives up the old one.
        let status = unsafe { replace(self.as_ptr(), of, value.cast(), &raw mut old) };
        let taken = status == raw::REDISMODULE_OK as i32;
        let given_up: *mut T = if taken { old.cast() } else { value };
        // SAFETY: R52, R31: the box that the server does not have any more, or never had.
        let given_up = unsafe { Box::from_raw(given_up) };
        if taken {
            return Ok(*given_up);
        }
        Err(Error::Refused {
            function: "RedisModule_ModuleTypeReplaceValue",
            reason: "the key is being iterated",
        })
    }
}
