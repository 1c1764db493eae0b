//! Choices.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis_module::raw;

use super::names::check_choices;
use super::register::refused;
use super::register::sealed::Register;
use super::{ConfigFlags, Refusal, config, privdata, set};
use crate::api::required;
use crate::context::LoadContext;
use crate::error::Error;

/// A choice of a config.
pub trait ConfigEnum: Copy + Send + Sync + 'static {
    /// The choices and their names, which are printable ASCII without spaces, quotes and backslashes; upper and lower
    /// case are the same. The first is the default.
    const CHOICES: &'static [(&'static CStr, Self)];
}

/// One of several names.
pub struct EnumConfig<T> {
    pub(super) name: &'static CStr,
    flags: ConfigFlags,
    check: Option<fn(T) -> Result<(), Refusal>>,
    index: AtomicUsize,
    choice: PhantomData<T>,
}

impl<T: ConfigEnum> EnumConfig<T> {
    /// A choice, by default the first.
    pub const fn new(name: &'static CStr) -> Self {
        const { assert!(!T::CHOICES.is_empty(), "a config has at least one choice") };
        Self {
            name,
            flags: ConfigFlags::empty(),
            check: None,
            index: AtomicUsize::new(0),
            choice: PhantomData,
        }
    }

    /// How it may be set and shown.
    pub const fn flags(mut self, flags: ConfigFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Looks at a new value before it is taken.
    pub const fn check(mut self, check: fn(T) -> Result<(), Refusal>) -> Self {
        self.check = Some(check);
        self
    }

    /// The value, from any thread.
    #[inline]
    pub fn get(&self) -> T {
        T::CHOICES[self.index.load(Ordering::Relaxed)].1
    }

    pub(super) fn set_index(&self, index: c_int) -> Result<(), Refusal> {
        let index = usize::try_from(index).map_err(|_| "no such choice")?;
        let &(_, choice) = T::CHOICES.get(index).ok_or("no such choice")?;
        self.check.map_or(Ok(()), |check| check(choice))?;
        self.index.store(index, Ordering::Relaxed);
        Ok(())
    }
}

impl<T: ConfigEnum> EnumConfig<T> {
    /// The index of a choice.
    pub(super) fn read(&self, text: &[u8]) -> Result<c_int, Refusal> {
        let named = |(name, _): &(&CStr, T)| name.to_bytes().eq_ignore_ascii_case(text);
        let index = T::CHOICES.iter().position(named).ok_or("no such choice")?;
        self.check.map_or(Ok(()), |check| check(T::CHOICES[index].1))?;
        c_int::try_from(index).map_err(|_| "no such choice".into())
    }
}

impl<T: ConfigEnum> Register for EnumConfig<T> {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn flags(&self) -> ConfigFlags {
        self.flags
    }

    fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Error> {
        check_choices(T::CHOICES.iter().map(|&(name, _)| name))?;
        let default =
            given.map_or(Ok(0), |text| self.read(text)).map_err(|reason| refused(self.name, &reason))?;
        let register = required!(RedisModule_RegisterEnumConfig);
        let Ok(len) = c_int::try_from(T::CHOICES.len()) else { return Ok(super::ERR) };
        let mut names: Vec<*const c_char> = T::CHOICES.iter().map(|(name, _)| name.as_ptr()).collect();
        let values: Vec<c_int> = (0..len).collect();
        let (name, data, flags) = (self.name.as_ptr(), privdata(self), self.flags.known_bits());
        let (names, values) = (names.as_mut_ptr(), values.as_ptr());
        let (get, set) = (get_index::<T> as GetFn, set_index::<T> as SetFn);
        // SAFETY: R19: the private data is this static, which both callbacks take it for; names are copied.
        Ok(unsafe {
            register(
                load.as_ptr(),
                name,
                default,
                flags,
                names,
                values,
                len,
                Some(get),
                Some(set),
                None,
                data,
            )
        })
    }
}

pub(super) type GetFn = unsafe extern "C" fn(*const c_char, *mut c_void) -> c_int;
pub(super) type SetFn =
    unsafe extern "C" fn(*const c_char, c_int, *mut c_void, *mut *mut raw::RedisModuleString) -> c_int;

unsafe extern "C" fn get_index<T: ConfigEnum>(_name: *const c_char, data: *mut c_void) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<EnumConfig<T>>(data) };
    c_int::try_from(config.index.load(Ordering::Relaxed)).unwrap_or_default()
}

unsafe extern "C" fn set_index<T: ConfigEnum>(
    _name: *const c_char,
    index: c_int,
    data: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<EnumConfig<T>>(data) };
    // SAFETY: R19: the server passes where to put a refusal.
    unsafe { set(err, || config.set_index(index)) }
}
