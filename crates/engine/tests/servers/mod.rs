//! Real servers for this crate's tests: every `<name>-server` in a folder, each on a port and in a folder of its own.

pub mod samples;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis_replica::rdb::Target;
use redis_replica::resp::{Decoder, Frame, Limits, Value, encode_command};

/// A running server, ended when dropped.
pub struct Server {
    pub name: String,
    pub target: Target,
    child: Child,
    dir: PathBuf,
    stream: TcpStream,
    decoder: Decoder,
}

/// Starts every server found; says so when there is none.
pub fn start_all() -> Vec<Server> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder())
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    found.retain(|path| path.to_string_lossy().ends_with("-server"));
    found.sort();
    if found.is_empty() {
        println!("skipped: no <name>-server in {} (set REDIS_MIRROR_TEST_SERVERS)", folder().display());
    }
    found.into_iter().map(Server::start).collect()
}

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/servers/bin");
    std::env::var_os("REDIS_MIRROR_TEST_SERVERS").map_or_else(|| own.into(), PathBuf::from)
}

impl Server {
    fn start(program: PathBuf) -> Server {
        let name = program.file_name().expect("a file").to_string_lossy().into_owned();
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let dir = std::env::temp_dir().join(format!("mirror-engine-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let child = Command::new(program)
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
            ])
            .arg(&dir)
            .args(["--enable-debug-command", "yes"])
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        let stream = connect(port);
        let decoder = Decoder::new(Limits::default());
        let mut server = Server { name, target: Target::redis(0, 0, 0), child, dir, stream, decoder };
        server.target = server.ask_target();
        server
    }

    fn ask_target(&mut self) -> Target {
        let info = self.run("INFO server");
        let info = String::from_utf8_lossy(info.as_bytes().expect("text")).into_owned();
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let version = |text: &str| {
            let mut numbers = text.split('.').map(|number| number.parse().expect("a number"));
            (numbers.next().expect("one"), numbers.next().expect("two"), numbers.next().expect("three"))
        };
        match (field("valkey_version"), field("redis_version")) {
            (Some(text), _) => {
                let (a, b, c) = version(text);
                Target::valkey(a, b, c)
            }
            (None, text) => {
                let (a, b, c) = version(text.expect("a version"));
                Target::redis(a, b, c)
            }
        }
    }

    /// Runs a command of words without spaces.
    pub fn run(&mut self, words: &str) -> Value {
        self.call(&words.split_whitespace().map(str::as_bytes).collect::<Vec<_>>())
    }

    /// Runs a command.
    pub fn call(&mut self, args: &[&[u8]]) -> Value {
        let mut out = Vec::new();
        encode_command(args, &mut out);
        self.stream.write_all(&out).expect("the server listens");
        loop {
            if let Some(Frame::Reply(value)) = self.decoder.poll_frame().expect("a reply") {
                return value;
            }
            let mut bytes = [0; 1 << 16];
            let read = self.stream.read(&mut bytes).expect("the server answers");
            assert!(read > 0, "{} closed the connection", self.name);
            self.decoder.receive(&bytes[..read]);
        }
    }
}

fn connect(port: u16) -> TcpStream {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) if Instant::now() > until => panic!("no server on port {port}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
        let _left_behind = std::fs::remove_dir_all(&self.dir);
    }
}
