//! `examples/cluster_chat`.

use redis_mirror_test_support::{Client, Server};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["cluster_chat"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("PING");
}
