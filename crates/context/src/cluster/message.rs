//! Messages between the instances of one module on the nodes of a cluster.
//!
//! The server's table of receivers has room for the kinds 0-254 and is indexed with 255 all the same, its removal of
//! a receiver leaves the head of a list pointing at freed memory, and it keeps the receivers of modules that are gone
//! (module.c, Redis 7.0 - Valkey 9.1). So each kind is registered at most once, when the load has succeeded; it is
//! never removed, and the module stays. What comes and goes are the listeners in this file's own table.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_uchar};
use std::rc::Rc;

use redis_module::raw;

use super::{ALL_NODES, Cluster, NodeId};
use crate::api::required;
use crate::cell::MainCell;
use crate::context::{ClusterMessageContext, Context};
use crate::error::Error;
use crate::guard::guard;
use crate::module::{self, Pin, is_in_transit};
use crate::state::ContextFlags;

/// The last kind of message. Kinds are the module's own numbers, from 0 on.
pub const CLUSTER_MESSAGE_KIND_MAX: u8 = u8::MAX - 1;

/// The longest message in bytes: 64 MB. The server would take 4 GB, but a node that is long silent because it sends
/// one message is taken for dead (`cluster-node-timeout`).
pub const CLUSTER_MESSAGE_BYTES_MAX: usize = 64 << 20;

/// A message from another node's instance of this module.
#[derive(Debug, Clone, Copy)]
pub struct ClusterMessage<'m> {
    /// The node that sent it.
    pub sender: NodeId,
    /// Its kind.
    pub kind: u8,
    /// What it says: any bytes, from whoever the cluster's nodes trust.
    pub payload: &'m [u8],
}

type Listener = dyn for<'cx> Fn(&ClusterMessageContext<'cx>, ClusterMessage<'_>);

/// Hears the messages of one kind, for as long as this handle lives: dropped, it hears no more. One that was
/// detached lives as long as the server.
#[must_use = "dropping a receiver ends it: keep it, or detach it"]
pub struct ClusterReceiver {
    listener: Rc<Cell<Option<Rc<Listener>>>>,
}

impl ClusterReceiver {
    /// Hears messages without a handle.
    pub fn detach(self) {
        // The table keeps the other count, so nothing is leaked.
        let listener = self.listener.take();
        let shared = Rc::clone(&self.listener);
        drop(self);
        shared.set(listener);
    }
}

impl Drop for ClusterReceiver {
    fn drop(&mut self) {
        drop(self.listener.take());
    }
}

struct Entry {
    listener: Rc<Cell<Option<Rc<Listener>>>>,
    /// Whether the server calls for this kind.
    is_told: bool,
}

static RECEIVERS: MainCell<BTreeMap<u8, Entry>> = MainCell::new(BTreeMap::new());

/// Keeps the module's code once the server has a receiver.
static PIN: MainCell<Option<Pin>> = MainCell::new(None);

impl Cluster<'_> {
    /// Hears the messages of one kind that other nodes' instances of this module send. A module that has ever heard any
    /// can't be unloaded.
    ///
    /// The listener runs while the server reads from the other node: it may answer by [`Cluster::send`] and change
    /// the module's state; what writes goes into a [`crate::Timer`] of zero. It also runs while a busy script or a load
    /// lets the server look after its connections; the timer waits for their end.
    ///
    /// # Errors
    /// [`Error::Invalid`] above [`CLUSTER_MESSAGE_KIND_MAX`], if the kind has a receiver, and for a module whose
    /// name is not of nine characters: see [`Cluster::send`].
    pub fn receive(
        &self,
        kind: u8,
        listener: impl for<'cx> Fn(&ClusterMessageContext<'cx>, ClusterMessage<'_>) + 'static,
    ) -> Result<ClusterReceiver, Error> {
        check_kind(kind)?;
        check_name()?;
        let mut receivers = RECEIVERS.try_borrow_mut(&self.ctx)?;
        let fresh = || Entry { listener: Rc::new(Cell::new(None)), is_told: false };
        let entry = receivers.entry(kind).or_insert_with(fresh);
        if is_occupied(&entry.listener) {
            return Err(Error::Invalid { what: "the message's kind", reason: "it has a receiver already" });
        }
        entry.listener.set(Some(Rc::new(listener)));
        let receiver = ClusterReceiver { listener: Rc::clone(&entry.listener) };
        if !is_in_transit() {
            tell_server(&self.ctx, kind, entry);
        }
        Ok(receiver)
    }

    /// Sends a message to one node, without waiting: it is lost if the connection is.
    ///
    /// Modules are addressed by name, which the server packs into 54 bits: nine characters of `A`-`Z`, `a`-`z`,
    /// `0`-`9`, `-` and `_`. Modules of other names would all hear each other, so they can't send.
    ///
    /// # Errors
    /// [`Error::Refused`] if the node is unknown, not connected or this one, and in a forked child;
    /// [`Error::Invalid`] for a module of another name, above [`CLUSTER_MESSAGE_KIND_MAX`] and above
    /// [`CLUSTER_MESSAGE_BYTES_MAX`].
    pub fn send(&self, to: &NodeId, kind: u8, payload: &[u8]) -> Result<(), Error> {
        let to = to.terminated();
        self.send_to(to.as_ptr().cast(), kind, payload)
    }

    /// As [`Cluster::send`], to all nodes but this one. Those that are not connected miss it.
    ///
    /// # Errors
    /// As there, but for the node.
    pub fn broadcast(&self, kind: u8, payload: &[u8]) -> Result<(), Error> {
        self.send_to(ALL_NODES, kind, payload)
    }

    fn send_to(&self, to: *const c_char, kind: u8, payload: &[u8]) -> Result<(), Error> {
        check_kind(kind)?;
        check_name()?;
        let len = message_len(payload)?;
        if self.ctx.flags().contains(ContextFlags::IS_CHILD) {
            return Err(refused("a forked child shares its parent's connections"));
        }
        let send = required!(RedisModule_SendClusterMessage);
        // SAFETY: R57: a live context; NULL or a name that ends with a NUL; the server copies the bytes.
        let status = unsafe { send(self.ctx.as_ptr(), to, kind, payload.as_ptr().cast(), len) };
        if status == raw::REDISMODULE_OK as c_int {
            Ok(())
        } else {
            Err(refused("the node is unknown, not connected, or this one"))
        }
    }
}

fn refused(reason: &'static str) -> Error {
    Error::Refused { function: "RedisModule_SendClusterMessage", reason }
}

fn check_kind(kind: u8) -> Result<(), Error> {
    let invalid = Error::Invalid { what: "the message's kind", reason: "at most 254" };
    if kind <= CLUSTER_MESSAGE_KIND_MAX { Ok(()) } else { Err(invalid) }
}

fn message_len(payload: &[u8]) -> Result<u32, Error> {
    match u32::try_from(payload.len()) {
        Ok(len) if payload.len() <= CLUSTER_MESSAGE_BYTES_MAX => Ok(len),
        _ => Err(Error::Invalid { what: "the message", reason: "at most 64 MB" }),
    }
}

fn check_name() -> Result<(), Error> {
    let reason = "for cluster messages it takes nine characters of A-Z, a-z, 0-9, - and _";
    let name = module::name().map_or(b"".as_slice(), |name| name.to_bytes());
    if is_address(name) { Ok(()) } else { Err(Error::Invalid { what: "the module's name", reason }) }
}

/// Whether the server makes an address of its own of a module's name (moduleTypeEncodeId); all others share one.
fn is_address(name: &[u8]) -> bool {
    name.len() == 9 && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}

fn is_occupied(listener: &Cell<Option<Rc<Listener>>>) -> bool {
    current(listener).is_some()
}

fn current(listener: &Cell<Option<Rc<Listener>>>) -> Option<Rc<Listener>> {
    let held = listener.take();
    listener.set(held.clone());
    held
}

fn tell_server(ctx: &Context<'_>, kind: u8, entry: &mut Entry) {
    if entry.is_told {
        return;
    }
    PIN.borrow_mut(ctx).get_or_insert_with(Pin::new);
    let register = required!(RedisModule_RegisterClusterMessageReceiver);
    // SAFETY: R57: a live context, a kind that has room, a function of this module, which stays.
    unsafe { register(ctx.as_ptr(), kind, Some(received)) };
    entry.is_told = true;
}

/// Whether there is any receiver.
pub(crate) fn has_receivers(ctx: &Context<'_>) -> bool {
    !RECEIVERS.borrow(ctx).is_empty()
}

/// Tells the server of the receivers that were made while the module came or went: it stays.
pub(crate) fn confirm(ctx: &Context<'_>) -> Result<(), Error> {
    for (kind, entry) in RECEIVERS.try_borrow_mut(ctx)?.iter_mut() {
        tell_server(ctx, *kind, entry);
    }
    Ok(())
}

/// Forgets the listeners of a module that goes: the server was not told of any.
pub(crate) fn abandon(ctx: &Context<'_>) {
    drop(RECEIVERS.take(ctx));
}

unsafe extern "C" fn received(
    ctx: *mut raw::RedisModuleCtx,
    sender: *const c_char,
    kind: u8,
    payload: *const c_uchar,
    len: u32,
) {
    guard(
        "a cluster message",
        || (),
        || {
            // SAFETY: R57: the context of this message, and the sender's name, copied at once.
            let (ctx, sender) = unsafe { (ClusterMessageContext::from_raw(ctx), NodeId::copied(sender)) };
            let listener = RECEIVERS.borrow(&ctx).get(&kind).and_then(|entry| current(&entry.listener));
            if let (Some(sender), Some(listener)) = (sender, listener) {
                // SAFETY: R57: `len` bytes of the link's buffer, which stay until the callback returns.
                let payload = unsafe { bytes(payload, len) };
                listener(&ctx, ClusterMessage { sender, kind, payload });
            }
        },
    );
}

/// # Safety
/// `start` is NULL or points to `len` bytes that stay as they are for `'m`.
unsafe fn bytes<'m>(start: *const c_uchar, len: u32) -> &'m [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: R57: the caller's promise.
    unsafe { std::slice::from_raw_parts(start, len as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_receiver_hears_no_more_and_a_detached_one_does() {
        let shared: Rc<Cell<Option<Rc<Listener>>>> = Rc::new(Cell::new(Some(Rc::new(|_, _| ()))));
        ClusterReceiver { listener: Rc::clone(&shared) }.detach();
        assert!(is_occupied(&shared) && Rc::strong_count(&shared) == 1);
        drop(ClusterReceiver { listener: Rc::clone(&shared) });
        assert!(!is_occupied(&shared));
    }

    #[test]
    fn only_names_that_the_server_can_tell_apart_are_addresses() {
        for name in ["clustchat", "A-z_0-9az"] {
            assert!(is_address(name.as_bytes()), "{name}");
        }
        for name in ["", "cluster_chat", "clustcha", "clust.hat", "clustch\u{e4}t"] {
            assert!(!is_address(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn kinds_and_lengths_end_where_the_servers_table_and_header_do() {
        assert!(check_kind(254).is_ok() && check_kind(255).is_err());
        assert_eq!(message_len(b"abc"), Ok(3));
        assert!(message_len(&vec![0; CLUSTER_MESSAGE_BYTES_MAX + 1]).is_err());
    }
}
