//! Data of every type and encoding, and every write command, from a seed.
//!
//! [`Dataset`] fills a server; [`Live`] is an endless stream of write commands; [`Writer`] sends one from a
//! thread of its own. What a server doesn't know is left out: see [`Abilities`].
//!
//! The same seed and abilities give the same commands. Their effects are the same too but for what the server
//! decides: random elements, ids and times.

mod abilities;
mod dataset;
mod draw;
mod kinds;
mod live;
mod ops;
mod writer;

pub use abilities::Abilities;
pub use dataset::Dataset;
pub use live::{Live, Summary};
pub use writer::Writer;
