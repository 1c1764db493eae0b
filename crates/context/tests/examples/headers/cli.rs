//! A client that takes commands as they are typed, and shows replies as redis-cli does.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use redis_mirror_test_support::{Command, Server};

/// A server that is silent for this long fails the test.
const SILENCE_MAX: Duration = Duration::from_secs(60);

pub struct Cli {
    stream: BufReader<TcpStream>,
    id: String,
    /// Replies to INFO are shown as they are.
    is_plain: bool,
}

impl Cli {
    pub fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server listens");
        stream.set_read_timeout(Some(SILENCE_MAX)).expect("a time above 0");
        let mut cli = Self { stream: BufReader::new(stream), id: String::new(), is_plain: false };
        cli.id = cli.ask("CLIENT ID").replace("(integer) ", "");
        cli
    }

    /// The client's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends a command and waits for its reply.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.answer()
    }

    /// Sends a command.
    pub fn send(&mut self, line: &str) {
        let words = words(line);
        self.is_plain = words[0].eq_ignore_ascii_case("INFO");
        let mut wire = Vec::new();
        words.iter().fold(Command::new(""), |command, word| command.arg(word)).encode(&mut wire);
        self.stream.get_mut().write_all(&wire).expect("the server is there");
    }

    /// The next reply.
    pub fn answer(&mut self) -> String {
        let shown = self.show("");
        shown.trim_end().to_owned()
    }

    /// Shows the next reply; what of it begins a line further down stands behind `indent`.
    fn show(&mut self, indent: &str) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        let line = line.trim_end();
        let Some((kind, rest)) = line.split_at_checked(1) else { return "(the server has left)".to_owned() };
        match (kind, rest) {
            ("+", status) => status.to_owned(),
            ("-", error) => format!("(error) {error}"),
            (":", number) => format!("(integer) {number}"),
            ("$" | "*", "-1") => "(nil)".to_owned(),
            ("*", "0") => "(empty array)".to_owned(),
            ("$", len) => self.show_string(len.parse().expect("a length")),
            ("*", len) => self.show_array(len.parse().expect("a length"), indent),
            _ => panic!("no reply of RESP2: {line}"),
        }
    }

    fn show_string(&mut self, len: usize) -> String {
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes).expect("the server answers");
        bytes.truncate(len);
        if self.is_plain {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        quoted(&bytes)
    }

    fn show_array(&mut self, len: usize, indent: &str) -> String {
        let width = len.to_string().len();
        let deeper = format!("{indent}{}", " ".repeat(width + 2));
        let mut shown = String::new();
        for number in 1..=len {
            let before = if number == 1 { "" } else { indent };
            let element = self.show(&deeper);
            writeln!(shown, "{before}{number:>width$}) {element}").expect("a string takes everything");
        }
        shown.trim_end().to_owned()
    }
}

/// As redis-cli quotes bytes (`sdscatrepr`, sds.c).
fn quoted(bytes: &[u8]) -> String {
    let mut shown = String::from("\"");
    for byte in bytes {
        match byte {
            b'\\' | b'"' => shown.extend(['\\', *byte as char]),
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            b'\t' => shown.push_str("\\t"),
            0x20..0x7f => shown.push(*byte as char),
            _ => write!(shown, "\\x{byte:02x}").expect("a string takes everything"),
        }
    }
    shown + "\""
}

/// The words of a line; `"a b"` is one.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn lines_are_split_and_bytes_quoted_as_redis_cli_does() {
    assert_eq!(words("SET k \"a b\" \"\" c"), ["SET", "k", "a b", "", "c"]);
    assert_eq!(quoted(b"a\"\\\n\x01\xff"), "\"a\\\"\\\\\\n\\x01\\xff\"");
}
