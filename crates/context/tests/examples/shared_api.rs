//! `examples/shared_api_exporter` and `examples/shared_api_importer`.

use redis_mirror_test_support::{Client, Server};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["shared_api_exporter", "shared_api_importer"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("PING");
}
