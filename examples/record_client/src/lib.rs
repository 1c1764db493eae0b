//! A client of the record store, as a program would have one: nothing here but the crate `redis` and the commands
//! `RECORD.*`.
//!
//! ```no_run
//! use example_record_client::{Options, Put, Records, Update};
//! use std::time::Duration;
//!
//! let options = Options::new("redis://127.0.0.1:6379", "users");
//! let mut records = Records::open(options.clone())?;
//! let put = records.put(&[Put::set("user", "ada", b"countess")])?;
//! assert_eq!(records.get("user", "ada")?.unwrap().version, put.version);
//!
//! // What there is, then what changes: whatever happens to the connection or the history.
//! let mut watcher = records.watch(&["user"]);
//! loop {
//!     match watcher.next(Duration::from_secs(10))? {
//!         Update::State(all) => println!("begin with these {}", all.len()),
//!         Update::Changes(some) => println!("{} changes", some.len()),
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), example_record_client::Error>(())
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`records`] | one method for each thing a store does |
//! | [`watch`] | a reader that is never wrong: it lists, follows, and lists again when it has to |
//! | [`options`] | where the store is, for how long changes are kept, TLS |
//! | [`record`] | what the replies say |

#![forbid(unsafe_code)]

mod error;
pub mod options;
pub mod record;
pub mod records;
pub mod watch;

pub use error::Error;
pub use options::Options;
pub use record::{Cursor, Page, Put, Record};
pub use records::{Records, TypeOptions};
pub use watch::{Update, Watcher};
