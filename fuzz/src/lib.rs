//! What must hold for any bytes that a source sends: the checks behind the fuzz targets. A test of redis-replica plays
//! the corpora to them too, so only its public interface is used here.
//!
//! The first byte or two of an input choose settings and how the rest is cut into reads; the rest is what arrives.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

pub mod handshake;
pub mod link;
pub mod lzf;
pub mod pieces;
pub mod rdb_file;
pub mod rdb_value;
pub mod resp;
pub mod session;

/// What a target does with an input: it panics if something doesn't hold.
pub type Check = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: [(&str, Check); 6] = [
    ("handshake", handshake::check),
    ("lzf", lzf::check),
    ("rdb_file", rdb_file::check),
    ("rdb_value", rdb_value::check),
    ("resp", resp::check),
    ("session", session::check),
];
