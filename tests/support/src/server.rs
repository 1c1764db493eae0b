use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::folder::new_folder;
use crate::port::{free_port, local};
use crate::wait::{PATIENCE, slowness, wait_for, wait_within};
use crate::{Client, Error, Info, Installed, Options, Result};

/// How often another port is tried when somebody else took the first one meanwhile.
const PORT_TRIES: usize = 5;
const LOG_TAIL_LINES: usize = 60;
/// How long a server may take to end before it is killed.
const ENDING: Duration = Duration::from_secs(5);

/// Starts what its arguments say, in the same process. A write beyond [`Server::limit_files`] then fails as on a
/// full disk, instead of ending the process by a signal. A crash leaves no core among the files that tests look at.
const FULL_DISK_IS_AN_ERROR: &str = "trap '' XFSZ; ulimit -c 0; exec \"$0\" \"$@\"";

/// A running (or killed) server with a folder and a port of its own. Dropped, it is killed and its folder removed; when
/// the test is failing, the end of its log is printed and with `REDIS_MIRROR_TEST_KEEP` set the folder stays.
#[derive(Debug)]
pub struct Server {
    installed: Installed,
    options: Options,
    dir: PathBuf,
    port: u16,
    tls_port: u16,
    child: Option<Child>,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    /// When it doesn't come up; with its log.
    #[track_caller]
    pub fn start(installed: &Installed, options: Options) -> Self {
        Self::try_start(installed, options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// [`Error::Start`] with its log when it doesn't come up, [`Error::Module`], [`Error::File`].
    pub fn try_start(installed: &Installed, options: Options) -> Result<Self> {
        let dir = new_folder(&installed.name)?;
        let mut server =
            Server { installed: installed.clone(), options, dir, port: 0, tls_port: 0, child: None };
        let mut tries = PORT_TRIES;
        loop {
            server.port = free_port();
            server.tls_port = free_port();
            tries -= 1;
            match server.try_resume() {
                Err(Error::Start { log, .. }) if tries > 0 && log.contains("Address already in use") => {}
                outcome => return outcome.map(|()| server),
            }
        }
    }

    /// Starts the killed or stopped server again, on the same port with the same folder and options.
    ///
    /// # Panics
    /// When it runs, or doesn't come up.
    #[track_caller]
    pub fn resume(&mut self) {
        self.try_resume().unwrap_or_else(|error| panic!("{error}"));
    }

    /// As [`Server::resume`].
    ///
    /// # Errors
    /// [`Error::Start`] with its log when it doesn't come up, [`Error::Module`], [`Error::File`].
    pub fn try_resume(&mut self) -> Result<()> {
        assert!(self.child.is_none(), "{} runs already", self.installed.name);
        self.launch()?;
        self.wait_ready()
    }

    /// As [`Server::resume`], but with the configuration file as CONFIG REWRITE has left it.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn resume_as_rewritten(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.installed.name);
        self.spawn().and_then(|()| self.wait_ready()).unwrap_or_else(|error| panic!("{error}"));
    }

    fn wait_ready(&mut self) -> Result<()> {
        let ready = wait_within(PATIENCE, "the server's answer", || self.probe());
        match ready {
            Ok(Ok(())) => Ok(()),
            Ok(Err(exit)) => Err(self.failed_start(format!("it ended with {exit}"))),
            Err(error) => Err(self.failed_start(error.to_string())),
        }
    }

    fn launch(&mut self) -> Result<()> {
        let configuration =
            self.options.configuration(self.installed.version, self.port, self.tls_port, &self.dir)?;
        let file = self.configuration_file();
        fs::write(&file, configuration).map_err(|source| Error::File { path: file, source })?;
        self.spawn()
    }

    fn configuration_file(&self) -> PathBuf {
        self.dir.join("server.conf")
    }

    fn spawn(&mut self) -> Result<()> {
        let log = self.open_log()?;
        let errors = log.try_clone().map_err(|source| Error::File { path: self.log_path(), source })?;
        let mut process = Process::new("sh");
        process
            .args(["-c", FULL_DISK_IS_AN_ERROR])
            .arg(&self.installed.program)
            .arg(self.configuration_file());
        process
            .envs(&self.options.environment)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let child = process.spawn();
        let path = self.installed.program.clone();
        self.child = Some(child.map_err(|source| Error::File { path, source })?);
        Ok(())
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log_path();
        File::options().create(true).append(true).open(&path).map_err(|source| Error::File { path, source })
    }

    /// `Ok(Ok)` when the server answers, `Ok(Err)` when it ended, else why it isn't ready.
    fn probe(&mut self) -> Result<Result<(), ExitStatus>, String> {
        let child = self.child.as_mut().ok_or("not started")?;
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Err(status));
        }
        let mut client = Client::connect(self.address()).map_err(|error| error.to_string())?;
        match client.call("PING") {
            Ok(_) => self.is_ours(&mut client).map(Ok),
            // With a password, or as a replica that doesn't serve stale data: up all the same.
            Err(Error::Refused { message, .. }) if !message.starts_with("LOADING") => Ok(Ok(())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Another process may have taken the port between our look and the server's bind.
    fn is_ours(&self, client: &mut Client) -> Result<(), String> {
        let info = Info::read(client, "server").map_err(|error| error.to_string())?;
        match info.number("process_id") {
            Some(pid) if pid == i64::from(self.pid()) => Ok(()),
            other => Err(format!("process {other:?} answers at the port instead")),
        }
    }

    fn failed_start(&mut self, reason: String) -> Error {
        self.kill();
        Error::Start { name: self.installed.to_string(), reason, log: self.log_tail() }
    }

    /// Kills the server as by `kill -9`. Does nothing when it doesn't run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A stopped process takes SIGKILL too. Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Lets the server end by itself, so that the tool which watches it can tell what it saw.
    fn end(&mut self) {
        let Some(child) = self.child.as_mut() else { return };
        let Some(process) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
        // A server that has ended takes no signal; one that was frozen takes the first when it goes on.
        let _ = kill_process(process, Signal::TERM);
        let _ = kill_process(process, Signal::CONT);
        // What does not end is killed.
        let _ = wait_within(ENDING, "the server's end", || match child.try_wait() {
            Ok(None) => Err("it still runs"),
            _ => Ok(()),
        });
    }

    /// Kills the server and starts it again.
    ///
    /// # Panics
    /// When it doesn't come up.
    #[track_caller]
    pub fn kill_and_resume(&mut self) {
        self.kill();
        self.resume();
    }

    /// Ends the server by SIGTERM, as an init system does, and waits until it has.
    ///
    /// # Panics
    /// When it doesn't run, ends with an error, or doesn't end.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let status = self.wait_end();
        assert!(status.success(), "{} ended with {status}\n{}", self.installed, self.log_tail());
        status
    }

    /// Waits until the server has ended by itself.
    ///
    /// # Panics
    /// When it doesn't run or doesn't end.
    #[track_caller]
    pub fn wait_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap_or_else(|| panic!("{} doesn't run", self.installed));
        wait_for("the server's end", || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it still runs".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Stops the process in its tracks (SIGSTOP) until [`Server::thaw`]: the kernel still accepts connections
    /// and data.
    ///
    /// # Panics
    /// When it doesn't run.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen process go on.
    ///
    /// # Panics
    /// When it doesn't run.
    #[track_caller]
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    #[track_caller]
    fn process(&self) -> Pid {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        pid.unwrap_or_else(|| panic!("{} has no process id", self.installed))
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap_or_else(|error| panic!("{}: {error}", self.installed));
    }

    /// Has every write fail that would make a file longer than `bytes`: a full disk. `None` ends it.
    ///
    /// # Panics
    /// When it doesn't run.
    #[track_caller]
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.process()), Resource::Fsize, limit)
            .unwrap_or_else(|error| panic!("{}: {error}", self.installed));
    }

    /// The processor time the process has used so far, in the kernel's ticks.
    ///
    /// # Panics
    /// When it doesn't run.
    #[track_caller]
    pub fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name, in brackets, may hold blanks; utime and stime are the 12th and 13th field after it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    }

    /// The process id.
    ///
    /// # Panics
    /// When the server doesn't run.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap_or_else(|| panic!("{} doesn't run", self.installed)).id()
    }

    /// Whether the process exists: false after [`Server::kill`] and after a crash.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Options for the next [`Server::resume`].
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// The program it was started from.
    pub fn installed(&self) -> &Installed {
        &self.installed
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        local(self.port)
    }

    /// Where it listens with TLS, if its options say so.
    pub fn tls_address(&self) -> SocketAddr {
        local(self.tls_port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address in the form MIRROR.CREATE takes.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Its working folder, with its files and its log.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new connection.
    ///
    /// # Panics
    /// When the server doesn't answer.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.address()).unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()))
    }

    /// One section of INFO.
    ///
    /// # Panics
    /// When the server doesn't answer.
    #[track_caller]
    pub fn info(&self, section: &str) -> Info {
        Info::read(&mut self.client(), section).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The whole log so far, over all restarts.
    pub fn log(&self) -> String {
        fs::read(self.log_path()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The end of the log.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// Waits until the server has logged a text since a position in its [`Server::log`].
    ///
    /// # Panics
    /// When it doesn't within `patience`.
    #[track_caller]
    pub fn wait_log(&self, since: usize, text: &str, patience: Duration) {
        let found = wait_within(patience, &format!("{text:?} in the log"), || {
            let log = self.log();
            let part = log.get(since..).unwrap_or_default();
            if part.contains(text) { Ok(()) } else { Err(format!("{} bytes without it", part.len())) }
        });
        found.unwrap_or_else(|error| panic!("{error}\n{}", self.log_tail()));
    }

    /// Makes this server a replica of another and waits until the link is up.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn replicate(&self, source: SocketAddr) {
        let mut client = self.client();
        client.run(crate::cmd!("REPLICAOF", source.ip().to_string(), source.port()));
        wait_for("the native link", || match self.info("replication").get("master_link_status") {
            Some("up") => Ok(()),
            other => Err(format!("master_link_status {other:?}")),
        });
    }

    /// Waits until a background save or rewrite that runs has ended.
    ///
    /// # Panics
    /// When it doesn't end.
    #[track_caller]
    pub fn wait_saved(&self) {
        wait_for("the background save", || {
            let info = self.info("persistence");
            let busy = ["rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"];
            match busy.iter().find(|field| info.number(field) == Some(1)) {
                None => Ok(()),
                Some(field) => Err(*field),
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if slowness() > 1 && !std::thread::panicking() {
            self.end();
        }
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of {} on port {}\n{}\n---", self.installed, self.port, self.log_tail());
            if std::env::var_os("REDIS_MIRROR_TEST_KEEP").is_some() {
                eprintln!("kept: {}", self.dir.display());
                return;
            }
        }
        // What remains is only a folder in the system's temporary one.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
