//! What must hold for any bytes that a source sends: the checks behind the fuzz targets. A test of redis-replica plays
//! the corpora to them too, so only its public interface is used here.
//!
//! The first byte or two of an input choose settings and how the rest is cut into reads; the rest is what arrives.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

pub mod aof;
pub mod dual;
pub mod handshake;
pub mod link;
pub mod lzf;
pub mod made;
pub mod pieces;
pub mod rdb_file;
pub mod rdb_pieces;
pub mod rdb_value;
pub mod rdb_write;
pub mod resp;
pub mod session;

/// What a target does with an input: it panics if something doesn't hold.
pub type Check = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: [(&str, Check); 10] = [
    ("aof", aof::check),
    ("dual", dual::check),
    ("handshake", handshake::check),
    ("lzf", lzf::check),
    ("rdb_file", rdb_file::check),
    ("rdb_pieces", rdb_pieces::check),
    ("rdb_value", rdb_value::check),
    ("rdb_write", rdb_write::check),
    ("resp", resp::check),
    ("session", session::check),
];
