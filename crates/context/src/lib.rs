//! A safe wrapper of the module API of Redis and Valkey: everything a server offers its modules, with
//! no `unsafe` in the module's own code.
//!
//! One module runs on Redis 7.0 and later and on Valkey 8.0 and later: what its server lacks is
//! [`Error::Unsupported`]. A panic in a callback becomes an error reply or a line in the log.
//!
//! | to | use |
//! |---|---|
//! | be a module | [`module!`], [`LoadContext`] |
//! | add commands | [`LoadContext::command`], [`Command`], [`CommandInfo`], [`Args`] |
//! | reply | [`Reply`], [`CommandContext::stream`], [`ErrorReply`] |
//! | run the server's commands, replicate | [`WriteContext::call`], [`WriteContext::replicate`] |
//! | read and change keys | [`Context::open_read`], [`WriteContext::open_write`], [`ReadKey`], [`WriteKey`] |
//! | walk | [`ScanCursor`] over keys, [`ElementCursor`] over elements, [`ZsetRange`] over ranges |
//! | keep state | [`MainCell`], reachable only with a [`Context`] in hand |
//! | make strings, turn them into numbers | [`RedisStr`], [`RedisString`], [`StringBuf`] |
//! | hear of keys and of the server | [`LoadContext::subscribe`], [`events`] |
//! | be a node among others | [`Context::cluster`], [`Cluster`] |
//! | offer functions to other modules | [`shared_api!`] |
//! | be configured | [`config`] |
//! | read and change the server's settings | [`Context::server_config`], [`WriteContext::server_config_mut`] |
//! | add to INFO | [`LoadContext::info`] |
//! | know the server | [`server()`], [`Context::flags`], [`Context::server_info`] |
//! | log | [`Context::log`], [`log()`] |
//!
//! Each callback gets the context of its role; only those that may write lead to a [`WriteContext`]. Rules of
//! the host that make the `unsafe` in here right are in `SAFETY.md`.

#[cfg(panic = "abort")]
compile_error!("redis-context turns panics into errors: build with panic = \"unwind\"");

mod alloc;
mod api;
mod args;
mod auth;
mod blocked;
mod call;
mod cell;
mod client;
mod cluster;
mod code;
mod command;
pub mod config;
mod context;
mod dataset;
mod defrag;
mod detached;
mod dict;
mod error;
mod event_loop;
pub mod events;
mod filter;
mod fork;
mod guard;
mod info;
mod key;
mod key_meta;
mod keyspace;
mod life;
mod loading;
mod lock;
mod log;
mod long_double;
mod memory;
mod module;
mod native_type;
mod outcome;
mod provisional;
mod publish;
mod reply;
mod runtime_args;
mod scan;
mod server;
mod server_config;
mod server_info;
mod serving;
mod shared_api;
mod snapshot;
mod state;
mod string;
pub mod thread;
mod timer;
#[cfg(feature = "trace-api")]
mod trace;
mod user;
mod write;
mod yielding;

pub use args::Args;
pub use auth::{AuthContext, AuthUnblocker, BlockedAuth, Grant, Verdict};
pub use blocked::{
    BlockBuilder, Blocked, BlockedMoment, KeysBlock, KeysBuilder, KeysUnblocker, MeasuredTime,
    NoTimeoutAnswer, Ready, TimeoutAnswer, Unblocker, WAITED_KEYS_MAX,
};
pub use call::{
    ARGS_INLINE_MAX, CallError, CallFlags, CallReply, FromReply, Promise, Promised, ReplicateFlags,
    ReplyList, ReplyPairs, ReplyRef, ReplyView,
};
pub use cell::MainCell;
pub use cluster::{
    CLUSTER_MESSAGE_BYTES_MAX, CLUSTER_MESSAGE_KIND_MAX, CLUSTER_SLOTS, Cluster, ClusterFlags,
    ClusterMessage, ClusterNode, ClusterReceiver, NodeFlags, NodeId, SlotPropagator, TrimPause,
};
pub use command::{
    Arg, ArgKind, BeginSearch, ChannelAccess, Command, CommandFlags, CommandGroup, CommandInfo, CommandKey,
    FindKeys, KeyAccess, KeySpec, Positions,
};
pub use dataset::{AofAfterReset, Freeing};
pub use defrag::{DefragContext, DefragProgress};
pub use dict::{DICT_KEY_BYTES_MAX, Dict, DictComparison, DictKey, DictSeek, DictWalk};
pub use error::Error;
pub use event_loop::{FdWatcher, MainThread, POSTED_JOBS_MAX, QueueFull, Readiness, Waker};
pub use filter::{CommandFilter, FILTER_ARGS_MAX, FILTERS_MAX, FilterScope, FilteredCommand};
pub use fork::{ChildContext, ChildEnd, EXIT_PANICKED, ForkedChild};
pub use info::{INFO_NAME_BYTES_MAX, INFO_TEXT_BYTES_MAX, InfoFields, InfoSection, InfoWriter};
pub use key::{
    EXPIRE_IN_MS_MAX, Element, ElementCursor, HASH_FIELDS_PER_CALL, HashCondition, IDLE_MS_MAX, KeyType,
    ListEnd, OpenFlags, ReadKey, STRING_BYTES_MAX, STRING_COMPACT_BYTES_MAX, WriteKey, ZsetAdded,
    ZsetCondition, ZsetRange, ZsetStart,
};
pub use key::{NewStreamId, STREAM_FIELDS_MAX, StreamId, StreamTrim};
pub use key::{StreamEntries, StreamEntriesMut, StreamEntry, StreamEntryMut, StreamOrder};
pub use key_meta::{KeyMeta, KeyMetaClass, KeyMetaLoss, KeyNames, MetaFate};
pub use keyspace::{KEYSPACE_SUBSCRIPTIONS_MAX, KeyspaceEvent, NotifyFlags, Subscription};
pub use lock::{LockError, LockedContext, ServerLock};
pub use log::{LogLevel, log, log_fmt};
pub use long_double::{LongDouble, LongDoubleFormat};
pub use memory::HeapSize;
pub use native_type::{
    AofWriter, AuxWhen, CopyPlaces, Digest, NativeType, Place, RdbReader, RdbWriter, TypeHandle, TypeStream,
};
pub use outcome::{ErrorReply, Outcome, Streamed};
pub use reply::{ERROR_LINE_BYTES_MAX, Reply, ReplyWriter, VerbatimFormat};
pub use runtime_args::LOAD_ARGUMENTS_MAX;
pub use scan::{ScanCursor, ScanProgress};
pub use server::{Family, Server, Version, server};
pub use server_config::{ConfigKind, SERVER_CONFIG_BYTES_MAX, ServerConfig, ServerConfigMut};
pub use server_info::ServerInfo;
pub use shared_api::{SharedArg, SharedReturn};
pub use state::{ContextFlags, ModuleOptions};
pub use string::{RedisStr, RedisString, StringBuf};
pub use timer::{TIMER_MAX, Timer};
pub use user::{AclReason, ModuleUser, Permission};
pub use write::NotNow;
pub use yielding::YieldTo;

pub use context::{
    BlockedContext, ClusterMessageContext, CommandContext, Context, EventContext, LoadContext,
    NotificationContext, ReadyContext, TimerContext, UnloadContext, WriteContext,
};

/// What `module!` expands to; not for direct use.
#[doc(hidden)]
pub mod entry {
    pub use crate::alloc::{ServerAlloc, process};
    pub use crate::module::{Module, module_name, on_load, on_unload};
    pub use crate::shared_api::{SharedArgs, SharedEntry, SharedFunction, SharedImport, SharedLayout};
    pub use crate::shared_api::{SharedSignature, SharedTable, SharedValue, export, shared_function};
    pub use redis_module::raw::{RedisModuleCtx as RawContext, RedisModuleString as RawString};
}
