//! `examples/block_on_keys`.

use redis_mirror_test_support::{Client, Server};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["block_on_keys"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("PING");
}
