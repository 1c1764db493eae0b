//! `examples/configs_info`.

use redis_mirror_test_support::{Client, Server};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["configs_info"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("PING");
}
