//! Several choices at once.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use redis_module::raw;

use super::enumeration::{GetFn, SetFn};
use super::names::check_choices;
use super::register::refused;
use super::register::sealed::Register;
use super::{ConfigEnum, ConfigFlags, Refusal, config, privdata, set};
use crate::api::required;
use crate::context::LoadContext;
use crate::error::Error;

/// Looks at a new value before it is taken.
type Check<T> = fn(Chosen<T>) -> Result<(), Refusal>;

/// Any of several names, separated by spaces: `CONFIG SET hello.notify "reads writes"`. No choice at all is called
/// `none`, which is none of the choices' names.
pub struct FlagsConfig<T> {
    pub(super) name: &'static CStr,
    default: &'static str,
    flags: ConfigFlags,
    check: Option<Check<T>>,
    bits: AtomicU32,
    choice: PhantomData<T>,
}

/// What a [`FlagsConfig`] is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen<T> {
    bits: u32,
    choice: PhantomData<T>,
}

impl<T: ConfigEnum> Chosen<T> {
    /// The choices, in the order of [`ConfigEnum::CHOICES`].
    pub fn iter(self) -> impl Iterator<Item = T> {
        let is_chosen = move |place: usize| self.bits & (1 << place) != 0;
        T::CHOICES
            .iter()
            .enumerate()
            .filter(move |(place, _)| is_chosen(*place))
            .map(|(_, &(_, choice))| choice)
    }

    /// Whether nothing is chosen.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }
}

impl<T: ConfigEnum + PartialEq> Chosen<T> {
    /// Whether this is one of the choices.
    pub fn contains(self, choice: T) -> bool {
        self.iter().any(|chosen| chosen == choice)
    }
}

const NONE: &CStr = c"none";

impl<T: ConfigEnum> FlagsConfig<T> {
    /// Choices, and the default as CONFIG SET would take it: `"reads writes"`, or `"none"`. Until it is registered
    /// nothing is chosen. There are at most 30 choices.
    pub const fn new(name: &'static CStr, default: &'static str) -> Self {
        const {
            assert!(!T::CHOICES.is_empty(), "a config has at least one choice");
            assert!(
                T::CHOICES.len() <= 30,
                "each choice is a bit of an int, whose least value means an error"
            );
        };
        Self {
            name,
            default,
            flags: ConfigFlags::empty(),
            check: None,
            bits: AtomicU32::new(0),
            choice: PhantomData,
        }
    }

    /// How it may be set and shown.
    pub const fn flags(mut self, flags: ConfigFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Looks at a new value before it is taken.
    pub const fn check(mut self, check: Check<T>) -> Self {
        self.check = Some(check);
        self
    }

    /// The value, from any thread.
    #[inline]
    pub fn get(&self) -> Chosen<T> {
        Chosen { bits: self.bits.load(Ordering::Relaxed), choice: PhantomData }
    }
}

impl<T: ConfigEnum> FlagsConfig<T> {
    /// The bits of the names in a text.
    pub(super) fn read(text: &[u8]) -> Result<u32, Refusal> {
        let bit = |word: &[u8]| {
            if word.eq_ignore_ascii_case(NONE.to_bytes()) {
                return Ok(0);
            }
            let named = |(name, _): &(&CStr, T)| name.to_bytes().eq_ignore_ascii_case(word);
            T::CHOICES.iter().position(named).map(|place| 1 << place).ok_or("no such choice")
        };
        if text.is_empty() {
            return Err("no such choice".into());
        }
        text.split(|&byte| byte == b' ').try_fold(0, |bits, word| Ok(bits | bit(word)?))
    }

    fn checked(&self, bits: u32) -> Result<u32, Refusal> {
        if bits >> T::CHOICES.len() != 0 {
            return Err("no such choice".into());
        }
        self.check.map_or(Ok(()), |check| check(Chosen { bits, choice: PhantomData }))?;
        Ok(bits)
    }

    pub(super) fn assign(&self, value: c_int) -> Result<(), Refusal> {
        self.bits.store(self.checked(value.cast_unsigned())?, Ordering::Relaxed);
        Ok(())
    }
}

impl<T: ConfigEnum> Register for FlagsConfig<T> {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn flags(&self) -> ConfigFlags {
        self.flags
    }

    fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Error> {
        check_choices(std::iter::once(NONE).chain(T::CHOICES.iter().map(|&(name, _)| name)))?;
        let default =
            Self::read(given.unwrap_or(self.default.as_bytes())).and_then(|bits| self.checked(bits));
        let default = default.map_err(|reason| refused(self.name, &reason))?.cast_signed();
        let register = required!(RedisModule_RegisterEnumConfig);
        // The server looks for a perfect match first: without a name for 0 it would write "unknown".
        let mut names: Vec<*const c_char> =
            std::iter::once(NONE).chain(T::CHOICES.iter().map(|&(name, _)| name)).map(CStr::as_ptr).collect();
        let values: Vec<c_int> =
            std::iter::once(0).chain((0..T::CHOICES.len()).map(|place| 1 << place)).collect();
        let Ok(len) = c_int::try_from(values.len()) else { return Ok(super::ERR) };
        let flags = self.flags.known_bits() | raw::REDISMODULE_CONFIG_BITFLAGS;
        let (names, values, data) = (names.as_mut_ptr(), values.as_ptr(), privdata(self));
        let (get, set) = (Some(get_bits::<T> as GetFn), Some(set_bits::<T> as SetFn));
        let (load, name) = (load.as_ptr(), self.name.as_ptr());
        // SAFETY: R19: the private data is this static, which both callbacks take it for; names are copied.
        Ok(unsafe { register(load, name, default, flags, names, values, len, get, set, None, data) })
    }
}

unsafe extern "C" fn get_bits<T: ConfigEnum>(_name: *const c_char, data: *mut c_void) -> c_int {
    // SAFETY: R19: the static that was registered.
    unsafe { config::<FlagsConfig<T>>(data) }.get().bits.cast_signed()
}

unsafe extern "C" fn set_bits<T: ConfigEnum>(
    _name: *const c_char,
    value: c_int,
    data: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<FlagsConfig<T>>(data) };
    // SAFETY: R19: the server passes where to put a refusal.
    unsafe { set(err, || config.assign(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum What {
        Reads,
        Writes,
    }

    impl ConfigEnum for What {
        const CHOICES: &'static [(&'static CStr, Self)] =
            &[(c"reads", What::Reads), (c"writes", What::Writes)];
    }

    #[test]
    fn choices_add_up_and_unknown_ones_are_refused() {
        static CONFIG: FlagsConfig<What> = FlagsConfig::new(c"what", "reads")
            .check(|what| if what.contains(What::Writes) { Err("not now".into()) } else { Ok(()) });
        assert_eq!(FlagsConfig::<What>::read(b"Reads writes"), Ok(3));
        assert_eq!(FlagsConfig::<What>::read(b"none"), Ok(0));
        for text in [&b""[..], b"read", b"reads  writes", b"\xff"] {
            assert!(FlagsConfig::<What>::read(text).is_err(), "{text:?}");
        }
        assert!(CONFIG.get().is_empty());
        assert!(CONFIG.assign(1).is_ok() && CONFIG.assign(2).is_err() && CONFIG.assign(4).is_err());
        assert!(CONFIG.assign(-1).is_err());
        assert_eq!(CONFIG.get().iter().collect::<Vec<_>>(), [What::Reads]);
    }
}
