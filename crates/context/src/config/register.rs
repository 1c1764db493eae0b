//! Registering configs, all at once.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{OK, Refusal};
use crate::api::required;
use crate::context::LoadContext;
use crate::error::Error;

/// A config that can be registered: one of this crate's statics.
pub trait Config: sealed::Register {}

impl<C: sealed::Register> Config for C {}

pub(super) mod sealed {
    use super::Refusal;
    use crate::context::LoadContext;
    use std::ffi::{CStr, c_int};

    pub trait Register: Sync {
        /// The name after the module's and the dot.
        fn name(&self) -> &'static CStr;
        /// Registers it, with `given` in place of its default; the server's status.
        fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Refusal>;
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
        self.register_configs(configs, &[])
    }

    /// The same for a module that is also loaded with `name value` pairs behind its path: `loadmodule mirror.so
    /// queue-max 1mb`, with or without the module's name and a dot in front. They take the place of the defaults: what
    /// the configuration file or CONFIG SET says counts more, and CONFIG REWRITE keeps it. An unknown name, a value
    /// that is refused and a name without a value refuse the load.
    pub fn configs_with_arguments(&self, configs: &[&'static dyn Config]) -> Result<(), Error> {
        let args: Vec<_> = self.args().collect();
        let pairs = args.as_chunks::<2>().0;
        let given: Vec<(&[u8], &[u8])> =
            pairs.iter().map(|[name, value]| (self.plain(name.as_bytes()), value.as_bytes())).collect();
        if args.len() % 2 == 1 {
            return Err(Error::module("the module's last argument is a setting without a value"));
        }
        let is_known = |name: &[u8]| configs.iter().any(|config| config.name().to_bytes() == name);
        match given.iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => Err(Error::module(format!(
                "the module has no setting {}",
                String::from_utf8_lossy(name).escape_debug()
            ))),
            None => self.register_configs(configs, &given),
        }
    }

    /// A setting's name without the module's in front.
    fn plain<'a>(&self, name: &'a [u8]) -> &'a [u8] {
        let prefix = self.module.to_bytes();
        name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(b".")).unwrap_or(name)
    }

    fn register_configs(
        &self,
        configs: &[&'static dyn Config],
        given: &[(&[u8], &[u8])],
    ) -> Result<(), Error> {
        if LOADED.swap(true, Ordering::AcqRel) {
            return Err(Error::Refused {
                function: "RedisModule_LoadConfigs",
                reason: "configs are registered once, all together",
            });
        }
        for config in configs {
            let name = config.name();
            check_name(name)?;
            // The last one counts, as in the configuration file.
            let value =
                given.iter().rev().find(|(given, _)| *given == name.to_bytes()).map(|(_, value)| *value);
            let status = config.register(self, value).map_err(|reason| {
                Error::module(format!("the setting {} was refused: {reason}", name.to_string_lossy()))
            })?;
            accepted(status)?;
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
