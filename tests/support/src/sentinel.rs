use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};

use crate::folder::new_folder;
use crate::port::{free_port, local};
use crate::wait::{PATIENCE, wait_within};
use crate::{Client, Error, Installed, Result, TlsPort, cmd};

/// How many there are, and how many must agree that the primary is down.
const COUNT: usize = 3;
const QUORUM: usize = 2;
/// How long a server may be silent. Sentinel asks each second and connects anew to a server that has been promoted: with
/// a single second it fails over again as soon as one answer is late.
const DOWN_AFTER_MS: u32 = 3000;

/// Three Sentinels that watch one primary, under the name `watched`. They notice its end after three seconds.
#[derive(Debug)]
pub struct Sentinels {
    members: Vec<Member>,
}

/// How often another port is tried.
const PORT_TRIES: usize = 3;

/// How Sentinels are to be started.
#[derive(Debug, Clone, Default)]
pub struct SentinelOptions {
    lines: Vec<String>,
    tls: Option<TlsPort>,
}

impl SentinelOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line of the configuration.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Opens a second port that speaks TLS, see [`Sentinels::tls_addresses`].
    #[must_use]
    pub fn tls(mut self, port: TlsPort) -> Self {
        self.tls = Some(port);
        self
    }
}

#[derive(Debug)]
struct Member {
    process: Child,
    port: u16,
    tls_port: u16,
    dir: PathBuf,
}

impl Sentinels {
    /// Starts them and waits until each knows the others.
    ///
    /// # Errors
    /// [`Error::File`], or [`Error::TimedOut`] with what they know.
    pub fn watch(installed: &Installed, primary: SocketAddr) -> Result<Self> {
        Self::watch_with(installed, primary, &SentinelOptions::new())
    }

    /// As [`Sentinels::watch`].
    ///
    /// # Errors
    /// Those of [`Sentinels::watch`].
    pub fn watch_with(installed: &Installed, primary: SocketAddr, options: &SentinelOptions) -> Result<Self> {
        let mut sentinels = Sentinels { members: Vec::new() };
        for _ in 0..COUNT {
            sentinels.members.push(Member::start_somewhere(installed, primary, options)?);
        }
        for member in &sentinels.members {
            wait_within(PATIENCE, "the Sentinels to find each other", || member.knows_others())?;
        }
        Ok(sentinels)
    }

    /// Where they listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| local(member.port)).collect()
    }

    /// Where they listen with TLS, if their options say so.
    pub fn tls_addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| local(member.tls_port)).collect()
    }

    /// Ends one of them, as by `kill -9`.
    pub fn kill(&mut self, index: usize) {
        // Both fail only when it has ended already.
        let _ = self.members[index].process.kill();
        let _ = self.members[index].process.wait();
    }

    /// Where the primary is, as the first of them says.
    ///
    /// # Errors
    /// Those of [`Client::call`]; [`Error::Unexpected`] for another kind of answer.
    pub fn primary_port(&self) -> Result<u16> {
        let command = cmd!("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "watched");
        let value = Client::connect(local(self.members[0].port))?.call(&command)?;
        let port = value.as_array().and_then(|pair| pair.get(1)?.as_text()?.parse().ok());
        port.ok_or_else(|| Error::Unexpected {
            command: command.to_string(),
            expected: "an address",
            got: value.to_string(),
        })
    }

    /// The replicas that each of them knows: port and flags.
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub fn replicas(&self) -> Result<Vec<(u16, String)>> {
        let mut all = Vec::new();
        for member in &self.members {
            let value = Client::connect(local(member.port))?.call(cmd!("SENTINEL", "REPLICAS", "watched"))?;
            for replica in value.as_array().unwrap_or_default() {
                let text = |field: &str| {
                    let pairs = replica.pairs().unwrap_or_default();
                    let found = pairs.into_iter().find(|(name, _)| name.as_text().as_deref() == Some(field));
                    found.and_then(|(_, value)| value.as_text()).unwrap_or_default()
                };
                all.push((text("port").parse().unwrap_or(0), text("flags")));
            }
        }
        Ok(all)
    }

    /// All they have logged.
    pub fn log(&self) -> String {
        let logs = self.members.iter().map(|member| fs::read_to_string(member.dir.join("log")));
        logs.map(Result::unwrap_or_default).collect()
    }
}

impl Member {
    /// At a port that nobody takes meanwhile.
    fn start_somewhere(
        installed: &Installed,
        primary: SocketAddr,
        options: &SentinelOptions,
    ) -> Result<Self> {
        for _ in 1..PORT_TRIES {
            let mut member = Self::start(installed, primary, options)?;
            if wait_within(PATIENCE, "a Sentinel to answer", || member.is_up_or_gone())? {
                return Ok(member);
            }
        }
        Self::start(installed, primary, options)
    }

    /// Whether it is up; an error as long as that is open.
    fn is_up_or_gone(&mut self) -> Result<bool, String> {
        if self.process.try_wait().map_err(|error| error.to_string())?.is_some() {
            return Ok(false);
        }
        Client::connect(local(self.port)).map(|_| true).map_err(|error| error.to_string())
    }

    fn start(installed: &Installed, primary: SocketAddr, options: &SentinelOptions) -> Result<Self> {
        let dir = new_folder(&format!("{}-sentinel", installed.name))?;
        let (port, tls_port) = (free_port(), free_port());
        let (file, log) = (dir.join("sentinel.conf"), dir.join("log"));
        let mut configuration = format!(
            "port {port}\nbind 127.0.0.1\nprotected-mode no\ndaemonize no\ndir {}\n\
             sentinel monitor watched {} {} {QUORUM}\nsentinel down-after-milliseconds watched {DOWN_AFTER_MS}\n\
             sentinel failover-timeout watched 6000\nsentinel parallel-syncs watched 1\n",
            dir.display(),
            primary.ip(),
            primary.port(),
        );
        if let Some(tls) = &options.tls {
            configuration += &format!("tls-port {tls_port}\n");
            for (name, value) in tls.settings(&dir)? {
                configuration += &format!("{name} {value}\n");
            }
        }
        options.lines.iter().for_each(|line| configuration += &format!("{line}\n"));
        fs::write(&file, configuration).map_err(|source| Error::File { path: file.clone(), source })?;
        let output = File::create(&log).map_err(|source| Error::File { path: log, source })?;
        let mut process = Process::new(&installed.program);
        process.arg(&file).arg("--sentinel").current_dir(&dir).stdin(Stdio::null()).stdout(output);
        let process = process.stderr(Stdio::null()).spawn();
        let process = process.map_err(|source| Error::File { path: installed.program.clone(), source })?;
        Ok(Member { process, port, tls_port, dir })
    }

    fn knows_others(&self) -> Result<(), String> {
        let mut client = Client::connect(local(self.port)).map_err(|error| error.to_string())?;
        let value =
            client.call(cmd!("SENTINEL", "SENTINELS", "watched")).map_err(|error| error.to_string())?;
        match value.as_array().map(<[_]>::len) {
            Some(others) if others == COUNT - 1 => Ok(()),
            other => Err(format!("one knows {other:?} others")),
        }
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the Sentinels' log\n{}\n---", self.log());
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Both fail only when it has ended already; what remains is a folder in the system's temporary one.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
