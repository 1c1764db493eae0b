//! RESP2 and RESP3 without IO: replies, pushes, and the command stream of a replication link.
//!
//! Two readers, because the two directions have different needs. [`Decoder`] owns its input and gives owned
//! [`Value`]s: replies are few and of every type. [`CommandParser`] borrows: a replication stream is
//! millions of small multibulk commands, so it hands out [`CommandView`]s whose arguments are slices of the
//! caller's buffer and allocates nothing per command.
//!
//! Incomplete input is never an error. Every length is checked against [`Limits`] before memory is reserved
//! for it, and both readers go on where they stopped: an input that arrives byte by byte costs linear time.

mod command;
mod decode;
mod encode;
mod error;
mod limits;
mod number;
mod value;

pub use command::{Args, CommandParser, CommandView, Parsed};
pub use decode::{Decoder, Frame};
pub use encode::{encode_command, encoded_command_len};
pub use error::ProtocolError;
pub use limits::Limits;
pub use value::Value;
