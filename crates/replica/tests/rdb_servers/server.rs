//! Real servers on unix sockets, and the little of RESP it takes to talk to them.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis_replica::rdb::{Family, Target};

/// A reply, as far as comparisons need it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Bytes(Vec<u8>),
    Int(i64),
    Nil,
    Error(String),
    Array(Vec<Reply>),
}

impl Reply {
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Reply::Bytes(bytes) => bytes,
            other => panic!("expected a string, got {other:?}"),
        }
    }

    pub fn array(self) -> Vec<Reply> {
        match self {
            Reply::Array(items) => items,
            other => panic!("expected an array, got {other:?}"),
        }
    }
}

/// The executables named `<name>-server` in `REDIS_MIRROR_TEST_SERVERS`, by default `target/servers/bin`.
pub fn installed() -> Vec<(String, PathBuf)> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = std::env::var_os("REDIS_MIRROR_TEST_SERVERS")
        .map_or_else(|| workspace.join("target/servers/bin"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(&dir) else {
        println!("skipped: no servers in {}; set REDIS_MIRROR_TEST_SERVERS", dir.display());
        return Vec::new();
    };
    let paths = files.flatten().map(|file| file.path());
    let mut servers: Vec<_> = paths
        .filter_map(|path| Some((path.file_name()?.to_str()?.strip_suffix("-server")?.to_owned(), path)))
        .collect();
    servers.sort();
    servers
}

pub struct Server {
    pub name: String,
    pub target: Target,
    pub dir: PathBuf,
    pub program: PathBuf,
    process: Child,
    stream: BufReader<UnixStream>,
}

impl Server {
    pub fn start(name: &str, program: &Path) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("rdb-servers-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("temporary directory");
        let socket = dir.join("socket");
        let process = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"])
            .args(["--sanitize-dump-payload", "yes", "--daemonize", "no"])
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let stream = BufReader::new(connect(&socket));
        let target = Target::redis(0, 0, 0);
        let mut server =
            Self { name: name.to_owned(), target, dir, program: program.to_owned(), process, stream };
        server.target = server.identify();
        server
    }

    fn identify(&mut self) -> Target {
        let info = String::from_utf8(self.call(&["INFO", "server"]).bytes()).expect("text");
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        let (family, version) = match field("valkey_version:") {
            Some(version) => (Family::Valkey, version),
            None => (Family::Redis, field("redis_version:").expect("a version")),
        };
        let mut parts = version.split('.').map(|part| part.parse().expect("a number"));
        let mut part = || parts.next().expect("three numbers");
        Target { family, version: (part(), part(), part()) }
    }

    pub fn call(&mut self, words: &[&str]) -> Reply {
        self.send(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
    }

    /// As `call`, but an error reply fails the test.
    pub fn run(&mut self, words: &[&str]) -> Reply {
        self.must(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
    }

    pub fn must(&mut self, arguments: &[&[u8]]) -> Reply {
        let reply = self.send(arguments);
        if let Reply::Error(text) = &reply {
            let shown: Vec<_> =
                arguments.iter().take(6).map(|a| a[..a.len().min(80)].escape_ascii().to_string()).collect();
            panic!("{}: {shown:?}: {text}", self.name);
        }
        reply
    }

    pub fn send(&mut self, arguments: &[&[u8]]) -> Reply {
        let mut out = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            out.extend(format!("${}\r\n", argument.len()).bytes());
            out.extend_from_slice(argument);
            out.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&out).expect("the server reads");
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).unwrap_or_else(|| panic!("{} is gone", self.name));
        match kind {
            "+" => Reply::Bytes(rest.as_bytes().to_vec()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Int(rest.parse().expect("a number")),
            "$" => self.bulk(rest.parse().expect("a number")),
            "*" => match rest.parse::<i64>().expect("a number") {
                -1 => Reply::Nil,
                count => Reply::Array((0..count).map(|_| self.reply()).collect()),
            },
            other => panic!("unexpected reply type {other:?}"),
        }
    }

    fn bulk(&mut self, len: i64) -> Reply {
        let Ok(len) = usize::try_from(len) else { return Reply::Nil };
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes).expect("the server answers");
        bytes.truncate(len);
        Reply::Bytes(bytes)
    }

    /// The snapshot as the server saves it now.
    pub fn snapshot(&mut self) -> Vec<u8> {
        self.run(&["SAVE"]);
        std::fs::read(self.dir.join("dump.rdb")).expect("the snapshot")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn connect(socket: &Path) -> UnixStream {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
                return stream;
            }
            Err(error) if Instant::now() > deadline => panic!("the server doesn't come up: {error}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}
