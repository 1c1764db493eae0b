//! `examples/native_type`.

use redis_mirror_test_support::{Client, Server};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["native_type"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("PING");
}
