//! What the comments of the examples show is replayed, word for word, on every server there is.
//!
//! The `text` blocks at the head of an example's lib.rs are sessions of redis-cli:
//!
//! | line | meaning |
//! |---|---|
//! | `$ redis-server --name value ..` | begins with a server that has these options; without it the example is loaded, and nothing else. With `--cluster-enabled yes` there are three, a cluster, at the ports 7000 to 7002 |
//! | `$ redis-cli` | another client, at the port 7001 with `-p 7001`; what came before stays connected |
//! | `$ echo text \| nc 127.0.0.1 <port>` | sends a line to a port |
//! | `> COMMAND arg "an arg"` | a command; the lines below it are its reply as redis-cli prints it |
//! | `> COMMAND    reply` | the same on one line, two blanks or more in between |
//! | `2> COMMAND    reply` | what a second client says while the first one waits: the lines below it answer the first |
//! | `..` | any text; on a line of its own any lines |
//! | `<7001>` | the id of the cluster node at this port |
//! | `<port>` | a port that is free |
//! | `libexample_x.so` | in a command, the module where it was built |
//! | `# a remark` | after two blanks, is for people, but for these words: |
//! | `# soon` | it is asked until it answers so |
//! | `# from Redis 7.2, from Valkey 9.0`, `# not on Valkey` | elsewhere the answer is another |
//!
//! A command without a reply may answer anything but an error.

mod cli;
mod pattern;
mod script;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis_mirror_test_support::wait::{wait_until, wait_within};
use redis_mirror_test_support::{Client, Cluster, Installed, Options, Server, cmd, servers};

use crate::{example, harness};
use cli::Cli;
use script::{Opening, Script, Step};

/// How long an answer that comes `# soon` may take.
const SOON: Duration = Duration::from_secs(10);

/// The servers of an act.
struct Stage {
    servers: Servers,
    free_port: u16,
}

/// One, or the nodes of a cluster.
enum Servers {
    One(Box<Server>),
    Nodes(Cluster),
}

impl Stage {
    fn start(installed: &Installed, package: &str, opening: Option<&Opening>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let free_port = listener.expect("a port is free").port();
        let servers = match opening {
            None => Servers::One(Box::new(Server::start(installed, harness::options(&[package])))),
            Some(opening) => Servers::open(installed, opening),
        };
        Self { servers, free_port }
    }

    fn nodes(&self) -> &[Server] {
        match &self.servers {
            Servers::One(server) => std::slice::from_ref(server),
            Servers::Nodes(cluster) => cluster.nodes(),
        }
    }

    /// The server at a port of the script.
    fn at(&self, port: u16) -> &Server {
        &self.nodes()[usize::from(port - script::FIRST_PORT)]
    }

    fn is_running(&mut self) -> bool {
        match &mut self.servers {
            Servers::One(server) => server.is_running(),
            Servers::Nodes(cluster) => cluster.is_running(),
        }
    }

    /// `line` with what `<..>` stands for, and the modules where they are.
    fn fill_in(&self, line: &str) -> String {
        let mut line = line.replace("<port>", &self.free_port.to_string());
        if let Servers::Nodes(cluster) = &self.servers {
            for node in 0..cluster.nodes().len() {
                let port = usize::from(script::FIRST_PORT) + node;
                line = line.replace(&format!("<{port}>"), &cluster.id(node));
            }
        }
        let words = line.split(' ').map(|word| match built(word) {
            Some(module) => module.display().to_string(),
            None => word.to_owned(),
        });
        words.collect::<Vec<String>>().join(" ")
    }

    /// Sends a line to the port that was free.
    fn tell(&self, text: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.free_port)).expect("the module listens");
        stream.write_all(format!("{text}\n").as_bytes()).expect("the module reads");
    }
}

impl Servers {
    fn open(installed: &Installed, opening: &Opening) -> Self {
        let mut options = Options::new().set("enable-debug-command", "no").set("enable-module-command", "no");
        for (name, value) in &opening.options {
            options = match name.as_str() {
                "loadmodule" => options.module(&built(value).expect("a module of the examples"), ""),
                name => options.set(name, value),
            };
        }
        if opening.is_cluster() {
            Self::Nodes(Cluster::start(installed, 3, &options))
        } else {
            Self::One(Box::new(Server::start(installed, options)))
        }
    }
}

/// The module that a path of a script means.
fn built(path: &str) -> Option<PathBuf> {
    let name = path.rsplit('/').next()?.strip_prefix("lib")?.strip_suffix(".so")?;
    Some(example::module(name))
}

/// Replays a script on one server; what differs from it is added to `found`.
fn replay(installed: &Installed, script: &Script, found: &mut Vec<String>) {
    for act in &script.acts {
        let mut stage = Stage::start(installed, &script.package, act.opening.as_ref());
        let mut port = script::FIRST_PORT;
        let mut clients = vec![Cli::connect(stage.at(port))];
        for step in &act.steps {
            match step {
                Step::Client { port: at } => {
                    port = at.unwrap_or(port);
                    clients.push(Cli::connect(stage.at(port)));
                }
                Step::Send(text) => stage.tell(text),
                Step::Line(line) => {
                    let client = clients.last_mut().expect("there is one from the start");
                    if let Err(seen) = play(installed, &stage, stage.at(port), client, line) {
                        found.push(format!("{}:{} on {installed}: {seen}", script.path, line.number));
                    }
                }
            }
        }
        assert!(stage.is_running(), "{installed} has ended in {}", script.path);
    }
}

/// One command and what answers it.
fn play(
    installed: &Installed,
    stage: &Stage,
    server: &Server,
    client: &mut Cli,
    line: &script::Line,
) -> Result<(), String> {
    let command = stage.fill_in(&line.command);
    let wanted = stage.fill_in(&line.reply);
    let fits = |answer: &str| match wanted.as_str() {
        "" => !answer.starts_with("(error)"),
        wanted => pattern::fits(wanted, answer),
    };
    let check = |answer: String| {
        if fits(&answer) { Ok(()) } else { Err(differs(&command, &wanted, &answer)) }
    };
    if !line.runs_on(installed) {
        let answer = client.ask(&command);
        return if fits(&answer) {
            Err(format!("> {command}\nit does run here: {answer}\n"))
        } else {
            Ok(())
        };
    }
    if line.is_soon {
        let result = wait_within(SOON, "the answer", || check(client.ask(&command)));
        return result.map_err(|error| error.to_string());
    }
    client.send(&command);
    if !line.meanwhile.is_empty() {
        wait_blocked(&mut server.client(), client.id());
    }
    let mut second = None;
    for line in &line.meanwhile {
        let second = second.get_or_insert_with(|| Cli::connect(server));
        play(installed, stage, server, second, line)?;
    }
    check(client.answer())
}

fn differs(command: &str, wanted: &str, answer: &str) -> String {
    format!("> {command}\nthe comment says\n{wanted}\nthe server says\n{answer}\n")
}

fn wait_blocked(admin: &mut Client, id: &str) {
    wait_until("the client waits", || {
        let line = admin.text(cmd!("CLIENT", "LIST", "ID", id));
        line.split(' ').any(|field| field.starts_with("flags=") && field.contains('b'))
    });
}

/// The script of each example that is a module.
fn scripts() -> Vec<Script> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = std::fs::read_dir(examples).expect("the examples").flatten();
    let is_module = |path: &PathBuf| {
        std::fs::read_to_string(path.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("cdylib"))
    };
    let mut packages: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_module).collect();
    packages.sort();
    packages.iter().map(|package| Script::read(package)).collect()
}

#[test]
fn the_comments_of_the_examples_show_what_happens() {
    let scripts = scripts();
    let silent: Vec<&str> =
        scripts.iter().filter(|script| script.is_empty()).map(|s| s.path.as_str()).collect();
    assert!(silent.is_empty(), "these show no command: {silent:?}");
    let names: Vec<String> = scripts.iter().map(|script| format!("example_{}", script.package)).collect();
    example::modules(&names);
    let found: Vec<String> = std::thread::scope(|scope| {
        let replay_all = |installed| {
            let mut found = Vec::new();
            scripts.iter().for_each(|script| replay(installed, script, &mut found));
            found
        };
        let threads: Vec<_> = servers().iter().map(|at| scope.spawn(move || replay_all(at))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it reports what it finds")).collect()
    });
    assert!(found.is_empty(), "{} answers differ:\n\n{}", found.len(), found.join("\n"));
}
