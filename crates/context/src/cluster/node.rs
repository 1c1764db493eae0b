//! Nodes: their names and what is known of them.

use std::ffi::{CStr, c_char, c_int};
use std::fmt;
use std::str::FromStr;

use redis_module::raw;

use crate::error::Error;

const ID_BYTES: usize = raw::REDISMODULE_NODE_ID_LEN as usize;

/// The server writes up to NET_IP_STR_LEN (46) bytes, although its own documentation asks for 40.
const IP_BYTES: usize = 64;

/// A node's name: 40 characters of `0`-`9` and `a`-`z`, as CLUSTER MYID shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId([u8; ID_BYTES]);

impl NodeId {
    /// A name out of its bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is no name that a node could have.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        let invalid = Error::Invalid { what: "the node's id", reason: "it is 40 characters of 0-9 and a-z" };
        let id: [u8; ID_BYTES] = bytes.try_into().map_err(|_| invalid.clone())?;
        let is_name = id.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        if is_name { Ok(Self(id)) } else { Err(invalid) }
    }

    /// Copies a name of the server's; `None` for NULL and for what is no name (zeros stand for none).
    ///
    /// # Safety
    /// `name` is NULL or points to 40 bytes.
    pub(crate) unsafe fn copied(name: *const c_char) -> Option<Self> {
        if name.is_null() {
            return None;
        }
        // SAFETY: R56: the caller's promise.
        Self::new(unsafe { std::slice::from_raw_parts(name.cast(), ID_BYTES) }).ok()
    }

    /// The 40 characters.
    pub fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }

    /// With a NUL at its end, as the functions that take a name read it.
    pub(super) fn terminated(&self) -> [u8; ID_BYTES + 1] {
        let mut text = [0; ID_BYTES + 1];
        text[..ID_BYTES].copy_from_slice(&self.0);
        text
    }
}

impl FromStr for NodeId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

bitflags::bitflags! {
    /// What a node is, and how this one sees it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct NodeFlags: u32 {
        /// It is this node.
        const MYSELF = raw::REDISMODULE_NODE_MYSELF;
        /// It is a primary.
        const PRIMARY = raw::REDISMODULE_NODE_MASTER;
        /// It is a replica.
        const REPLICA = raw::REDISMODULE_NODE_SLAVE;
        /// This node can't reach it.
        const PFAIL = raw::REDISMODULE_NODE_PFAIL;
        /// The cluster agrees that it failed.
        const FAIL = raw::REDISMODULE_NODE_FAIL;
        /// A replica that never takes its primary's place.
        const NO_FAILOVER = raw::REDISMODULE_NODE_NOFAILOVER;
        /// Flags newer than this crate are kept.
        const _ = !0;
    }
}

/// What is known of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClusterNode {
    ip: [u8; IP_BYTES],
    ip_len: usize,
    /// Its port for clients: the one with TLS if the cluster's own connections use TLS.
    pub port: u16,
    /// A replica's primary.
    pub primary: Option<NodeId>,
    /// What it is.
    pub flags: NodeFlags,
}

impl ClusterNode {
    /// Its IP address in text form. Empty for this very node as long as no other node has told it its own address.
    pub fn ip(&self) -> &[u8] {
        &self.ip[..self.ip_len]
    }
}

impl fmt::Debug for ClusterNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterNode")
            .field("ip", &String::from_utf8_lossy(self.ip()))
            .field("port", &self.port)
            .field("primary", &self.primary)
            .field("flags", &self.flags)
            .finish()
    }
}

/// Has the server fill in what it knows of a node: name, room for the address, for the primary's name, for the port
/// and for the flags.
pub(super) fn filled(
    id: &NodeId,
    fill: impl FnOnce(*const c_char, *mut c_char, *mut c_char, *mut c_int, *mut c_int) -> c_int,
) -> Option<ClusterNode> {
    let id = id.terminated();
    let mut ip = [0_u8; IP_BYTES];
    let mut primary = [0_u8; ID_BYTES];
    let (mut port, mut flags) = (0, 0);
    let status = fill(
        id.as_ptr().cast(),
        ip.as_mut_ptr().cast(),
        primary.as_mut_ptr().cast(),
        &raw mut port,
        &raw mut flags,
    );
    if status != raw::REDISMODULE_OK as c_int {
        return None;
    }
    Some(ClusterNode {
        ip_len: CStr::from_bytes_until_nul(&ip).map_or(0, CStr::count_bytes),
        ip,
        port: u16::try_from(port).unwrap_or(0),
        primary: NodeId::new(&primary).ok(),
        flags: NodeFlags::from_bits_retain(flags.cast_unsigned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "0123456789abcdefghijklmnopqrstuvwxyz0000";

    #[test]
    fn a_node_id_is_forty_characters_of_the_servers_alphabet() {
        let id: NodeId = NAME.parse().expect("a name");
        assert_eq!((id.to_string(), id.terminated()[40]), (NAME.to_owned(), 0));
        for wrong in ["", &NAME[1..], &format!("{NAME}0"), &NAME.replace('a', "A"), &NAME.replace('a', "\0")]
        {
            assert!(NodeId::new(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_server_writes_is_read_back() {
        let id = NodeId::new(NAME.as_bytes()).expect("a name");
        let node = filled(&id, |name, ip, primary, port, flags| {
            // SAFETY: R56: the room that `filled` gives.
            unsafe {
                assert_eq!(CStr::from_ptr(name).to_bytes(), NAME.as_bytes());
                ip.copy_from(c"::1".as_ptr(), 4);
                primary.write_bytes(b'f', 40);
                (*port, *flags) = (7000, 4 | 1 << 9);
            }
            raw::REDISMODULE_OK as c_int
        });
        let node = node.expect("it is known");
        assert_eq!((node.ip(), node.port), (b"::1".as_slice(), 7000));
        assert_eq!(node.primary, NodeId::new(&[b'f'; 40]).ok());
        assert!(node.flags.contains(NodeFlags::REPLICA) && node.flags.bits() == 4 | 1 << 9);
        assert_eq!(filled(&id, |_, _, _, _, _| raw::REDISMODULE_ERR as c_int), None);
    }
}
