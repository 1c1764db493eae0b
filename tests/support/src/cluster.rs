use crate::port::free_port;
use crate::wait::{PATIENCE, wait_within};
use crate::{Client, Installed, Options, Result, Server, cmd};

/// All slots, which every cluster shares out.
const SLOTS: u16 = 16_384;

/// Primaries that form a cluster: all slots in equal ranges, in the order of the nodes, and every node connected with
/// every other. Dropped, they are killed.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts so many nodes with these options and waits until each of them sees a whole cluster.
    ///
    /// # Panics
    /// When it doesn't come up.
    #[track_caller]
    pub fn start(installed: &Installed, nodes: u16, options: &Options) -> Self {
        Self::try_start(installed, nodes, options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Cluster::start`].
    ///
    /// # Errors
    /// Those of [`Server::try_start`] and of [`Client::call`], [`crate::Error::TimedOut`].
    pub fn try_start(installed: &Installed, nodes: u16, options: &Options) -> Result<Self> {
        let servers: Result<Vec<Server>> = (0..nodes)
            .map(|_| {
                let options = options.clone().set("cluster-enabled", "yes").set("cluster-port", free_port());
                Server::try_start(installed, options.set("cluster-node-timeout", 15_000))
            })
            .collect();
        let cluster = Self { nodes: servers? };
        cluster.share_out()?;
        cluster.meet()?;
        cluster.wait_whole()?;
        Ok(cluster)
    }

    fn share_out(&self) -> Result<()> {
        let count = self.nodes.len() as u32;
        let first = |node: u32| node * u32::from(SLOTS) / count;
        for (at, node) in (0_u32..).zip(&self.nodes) {
            let mut client = Client::connect(node.address())?;
            client.call(cmd!("CLUSTER", "ADDSLOTSRANGE", first(at), first(at + 1) - 1))?;
            // Two nodes of one epoch would quarrel over it first.
            client.call(cmd!("CLUSTER", "SET-CONFIG-EPOCH", at + 1))?;
        }
        Ok(())
    }

    fn meet(&self) -> Result<()> {
        let mut first = Client::connect(self.nodes[0].address())?;
        for node in &self.nodes[1..] {
            let bus = Client::connect(node.address())?.call(cmd!("CONFIG", "GET", "cluster-port"))?;
            let bus = bus.as_array().and_then(|pair| pair.get(1)?.as_text()).unwrap_or_default();
            first.call(cmd!("CLUSTER", "MEET", "127.0.0.1", node.port(), bus))?;
        }
        Ok(())
    }

    fn wait_whole(&self) -> Result<()> {
        wait_within(PATIENCE, "a whole cluster", || {
            self.nodes.iter().try_for_each(|node| self.is_whole(node).map_err(|error| error.to_string())?)
        })
    }

    /// Whether a node sees all slots served, and knows and reaches all nodes.
    fn is_whole(&self, node: &Server) -> Result<Result<(), String>> {
        let mut client = Client::connect(node.address())?;
        let info = client.call(cmd!("CLUSTER", "INFO"))?.as_text().unwrap_or_default();
        let nodes = client.call(cmd!("CLUSTER", "NODES"))?.as_text().unwrap_or_default();
        let is_reached = |line: &&str| line.contains(" connected") && !line.contains("handshake");
        let reached = nodes.lines().filter(is_reached).count();
        let is_whole = info.contains("cluster_state:ok") && reached == self.nodes.len();
        Ok(if is_whole { Ok(()) } else { Err(nodes) })
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// A node's own name.
    ///
    /// # Panics
    /// When it doesn't answer.
    #[track_caller]
    pub fn id(&self, node: usize) -> String {
        self.nodes[node].client().text(cmd!("CLUSTER", "MYID"))
    }

    /// Whether all nodes run.
    pub fn is_running(&mut self) -> bool {
        self.nodes.iter_mut().all(Server::is_running)
    }
}
