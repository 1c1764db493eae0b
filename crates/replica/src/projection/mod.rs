//! A source's data as tables in this process: filled by a snapshot, kept by the stream, read by anybody.
//!
//! A [`Projection`] is a [`Handler`](crate::callback::Handler). A [`Route`] names the table of each key; what it names
//! none for is dropped. Readers use a [`View`]: they see whole batches, and while a source synchronizes anew the old
//! data, until the new is complete.
//!
//! Projected are strings, lists, sets, sorted sets and hashes with their fields' expiry, and the commands by which Redis 7.0
//! to 8.6 and Valkey 8.0 to 9.1 replicate changes to them. **Not projected** are streams, and what would need a server's own
//! algorithms: `BITFIELD`, `BITOP`, `PFADD`, `PFMERGE`, `GEOSEARCHSTORE`, `GEORADIUS .. STORE`, `ZRANGESTORE`, `SORT ..
//! STORE`, `RESTORE`, and times that count from now, which those servers don't replicate. Such a command is told to
//! [`Listener::unhandled`], and the keys it writes are *stale*: they have no value here ([`Lookup::Stale`]) until a
//! command replaces or deletes them. So do keys that would be made of stale or dropped ones. A value that is here is the
//! source's.
//!
//! Nothing expires by itself: a source tells when a key has expired, and [`Item::expire_at_ms`] is for the reader.

mod apply;
mod fill;
mod tables;
mod value;
mod watch;

pub use fill::{Listener, Projection, View};
pub use tables::{Lookup, Route, Table, Tables};
pub use value::{Field, Item, Value};
pub use watch::{Change, Watched};
