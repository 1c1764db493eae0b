//! Registering configs, all at once.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use super::OK;
use crate::api::required;
use crate::context::LoadContext;
use crate::error::Error;

/// A config that can be registered: one of this crate's statics.
pub trait Config: sealed::Register {}

impl<C: sealed::Register> Config for C {}

pub(super) mod sealed {
    use crate::context::LoadContext;
    use std::ffi::{CStr, c_int};

    pub trait Register: Sync {
        /// The name after the module's and the dot.
        fn name(&self) -> &'static CStr;
        /// Registers it; the server's status.
        fn register(&'static self, load: &LoadContext<'_>) -> c_int;
    }
}

/// The server takes a module's values once: a second time would undo them (module.c, loadModuleConfigs).
static LOADED: AtomicBool = AtomicBool::new(false);

/// The module goes: should its code be loaded again, its configs are taken again.
pub(crate) fn abandon() {
    LOADED.store(false, Ordering::Release);
}

impl LoadContext<'_> {
    /// Registers all configs of the module and takes their values: from the configuration file, from the
    /// arguments of MODULE LOADEX, or the defaults. Once per module; afterwards the statics have their values.
    pub fn configs(&self, configs: &[&'static dyn Config]) -> Result<(), Error> {
        if LOADED.swap(true, Ordering::AcqRel) {
            return Err(Error::Refused {
                function: "RedisModule_LoadConfigs",
                reason: "configs are registered once, all together",
            });
        }
        for config in configs {
            check_name(config.name())?;
            accepted(config.register(self))?;
        }
        let load = required!(RedisModule_LoadConfigs);
        // SAFETY: R19: OnLoad is running and the configs are registered.
        if unsafe { load(self.as_ptr()) } == OK {
            return Ok(());
        }
        Err(Error::Refused {
            function: "RedisModule_LoadConfigs",
            reason: "a value was refused: the line before in the log says which",
        })
    }
}

fn accepted(status: c_int) -> Result<(), Error> {
    if status == OK {
        return Ok(());
    }
    Err(Error::Refused {
        function: "RedisModule_RegisterConfig",
        reason: "the name is not valid or taken, or a flag is unknown",
    })
}

/// What moduleVerifyConfigName (module.c) allows.
fn check_name(name: &CStr) -> Result<(), Error> {
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.to_bytes().iter().all(valid) {
        return Ok(());
    }
    Err(Error::Invalid { what: "a config's name", reason: "it holds letters, digits, _ and - alone" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_the_server_sees_them() {
        assert!(check_name(c"apply-budget_us").is_ok());
        for name in [c"", c"mirror.x", c"a b", c"\xff"] {
            assert!(check_name(name).is_err());
        }
    }
}
