use super::super::{Problem, ServerCommand, Typed};
use super::{all_are, refused};

#[test]
fn databases_and_messages() {
    all_are(&["FLUSHDB", "FLUSHDB async"], Typed::Server(ServerCommand::FlushDb));
    all_are(&["FLUSHALL", "FLUSHALL SYNC"], Typed::Server(ServerCommand::FlushAll));
    all_are(&["SWAPDB 0 9"], Typed::Server(ServerCommand::SwapDb { first: 0, second: 9 }));
    let publish = |sharded| Typed::Server(ServerCommand::Publish { channel: b"c", message: b"m", sharded });
    all_are(&["PUBLISH c m"], publish(false));
    all_are(&["SPUBLISH c m"], publish(true));
}

#[test]
fn malformed() {
    refused(&[
        ("FLUSHALL NOW", 1, Problem::Unexpected),
        ("SWAPDB 0 x", 2, Problem::Invalid("database number")),
        ("SWAPDB 0", 2, Problem::Missing("database number")),
        ("PUBLISH c", 2, Problem::Missing("message")),
        ("PUBLISH c m n", 3, Problem::Unexpected),
    ]);
}
