//! The cluster this server is a node of: its nodes, messages between them, and slots.
//!
//! ```text
//! ctx.cluster() -> None                         cluster mode is off
//!               -> Some(Cluster)  nodes(), node(id)           who is there
//!                                 receive(kind, listener)     hear other nodes' instances of this module
//!                                 send(id, kind, bytes)       tell one of them, or broadcast(..) to all
//!                                 local_slots(), ..           which keys live here
//! ```

mod message;
mod node;
mod slot;

use std::ffi::{c_char, c_int};
use std::ptr;

use redis_module::raw;

use crate::api::{api, required, unbound};
use crate::context::Context;
use crate::error::Error;

pub use message::{CLUSTER_MESSAGE_BYTES_MAX, CLUSTER_MESSAGE_KIND_MAX, ClusterMessage, ClusterReceiver};
pub(crate) use message::{abandon as abandon_receivers, confirm as confirm_receivers, has_receivers};
pub use node::{ClusterNode, NodeFlags, NodeId};
pub(crate) use slot::abandon as abandon_slots;
pub use slot::{CLUSTER_SLOTS, SlotPropagator, TrimPause};

bitflags::bitflags! {
    /// What a module that builds something of its own on the cluster's messages switches off, in the whole server.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ClusterFlags: u64 {
        /// No replica takes the place of a primary that failed, and none moves to another primary.
        const NO_FAILOVER = raw::REDISMODULE_CLUSTER_FLAG_NO_FAILOVER as u64;
        /// This node takes every key, whoever has its slot: no MOVED, no ASK.
        const NO_REDIRECTION = raw::REDISMODULE_CLUSTER_FLAG_NO_REDIRECTION as u64;
    }
}

/// The cluster, as this node sees it now. From [`Context::cluster`].
pub struct Cluster<'c> {
    ctx: Context<'c>,
    my_id: NodeId,
}

impl Context<'_> {
    /// The cluster this server is a node of; `None` if it does not run in cluster mode.
    pub fn cluster(&self) -> Option<Cluster<'_>> {
        let my_id = required!(RedisModule_GetMyClusterID);
        // SAFETY: R56: NULL without cluster mode, else the 40 bytes of this node's name, copied at once.
        let my_id = unsafe { NodeId::copied(my_id()) }?;
        // SAFETY: R11: the same callback, for no longer than it is borrowed.
        let ctx = unsafe { Context::from_raw(self.as_ptr()) };
        Some(Cluster { ctx, my_id })
    }
}

impl Cluster<'_> {
    /// This node.
    pub fn my_id(&self) -> NodeId {
        self.my_id
    }

    /// How many nodes are known, this one among them, in whatever state: those that [`Cluster::nodes`] leaves out
    /// are counted too.
    pub fn size(&self) -> usize {
        let size = required!(RedisModule_GetClusterSize);
        // SAFETY: R2: it takes nothing and counts.
        unsafe { size() }
    }

    /// The nodes, this one among them, without those whose address is unknown or that are just being met.
    pub fn nodes(&self) -> Vec<NodeId> {
        let list = required!(RedisModule_GetClusterNodesList);
        let free = required!(RedisModule_FreeClusterNodesList);
        let mut count = 0;
        // SAFETY: R56: a live context; the server writes the count.
        let names = unsafe { list(self.ctx.as_ptr(), &raw mut count) };
        if names.is_null() {
            return Vec::new();
        }
        // SAFETY: R56: `count` names of 40 bytes each, which stay until the list is freed.
        let ids = (0..count).filter_map(|at| unsafe { NodeId::copied(*names.add(at)) }).collect();
        // SAFETY: R56: freed once.
        unsafe { free(names) };
        ids
    }

    /// What is known of a node; `None` if it is not known, or not fully yet.
    pub fn node(&self, id: &NodeId) -> Option<ClusterNode> {
        let get = required!(RedisModule_GetClusterNodeInfo);
        let ctx = self.ctx.as_ptr();
        node::filled(id, |id, ip, primary, port, flags| {
            // SAFETY: R56: a name that ends with a NUL, and room for what the server writes.
            unsafe { get(ctx, id, ip, primary, port, flags) }
        })
    }

    /// As [`Cluster::node`], with the address that a client of this server is to use: the cluster may announce one
    /// address to clients with IPv4 and another to those with IPv6. `None` also if there is no such client.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Valkey 8.0 and on Redis.
    pub fn node_for_client(&self, id: &NodeId, client_id: u64) -> Result<Option<ClusterNode>, Error> {
        // SAFETY: R1: the type that valkeymodule.h gives it.
        let get =
            unsafe { unbound!(RedisModule_GetClusterNodeInfoForClient: NodeInfoForClient, "Valkey 8.0") }?;
        let ctx = self.ctx.as_ptr();
        Ok(node::filled(id, |id, ip, primary, port, flags| {
            // SAFETY: R56: as above; the server looks the client up among those that are connected.
            unsafe { get(ctx, client_id, id, ip, primary, port, flags) }
        }))
    }

    /// Switches parts of the cluster off in this server, for as long as it runs: nothing switches them on again.
    pub fn set_flags(&self, flags: ClusterFlags) {
        let set = required!(RedisModule_SetClusterFlags);
        // SAFETY: R56: a live context; the server keeps the two bits it knows.
        unsafe { set(self.ctx.as_ptr(), (flags & ClusterFlags::all()).bits()) };
    }

    /// Whether keys of a slot may be used here: not those of another node's, and not those that are still being
    /// imported or that wait to be trimmed. A replica has its primary's slots.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Redis 8.4 and on Valkey, [`Error::Invalid`] for a slot that does not exist.
    pub fn can_access_slot(&self, slot: u16) -> Result<bool, Error> {
        let can = api!(RedisModule_ClusterCanAccessKeysInSlot, "Redis 8.4")?;
        let slot = slot::checked(slot)?;
        // SAFETY: R58: a number in range; cluster mode is on.
        Ok(unsafe { can(c_int::from(slot)) } != 0)
    }
}

type NodeInfoForClient = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    u64,
    *const c_char,
    *mut c_char,
    *mut c_char,
    *mut c_int,
    *mut c_int,
) -> c_int;

/// A pointer for "to all nodes".
const ALL_NODES: *const c_char = ptr::null();
