//! Registering configs, all at once.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use super::names::Names;
use super::{Defaults, OK, Refusal};
use crate::api::{api, required};
use crate::cell::MainCell;
use crate::context::{Context, LoadContext};
use crate::error::Error;

/// A config that can be registered: one of this crate's statics.
pub trait Config: sealed::Register {}

impl<C: sealed::Register> Config for C {}

pub(super) mod sealed {
    use crate::config::ConfigFlags;
    use crate::context::LoadContext;
    use crate::error::Error;
    use std::ffi::{CStr, c_int};

    pub trait Register: Sync {
        /// The name after the module's and the dot.
        fn name(&self) -> &'static CStr;
        /// How it may be set and shown.
        fn flags(&self) -> ConfigFlags;
        /// Registers it, with `given` in place of its default; the server's status.
        fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Error>;
        /// The module goes: drops what a static would keep for ever.
        fn forget(&'static self) {}
    }
}

/// The server takes a module's values once: a second time would undo them (module.c, loadModuleConfigs).
static LOADED: AtomicBool = AtomicBool::new(false);

/// Those that the server was told of.
static REGISTERED: MainCell<Vec<&'static dyn Config>> = MainCell::new(Vec::new());

/// The module goes: should its code be loaded again, its configs are taken again.
pub(crate) fn abandon(ctx: &Context<'_>) {
    LOADED.store(false, Ordering::Release);
    for config in REGISTERED.take(ctx).unwrap_or_default() {
        config.forget();
    }
}

impl LoadContext<'_> {
    /// Registers all configs of the module and takes their values: from the configuration file, from the
    /// arguments of MODULE LOADEX, or the defaults. Once per module; afterwards the statics have their values.
    ///
    /// # Errors
    /// [`Error::Registration`] names the config that is in the way: its name, its choices or its range.
    pub fn configs(&self, configs: &[&'static dyn Config]) -> Result<(), Error> {
        self.register_configs(configs, &[])?;
        self.load_configs()
    }

    /// The same for a module whose defaults depend on where it runs: the configs get their defaults, `between` may
    /// change them, and then come the values that the administrator has given. Redis 8.0 on.
    ///
    /// ```
    /// use redis_context::config::IntConfig;
    /// use redis_context::{Error, LoadContext};
    /// static WORKERS: IntConfig = IntConfig::new(c"workers", 1).range(1, 64);
    /// fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    ///     let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as i64);
    ///     let settled = load.configs_after_defaults(&[&WORKERS], |defaults| {
    ///         defaults.int(&WORKERS, processors.min(64))
    ///     });
    ///     match settled {
    ///         Err(Error::Unsupported { .. }) => load.configs(&[&WORKERS]),
    ///         settled => settled,
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere, and then nothing is registered yet; what `between` gives refuses the load.
    pub fn configs_after_defaults(
        &self,
        configs: &[&'static dyn Config],
        between: impl FnOnce(&Defaults<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let load = api!(RedisModule_LoadDefaultConfigs, "Redis 8.0")?;
        self.register_configs(configs, &[])?;
        // SAFETY: R19: OnLoad is running and the configs are registered.
        if unsafe { load(self.as_ptr()) } != OK {
            return Err(Error::Refused {
                function: "RedisModule_LoadDefaultConfigs",
                reason: "a default was refused: the line before in the log says which",
            });
        }
        between(&Defaults::new())?;
        self.load_configs()
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
            None => {
                self.register_configs(configs, &given)?;
                self.load_configs()
            }
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
        let mut names = Names::default();
        for config in configs {
            let name = config.name();
            let registered = names.add(name, config.flags()).and_then(|()| self.register(*config, given));
            registered.map_err(|error| error.of("the config", name.to_bytes()))?;
        }
        Ok(())
    }

    fn register(&self, config: &'static dyn Config, given: &[(&[u8], &[u8])]) -> Result<(), Error> {
        let name = config.name().to_bytes();
        // The last one counts, as in the configuration file.
        let value = given.iter().rev().find(|(given, _)| *given == name).map(|(_, value)| *value);
        accepted(config.register(self, value)?)?;
        REGISTERED.try_borrow_mut(self)?.push(config);
        Ok(())
    }

    fn load_configs(&self) -> Result<(), Error> {
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

/// A value that the load's arguments give and the config refuses.
pub(super) fn refused(name: &CStr, reason: &Refusal) -> Error {
    Error::module(format!("the setting {} was refused: {reason}", name.to_string_lossy()))
}

fn accepted(status: c_int) -> Result<(), Error> {
    if status == OK {
        return Ok(());
    }
    Err(Error::Refused { function: "RedisModule_RegisterConfig", reason: "the name is taken, or not valid" })
}
