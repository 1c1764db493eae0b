//! The example `hello_core`, loaded into every server there is and driven over the wire.

mod asking;
mod calls;
mod configs;
mod dangers;
#[path = "../example/mod.rs"]
mod example;
mod load;
mod raw;
mod replies;
mod server_configs;
mod streams;
mod strings;

use redis_mirror_test_support::{Client, Command, Installed, Options, Server, Value, servers};

/// Runs a story on each server with the example loaded.
fn on_each(arguments: &str, story: impl Fn(&Server, &Installed)) {
    let module = example::module("hello-core");
    for installed in servers() {
        println!("on {installed}");
        let server = Server::start(installed, Options::new().module(&module, arguments));
        story(&server, installed);
    }
}

/// Sends the words of `line` and returns the reply, errors too.
fn ask(client: &mut Client, line: &str) -> Value {
    tell(client, Command::new(line))
}

/// Sends a command and returns the reply, errors too.
fn tell(client: &mut Client, command: Command) -> Value {
    client.send(&command).expect("the server listens");
    client.receive().expect("the server answers")
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

fn error(text: &str) -> Value {
    Value::Error(text.to_owned())
}
