//! `examples/zset_range`.

use redis_mirror_test_support::{Client, Server};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["zset_range"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("PING");
}
