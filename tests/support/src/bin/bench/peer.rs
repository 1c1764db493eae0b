use std::time::{Duration, Instant};

use redis_mirror_test_support::wait::wait_within;
use redis_mirror_test_support::{Client, Info, Options, Result, Server, Status, cmd};

use crate::options::Plan;

const NAME: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at a follower; short against what is measured, long against what a look costs it.
const LOOK: Duration = Duration::from_millis(3);

/// The two ways to follow a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MIRROR.CREATE, with the module.
    Ours,
    /// REPLICAOF, without it.
    Native,
}

/// A source that keeps all a frozen follower misses, and is silent when nobody writes.
pub fn source(plan: &Plan) -> Result<Server> {
    let options = Options::new()
        .set("repl-backlog-size", "1gb")
        .set("client-output-buffer-limit", "replica 0 0 0")
        .set("repl-timeout", 3600)
        .set("repl-ping-replica-period", 3000);
    Server::try_start(plan.server, options)
}

/// A server that follows another, one way or the other.
pub struct Follower {
    pub server: Server,
    kind: Kind,
}

impl Follower {
    /// Started, and following nobody yet.
    pub fn start(plan: &Plan, kind: Kind) -> Result<Self> {
        let options = plan.follower().set("repl-timeout", 3600);
        let options = if kind == Kind::Ours { options.mirror("") } else { options };
        Ok(Follower { server: Server::try_start(plan.server, options)?, kind })
    }

    /// Follows the source; the time until the whole copy is there.
    pub fn follow(&self, source: &Server) -> Result<Duration> {
        let mut client = self.server.client();
        let start = Instant::now();
        client.call(match self.kind {
            Kind::Ours => cmd!("MIRROR.CREATE", NAME, source.url()),
            Kind::Native => cmd!("REPLICAOF", source.address().ip().to_string(), source.port()),
        })?;
        self.wait("the full sync", || match self.kind {
            Kind::Ours => Ok(Status::read(&mut client, NAME)?.state() == "streaming"),
            Kind::Native => {
                Ok(Info::read(&mut client, "replication")?.get("master_link_status") == Some("up"))
            }
        })?;
        Ok(start.elapsed())
    }

    /// Follows the source until the live stream flows too. After a diskless sync a source starts it only with
    /// the replica's first ACK, up to a second later.
    pub fn follow_live(&self, source: &Server) -> Result<()> {
        self.follow(source)?;
        source.client().call("SET probe value")?;
        self.catch_up(offset(source), Instant::now()).map(|_| ())
    }

    /// Waits until everything up to an offset of the source is applied; the time since `start`.
    pub fn catch_up(&self, offset: i64, start: Instant) -> Result<Duration> {
        let mut client = self.server.client();
        self.wait("catching up", || Ok(self.applied(&mut client)? >= offset))?;
        Ok(start.elapsed())
    }

    /// How far it has come in the source's stream.
    pub fn applied(&self, client: &mut Client) -> Result<i64> {
        match self.kind {
            Kind::Ours => Ok(Status::read(client, NAME)?.number("applied_offset")),
            Kind::Native => Ok(Info::read(client, "replication")?.number("slave_repl_offset").unwrap_or(0)),
        }
    }

    /// A follower may refuse to answer while it loads: that is "not yet".
    fn wait(&self, what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
        wait_within(PATIENCE, what, || {
            let seen = match done() {
                Ok(true) => return Ok(()),
                Ok(false) => "not yet".to_owned(),
                Err(error) => error.to_string(),
            };
            std::thread::sleep(LOOK);
            Err(seen)
        })
    }
}

/// The end of a source's stream.
pub fn offset(source: &Server) -> i64 {
    source.info("replication").number("master_repl_offset").unwrap_or(0)
}

/// Measures every kind in every round, the first one in turn, and returns the results by kind.
pub fn alternate<T>(plan: &Plan, mut measure: impl FnMut(Kind) -> Result<T>) -> Result<[Vec<T>; 2]> {
    let mut results = [Vec::new(), Vec::new()];
    for round in 0..plan.rounds {
        for turn in 0..plan.kinds.len() {
            let kind = plan.kinds[(round + turn) % plan.kinds.len()];
            results[kind as usize].push(measure(kind)?);
        }
    }
    Ok(results)
}
