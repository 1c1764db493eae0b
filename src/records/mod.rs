//! The record store in keys: `RECORD.*`. What it decides is in the crate `record-store`.
//!
//! ```text
//! command, or the upkeep    writing    decides on the store in the key
//!                           telling    RECORD.APPLY to AOF and replicas, events, the channel, who waits, what is due
//! RECORD.APPLY, a mirror     following  applies what was decided elsewhere, tells those who are here
//! ```

mod arrivals;
mod candidates;
pub mod commands;
mod configs;
mod events;
mod following;
mod info;
mod memory;
mod partial;
mod places;
mod readers;
mod replies;
mod rights;
mod slots;
mod telling;
mod terms;
mod turns;
mod upkeep;
mod value;
mod waiting;
mod writing;

use redis_context::{Error, LoadContext};

pub use configs::ALL as CONFIGS;
pub use following::follow;
pub use info::write as write_info;
pub use upkeep::has_written;

/// Registers the type, the commands and what the upkeep needs.
pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    value::register(load)?;
    commands::register(load)?;
    events::subscribe(load)
}
