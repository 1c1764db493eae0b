//! Replication: this server's role, its replicas, its link to a primary, loading beside the old data.

use redis_module::raw;

use super::{Fired, Sealed, ServerEvent, text};
use crate::context::Context;

/// This server became a primary or a replica.
pub struct ReplicationRole;

/// What this server is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows a primary.
    Replica,
    /// A role this crate has no name for.
    Unknown(u64),
}

/// The new role and the replication state at the change. Fields the server did not pass are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicationRoleEvent<'e> {
    /// What this server is now.
    pub role: Role,
    /// A replica's primary: host and port.
    pub primary: Option<(&'e [u8], u16)>,
    /// The replication id, 40 hexadecimal digits.
    pub replication_id: Option<&'e [u8]>,
    /// The id that was valid until `second_offset`, all zeros if none.
    pub second_replication_id: Option<&'e [u8]>,
    /// The replication offset in bytes.
    pub offset: Option<u64>,
    /// Up to which offset the second id is valid. The server's -1 (none) is `None`.
    pub second_offset: Option<u64>,
}

impl Sealed for ReplicationRole {}
impl ServerEvent for ReplicationRole {
    type Payload<'e> = ReplicationRoleEvent<'e>;
    const ID: u64 = raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED;
    const NAME: &'static str = "the ReplicationRole event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> ReplicationRoleEvent<'e> {
        let role = match fired.sub {
            raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_MASTER => Role::Primary,
            raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_REPLICA => Role::Replica,
            other => Role::Unknown(other),
        };
        // SAFETY: R22: version 1 of this event's data.
        let Some(data) = (unsafe { fired.version_1::<raw::RedisModuleReplicationInfo>() }) else {
            return ReplicationRoleEvent {
                role,
                primary: None,
                replication_id: None,
                second_replication_id: None,
                offset: None,
                second_offset: None,
            };
        };
        // SAFETY: R22: the server's own texts, which it keeps for the callback.
        let (host, id, second) = unsafe { (text(data.masterhost), text(data.replid1), text(data.replid2)) };
        ReplicationRoleEvent {
            role,
            primary: host.filter(|host| !host.is_empty()).zip(u16::try_from(data.masterport).ok()),
            replication_id: id,
            second_replication_id: second,
            offset: Some(data.repl1_offset),
            second_offset: Some(data.repl2_offset).filter(|offset| *offset != u64::MAX),
        }
    }
}

/// Declares an event whose sub-event says everything.
macro_rules! plain_event {
    ($(#[$doc:meta])* $marker:ident, $(#[$payload_doc:meta])* $payload:ident = $id:ident, $name:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $sub:ident,)*
    }) => {
        $(#[$doc])*
        pub struct $marker;

        $(#[$payload_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $payload {
            $($(#[$variant_doc])* $variant,)*
            /// A sub-event this crate has no name for.
            Unknown(u64),
        }

        impl $crate::events::Sealed for $marker {}
        impl $crate::events::ServerEvent for $marker {
            type Payload<'e> = $payload;
            const ID: u64 = redis_module::raw::$id;
            const NAME: &'static str = $name;

            unsafe fn payload<'e>(
                _ctx: &'e $crate::context::Context<'_>,
                fired: &'e $crate::events::Fired,
            ) -> $payload {
                match fired.sub {
                    $(redis_module::raw::$sub => $payload::$variant,)*
                    other => $payload::Unknown(other),
                }
            }
        }
    };
}
pub(super) use plain_event;

plain_event! {
    /// A replica of this server came or went. A replica counts from the fork of its snapshot on, and this
    /// event comes later: never decide by it that nobody needs the replication stream.
    ReplicaChange,
    /// What happened to the replica.
    ReplicaChangeEvent = REDISMODULE_EVENT_REPLICA_CHANGE, "the ReplicaChange event" {
        /// It has its snapshot and follows the stream.
        Online = REDISMODULE_SUBEVENT_REPLICA_CHANGE_ONLINE,
        /// It is gone.
        Offline = REDISMODULE_SUBEVENT_REPLICA_CHANGE_OFFLINE,
    }
}

plain_event! {
    /// This replica's link to its primary.
    PrimaryLink,
    /// What happened to the link.
    PrimaryLinkEvent = REDISMODULE_EVENT_MASTER_LINK_CHANGE, "the PrimaryLink event" {
        /// It is up, the snapshot (if one was needed) loaded.
        Up = REDISMODULE_SUBEVENT_MASTER_LINK_UP,
        /// It is down.
        Down = REDISMODULE_SUBEVENT_MASTER_LINK_DOWN,
    }
}

plain_event! {
    /// A replica loads its primary's snapshot beside its old data, which it keeps serving. Only fired when
    /// every module has declared that it handles this.
    ReplAsyncLoad,
    /// How far the load is.
    ReplAsyncLoadEvent = REDISMODULE_EVENT_REPL_ASYNC_LOAD, "the ReplAsyncLoad event" {
        /// It begins: what is loaded from here on is of the new data set.
        Started = REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED,
        /// It failed: the old data set stays.
        Aborted = REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_ABORTED,
        /// The new data set has taken the old one's place.
        Completed = REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED,
    }
}
