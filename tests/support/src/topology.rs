use std::time::Duration;

use crate::digest::{self, Mapping};
use crate::wait::{PATIENCE, wait_within};
use crate::{Client, Installed, Options, Proxy, Result, Server, Status, Value, cmd};

/// A source, a local server with the module that mirrors it, and a proxy on the link between them. With
/// [`Topology::add_replica`] also a native replica of the local server.
#[derive(Debug)]
pub struct Topology {
    /// The server whose data is mirrored. It has no module.
    pub source: Server,
    /// The server with the module.
    pub local: Server,
    /// The link from local to source.
    pub link: Proxy,
    /// Native replicas of local, with the module.
    pub replicas: Vec<Server>,
}

impl Topology {
    /// Starts both servers with the default options, the local one with the module.
    ///
    /// # Errors
    /// Those of [`Server::try_start`].
    pub fn start(source: &Installed, local: &Installed) -> Result<Self> {
        Self::start_with(source, Options::new(), local, Options::new())
    }

    /// Starts both servers; the module is added to the local one's options unless they have it.
    ///
    /// # Errors
    /// Those of [`Server::try_start`].
    pub fn start_with(
        source: &Installed,
        source_options: Options,
        local: &Installed,
        local_options: Options,
    ) -> Result<Self> {
        let source = Server::try_start(source, source_options)?;
        let local = Server::try_start(local, local_options.with_mirror())?;
        let link = Proxy::new(source.address());
        Ok(Topology { source, local, link, replicas: Vec::new() })
    }

    /// Starts a native replica of the local server, with the module, and waits until its link is up.
    ///
    /// # Errors
    /// Those of [`Server::try_start`].
    pub fn add_replica(&mut self) -> Result<&mut Server> {
        let replica = Server::try_start(self.local.installed(), Options::new().with_mirror())?;
        replica.replicate(self.local.address());
        self.replicas.push(replica);
        let last = self.replicas.len() - 1;
        Ok(&mut self.replicas[last])
    }

    /// Creates a mirror of the source through the link; `options` are the words after the address.
    ///
    /// # Errors
    /// The module's refusal.
    pub fn create(&self, name: &str, options: impl Into<MirrorOptions>) -> Result<()> {
        let command = cmd!("MIRROR.CREATE", name, self.link.url()).args(options.into().0);
        self.local.client().call(command).map(|_| ())
    }

    /// Waits until the mirror streams.
    ///
    /// # Errors
    /// [`crate::Error::TimedOut`] with the state it is in.
    pub fn wait_streaming(&self, name: &str) -> Result<Status> {
        Status::wait_state(&mut self.local.client(), name, "streaming", PATIENCE)
    }

    /// Waits until everything the source has written so far is applied here.
    ///
    /// # Errors
    /// The module's refusal, a time-out among them.
    pub fn wait_applied(&self, name: &str) -> Result<()> {
        wait_applied(&mut self.local.client(), name, PATIENCE)
    }

    /// Proves that the local server holds exactly what a mirror with this mapping should.
    ///
    /// # Panics
    /// With the keys that differ.
    #[track_caller]
    pub fn assert_mirrored(&self, mapping: &Mapping) {
        digest::assert_mirrored(&self.source, &self.local, mapping);
    }

    /// Waits, then proves: see [`Topology::wait_applied`] and [`Topology::assert_mirrored`].
    ///
    /// # Panics
    /// When the wait fails, or with the keys that differ.
    #[track_caller]
    pub fn assert_exact(&self, name: &str) {
        self.wait_applied(name).unwrap_or_else(|error| panic!("{error}\n{}", self.local.log_tail()));
        self.assert_mirrored(&Mapping::identity());
    }
}

/// The words of MIRROR.CREATE behind the address.
#[derive(Debug, Clone, Default)]
pub struct MirrorOptions(Vec<String>);

/// Words separated by blanks: `"DB 0 TO 3 PREFIX shop:"`.
impl From<&str> for MirrorOptions {
    fn from(words: &str) -> Self {
        MirrorOptions(words.split_whitespace().map(str::to_owned).collect())
    }
}

/// Waits until a mirror has applied all that its source had written when asked, over restarts and broken
/// links.
///
/// # Errors
/// [`crate::Error::TimedOut`] with the last answer.
pub fn wait_applied(client: &mut Client, name: &str, patience: Duration) -> Result<()> {
    wait_within(patience, "everything is applied", || applied_once(client, name))
}

/// Asks once; a wait that runs out and a link that is down just now are both "not yet".
fn applied_once(client: &mut Client, name: &str) -> std::result::Result<(), String> {
    match client.call(cmd!("MIRROR.WAIT", name, 5_000)) {
        Ok(Value::Nil) => Err("MIRROR.WAIT ran out".into()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
