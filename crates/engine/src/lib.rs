//! The decisions of a mirror, without IO: filters, key maps, plans, checkpoints.
//!
//! Nothing here reads a clock, opens a socket, starts a thread or calls a server: time and bytes come in as arguments,
//! and what to do goes out as values. The way through the crate is the way of the data:
//!
//! | module | decides |
//! |---|---|
//! | [`definition`] | what a user asked for (`MIRROR.CREATE`), and how it is stored |
//! | [`glob`], [`scope`] | which keys belong to a mirror and what they are called here |
//! | [`command`] | which commands may be applied at all, and which of their arguments are keys |
//! | [`planner`] | what each command or snapshot value of the source means here, as ops of a [`Batch`] |
//! | [`batch`] | the form of planned work |
//! | [`checkpoint`] | the position that is stored with the data |
//! | [`expired`], [`repair`] | which keys must be fetched again from the source, and when they are right again |
//! | [`seen`] | which keys a snapshot did not contain |

#![forbid(unsafe_code)]

mod args;
pub mod batch;
pub mod checkpoint;
pub mod command;
pub mod definition;
pub mod expired;
pub mod glob;
mod origins;
pub mod planner;
pub mod policy;
pub mod repair;
pub mod scope;
pub mod seen;

pub use batch::{Batch, BatchFull, KeyUse, KeyUses, Op, OpArgs, OpKind, ResyncReason};
pub use checkpoint::Checkpoint;
pub use command::{Access, Command};
pub use definition::{Definition, DefinitionError};
pub use expired::ExpiredKeys;
pub use glob::Glob;
pub use origins::{KeyMap, Origin};
pub use planner::{Cut, LocalServer, PlanError, Planner};
pub use policy::SourcePolicy;
pub use redis_replica::keys::Args;
pub use redis_replica::{Position, ReplId};
pub use repair::Repairs;
pub use scope::Scope;
