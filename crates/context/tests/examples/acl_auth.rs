//! `examples/acl_auth`.

use redis_mirror_test_support::{Client, Server};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["acl_auth"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("PING");
}
