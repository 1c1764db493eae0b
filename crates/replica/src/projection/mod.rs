//! A source's data as tables in this process: filled by a snapshot, kept by the stream, read by anybody.
//!
//! A [`Projection`] is a [`Handler`](crate::callback::Handler). A [`Route`] names the table of each key; what it names
//! none for is dropped. Readers use a [`View`]: they see whole batches, and while a source synchronizes anew the old
//! data, until the new is complete.
//!
//! Projected are strings, lists, sets, sorted sets, hashes with their fields' expiry and streams with their groups, and the
//! commands by which Redis 7.0 to 8.6 and Valkey 8.0 to 9.1 replicate changes to them. A value that is here is the source's.
//! What can't be made here as it was made there is told to [`Listener::unhandled`], and the keys it writes are *stale*: they
//! have no value here ([`Lookup::Stale`]) until a command replaces or deletes them. So do keys that would be made of stale
//! or dropped ones. Commands that do so, each for what is not known of the source:
//!
//! | command | unknown is |
//! |---|---|
//! | `PFADD`, `PFMERGE`, `PFCOUNT` | when a HyperLogLog becomes a dense one (`hll-sparse-max-bytes`), how its runs were merged, and the cached count: the string is the server's own |
//! | `GEOSEARCHSTORE`, `GEORADIUS .. STORE` | distances to the last bit, which are those of its C library, and with them who is within |
//! | `SORT .. BY .. ALPHA STORE` with equal texts | in which order its sorting leaves them |
//! | `SORT .. STORE` by or of keys that are stale, dropped, or fields that expire | their values |
//! | `XTRIM`, `XADD` with `ACKED` that pass over entries which a group needs | where the nodes of its stream begin |
//! | `ZREMRANGEBYLEX`, `ZRANGESTORE .. BYLEX` with unequal scores | the shape of its skip list |
//! | `RESTORE` of a module's value, commands of modules and of vector sets, scripts | what they do |
//! | times that count from now, `~` of trims | its clock, its nodes: those servers replicate neither |
//!
//! Nothing expires by itself: a source tells when a key has expired, and [`Item::expire_at_ms`] is for the reader.

mod apply;
mod fill;
mod stream;
mod tables;
mod value;
mod watch;

pub use fill::{Listener, Projection, View};
pub use stream::{EntryFields, Group, Pending, Stream};
pub use tables::{Lookup, Route, Table, Tables};
pub use value::{Field, Item, Value};
pub use watch::{Change, Watched};
