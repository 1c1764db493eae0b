//! Defaults that depend on where the module runs.

use std::marker::PhantomData;

use super::register::refused;
use super::{BoolConfig, ConfigEnum, EnumConfig, FlagsConfig, IntConfig, StringConfig, UintConfig};
use crate::error::Error;

/// The moment between the defaults and what the administrator has given: see
/// [`crate::LoadContext::configs_after_defaults`]. CONFIG GET shows what is set here, and CONFIG REWRITE writes it,
/// since it isn't the default that was registered.
///
/// Each method checks its value as CONFIG SET would: what is refused, or out of range, is [`Error::Module`].
pub struct Defaults<'a>(PhantomData<*mut &'a ()>);

impl Defaults<'_> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }

    /// A whole number or a size.
    pub fn int(&self, config: &'static IntConfig, value: i64) -> Result<(), Error> {
        config.assign(value).map_err(|reason| refused(config.name, &reason))
    }

    /// A whole number without a sign.
    pub fn uint(&self, config: &'static UintConfig, value: u64) -> Result<(), Error> {
        config
            .checked(value)
            .and_then(|value| config.assign(value))
            .map_err(|reason| refused(config.name, &reason))
    }

    /// A switch.
    pub fn bool(&self, config: &'static BoolConfig, value: bool) -> Result<(), Error> {
        config.assign(value).map_err(|reason| refused(config.name, &reason))
    }

    /// A text.
    pub fn text(&self, config: &'static StringConfig, value: &[u8]) -> Result<(), Error> {
        config.set(value).map_err(|reason| refused(config.name, &reason))
    }

    /// A choice, by its name.
    pub fn choice<T: ConfigEnum>(&self, config: &'static EnumConfig<T>, name: &str) -> Result<(), Error> {
        let index = config.read(name.as_bytes());
        index.and_then(|index| config.set_index(index)).map_err(|reason| refused(config.name, &reason))
    }

    /// Several choices, by their names with spaces between, or `none`.
    pub fn choices<T: ConfigEnum>(&self, config: &'static FlagsConfig<T>, names: &str) -> Result<(), Error> {
        let bits = FlagsConfig::<T>::read(names.as_bytes());
        bits.and_then(|bits| config.assign(bits.cast_signed()))
            .map_err(|reason| refused(config.name, &reason))
    }
}
