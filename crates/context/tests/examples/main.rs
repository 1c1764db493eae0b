//! The packages of `examples/`, loaded into every server there is and driven over the wire: each by itself in
//! its own file, and all of them together here.

mod acl_auth;
mod block_on_keys;
mod blocking;
mod calls;
mod cluster_chat;
mod configs_info;
mod dict;
mod events;
#[path = "../example/mod.rs"]
mod example;
mod filter;
mod fork;
mod harness;
mod headers;
mod key_meta;
mod keys;
mod native_type;
mod scan;
mod shared_api;
mod streams;
mod structures;
mod threads_event_loop;
mod timers;
mod zset_range;

use harness::Subject;

/// Every subject; a file of this folder has the one of its name.
const SUBJECTS: &[Subject] = &[
    acl_auth::SUBJECT,
    block_on_keys::SUBJECT,
    blocking::SUBJECT,
    calls::SUBJECT,
    cluster_chat::SUBJECT,
    configs_info::SUBJECT,
    dict::SUBJECT,
    events::SUBJECT,
    filter::SUBJECT,
    fork::SUBJECT,
    native_type::SUBJECT,
    scan::SUBJECT,
    shared_api::SUBJECT,
    streams::SUBJECT,
    threads_event_loop::SUBJECT,
    timers::SUBJECT,
    zset_range::SUBJECT,
];

#[test]
fn all_examples_live_together_in_each_server() {
    let packages: Vec<&str> = SUBJECTS.iter().flat_map(|subject| subject.packages).copied().collect();
    harness::on_each_server(&packages, |server, client| {
        for subject in SUBJECTS {
            (subject.drive)(server, client);
            client.run("FLUSHALL");
        }
    });
}
