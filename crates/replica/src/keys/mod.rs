//! Which arguments of a command are keys, and what it does to them.
//!
//! Compiled in, because a source's own `COMMAND` reply is under the source's control. Held against
//! `COMMAND GETKEYSANDFLAGS` of real servers by the tests of `mirror-engine`, which plans by this table.
//!
//! ```
//! use redis_replica::keys::{Access, lookup};
//!
//! let args: [&[u8]; 2] = [b"from", b"to"];
//! let keys = lookup(b"RENAME").unwrap().find(&args)?;
//! assert_eq!(keys.iter().collect::<Vec<_>>(), [(0, Access::Update), (1, Access::Overwrite)]);
//! # Ok::<(), redis_replica::keys::Malformed>(())
//! ```

mod args;
mod lookup;
mod positions;
mod table;

pub use args::{Args, Tail, integer, is_word};
pub use lookup::{index_of, lookup};
pub use positions::{Access, KeyArgs, KeyArgsIter, Keys, Malformed, RunIter, sort_reads_patterns};
pub use table::{Row, TABLE};
