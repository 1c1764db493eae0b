//! Keys of every kind, by the module `hello_keys`: what the examples `zset_range` and `scan` have no use for.

mod dataset;
mod elements;
mod generic;
mod lists;
mod zsets;

use redis_mirror_test_support::{Client, Command, Options, Server, Value, servers};

use crate::example;

/// Tells a story to each server there is, with the module loaded.
fn on_each_server(story: impl Fn(&Server, &mut Client)) {
    on_each_server_with(|options| options, story);
}

fn on_each_server_with(adapt: impl Fn(Options) -> Options, story: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let options = Options::new().module(&example::module("hello_keys"), "");
        let mut server = Server::start(installed, adapt(options));
        let mut client = server.client();
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
    }
}

/// A reply in one line: the elements of an array separated by spaces, those of inner ones in brackets.
#[track_caller]
pub fn line(client: &mut Client, command: impl Into<Command>) -> String {
    let reply = client.run(command);
    let shown = shown(&reply);
    shown.strip_prefix('[').and_then(|shown| shown.strip_suffix(']')).unwrap_or(&shown).to_owned()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}
