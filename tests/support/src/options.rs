use std::collections::BTreeMap;
use std::path::Path;

use crate::port::free_port;
use crate::tls::TlsPort;
use crate::{Result, Version, module_under_test};

/// How a server is to be started.
///
/// Without options: no persistence, debug commands on, modules loadable at run time, diskless full syncs that
/// start at once.
#[derive(Debug, Clone, Default)]
pub struct Options {
    // A later setting of the same name replaces an earlier one.
    settings: BTreeMap<String, String>,
    modules: Vec<String>,
    mirror: Option<String>,
    tls: Option<TlsPort>,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a line of the configuration: `.set("appendonly", "yes")`.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.insert(name.to_owned(), value.to_string());
        self
    }

    /// The append-only file on, each write on disk before its reply: nothing acknowledged is lost by kill -9.
    #[must_use]
    pub fn durable(self) -> Self {
        self.set("appendonly", "yes").set("appendfsync", "always")
    }

    /// Loads the module under test, with module arguments (`""` for none).
    #[must_use]
    pub fn mirror(mut self, arguments: &str) -> Self {
        self.mirror = Some(arguments.to_owned());
        self
    }

    /// Sets a variable of the process' environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Opens a second port that speaks TLS, see [`crate::Server::tls_address`].
    #[must_use]
    pub fn tls(mut self, port: TlsPort) -> Self {
        self.tls = Some(port);
        self
    }

    /// Loads the module under test unless these options do already.
    pub(crate) fn with_mirror(self) -> Self {
        if self.mirror.is_some() { self } else { self.mirror("") }
    }

    /// Loads another module.
    #[must_use]
    pub fn module(mut self, path: &Path, arguments: &str) -> Self {
        self.modules.push(format!("{} {arguments}", path.display()));
        self
    }

    pub(crate) fn configuration(
        &self,
        version: Version,
        port: u16,
        tls_port: u16,
        dir: &Path,
    ) -> Result<String> {
        let mut settings: BTreeMap<&str, String> =
            DEFAULTS.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        settings.retain(|name, _| !version.is_old() || !SINCE_7_0.contains(name));
        settings.insert("port", port.to_string());
        settings.insert("dir", dir.display().to_string());
        if let Some(tls) = &self.tls {
            settings.insert("tls-port", tls_port.to_string());
            settings.extend(tls.settings(dir)?);
        }
        settings.extend(self.settings.iter().map(|(name, value)| (name.as_str(), value.clone())));
        if settings.get("cluster-enabled").is_some_and(|enabled| enabled == "yes") {
            // By itself it is 10,000 above the port: among those that outgoing connections use.
            settings.entry("cluster-port").or_insert_with(|| free_port().to_string());
        }
        let mut lines: Vec<String> = settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if let Some(arguments) = &self.mirror {
            lines.push(format!("loadmodule {} {arguments}", module_under_test()?.display()));
        }
        lines.extend(self.modules.iter().map(|module| format!("loadmodule {module}")));
        Ok(lines.join("\n") + "\n")
    }
}

/// Settings that came with Redis 7.0, which before it did what they allow.
const SINCE_7_0: [&str; 2] = ["enable-debug-command", "enable-module-command"];

const DEFAULTS: [(&str, &str); 11] = [
    ("bind", "127.0.0.1"),
    ("protected-mode", "no"),
    ("daemonize", "no"),
    ("save", "\"\""),
    ("appendonly", "no"),
    ("enable-debug-command", "yes"),
    ("enable-module-command", "yes"),
    ("repl-diskless-sync", "yes"),
    ("repl-diskless-sync-delay", "0"),
    ("databases", "16"),
    // A test must not stumble over the disk of the machine it runs on.
    ("stop-writes-on-bgsave-error", "no"),
];
