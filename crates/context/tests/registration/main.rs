//! What a module registers while it loads, however odd: it works, or the load is refused with one line that names it.

#[path = "../example/mod.rs"]
mod example;
mod names;
mod numbers;
mod settings;
mod taken_back;

use redis_mirror_test_support::{Client, Command, Family, Installed, Options, Server, Value, servers};

/// The module's name.
const NAME: &str = "Odd-reg_1.0";

/// Runs a story on each server there is, which must outlive it.
fn on_each(options: &Options, story: impl Fn(&Server, &mut Client, &Installed)) {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, options.clone());
        let mut client = server.client();
        story(&server, &mut client, installed);
        assert!(server.is_running(), "{installed} has ended: {}", server.log_tail());
        client.run("PING");
    }
}

fn is_7_0(installed: &Installed) -> bool {
    let version = &installed.version;
    version.family == Family::Redis && (version.major, version.minor) < (7, 2)
}

fn path() -> String {
    example::module("odd_registration").to_string_lossy().into_owned()
}

/// Sends a command and returns the reply, errors too.
fn tell(client: &mut Client, command: Command) -> Value {
    client.send(&command).expect("the server listens");
    client.receive().expect("the server answers")
}

fn load<'a>(client: &mut Client, words: impl IntoIterator<Item = &'a [u8]>) -> Value {
    tell(client, Command::new("MODULE LOAD").arg(path()).args(words))
}

/// Loads the module, which must be refused with one line of its own; what that line says behind the module's name.
fn refusal<'a>(
    server: &Server,
    client: &mut Client,
    words: impl IntoIterator<Item = &'a [u8]> + Clone,
) -> String {
    let line = format!("{NAME} is not loaded: ");
    let before = server.log().matches(&line).count();
    let reply = load(client, words.clone());
    let words: Vec<_> = words.into_iter().map(<[u8]>::escape_ascii).map(|word| word.to_string()).collect();
    assert!(reply.error().is_some(), "{words:?} was loaded");
    let log = server.log();
    assert_eq!(log.matches(&line).count(), before + 1, "{words:?}: {}", server.log_tail());
    let last = log.lines().rev().find_map(|found| found.split_once(&line)).expect("one was counted");
    last.1.to_owned()
}

/// Loads the module and unloads it.
fn come_and_go(client: &mut Client, words: &[&[u8]]) {
    assert_eq!(load(client, words.iter().copied()).error(), None, "{words:?}");
    assert_eq!(tell(client, Command::new("MODULE UNLOAD").arg(NAME)).error(), None);
}
