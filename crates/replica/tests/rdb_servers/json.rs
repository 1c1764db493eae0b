//! The example `rdb2json`, run on real snapshots: its lines are parsed and compared with the values read here.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use redis_replica::rdb::{Item, Limits, Reader, Step, Value};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(pairs) => pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    fn at(&self, name: &str) -> &Json {
        self.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    fn items(&self) -> &[Json] {
        match self {
            Json::Array(items) => items,
            other => panic!("expected an array, got {other:?}"),
        }
    }

    /// A text as the example writes it.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Json::Text(text) => text.clone().into_bytes(),
            other => base64(other.at("base64")),
        }
    }

    fn number(&self) -> u64 {
        match self {
            Json::Number(text) => text.parse().expect("an integer"),
            other => panic!("expected a number, got {other:?}"),
        }
    }

    fn score(&self) -> f64 {
        match self {
            Json::Number(text) | Json::Text(text) => text.parse().expect("a score"),
            other => panic!("expected a score, got {other:?}"),
        }
    }
}

fn base64(text: &Json) -> Vec<u8> {
    let Json::Text(text) = text else { panic!("base64 is a string") };
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} in base64"),
    };
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let digits: Vec<u32> = four.iter().filter(|b| **b != b'=').map(|b| u32::from(digit(*b))).collect();
        let word = digits.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - digits.len()));
        bytes.extend(&word.to_be_bytes()[1..digits.len()]);
    }
    bytes
}

/// A strict parser of one line.
struct Parser<'t> {
    rest: &'t str,
}

fn parse(line: &str) -> Json {
    let mut parser = Parser { rest: line };
    let value = parser.value();
    assert_eq!(parser.rest, "", "in {line}");
    value
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self) -> Json {
        if self.eat("null") {
            Json::Null
        } else if self.eat("[") {
            Json::Array(self.list("]", Self::value))
        } else if self.eat("{") {
            Json::Object(self.list("}", |parser| {
                let Json::Text(name) = parser.value() else { panic!("a name is a string") };
                assert!(parser.eat(":"));
                (name, parser.value())
            }))
        } else if self.eat("\"") {
            Json::Text(self.text())
        } else {
            let end = self.rest.find([',', ']', '}']).expect("something follows a number");
            let (number, rest) = self.rest.split_at(end);
            self.rest = rest;
            number.parse::<f64>().expect("a number");
            Json::Number(number.to_owned())
        }
    }

    fn list<T>(&mut self, end: &str, each: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut all = Vec::new();
        if self.eat(end) {
            return all;
        }
        loop {
            all.push(each(self));
            if self.eat(end) {
                return all;
            }
            assert!(self.eat(","), "a comma before {:.40}", self.rest);
        }
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        loop {
            let mut chars = self.rest.chars();
            let next = chars.next().expect("a string ends");
            assert!(next >= ' ', "control characters are escaped");
            self.rest = chars.as_str();
            match next {
                '"' => return text,
                '\\' => text.push(self.escape()),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> char {
        let (escape, rest) = self.rest.split_at(1);
        self.rest = rest;
        match escape {
            "n" => '\n',
            "r" => '\r',
            "t" => '\t',
            "u" => {
                let (code, rest) = self.rest.split_at(4);
                self.rest = rest;
                char::from_u32(u32::from_str_radix(code, 16).expect("hex")).expect("no surrogate")
            }
            "\"" | "\\" => escape.chars().next().expect("one"),
            other => panic!("unknown escape {other}"),
        }
    }
}

/// Builds the example as it is now; answers where it stands.
pub fn build() -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "redis-replica", "--example", "rdb2json"])
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the example builds");
    let test = std::env::current_exe().expect("this test");
    test.ancestors().nth(2).expect("target/debug").join("examples/rdb2json")
}

fn run(program: &PathBuf, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // Who fails early leaves input unread.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("the example ends")
    })
}

/// Runs it over a snapshot and compares each line with what the reader says.
pub fn compare(program: &PathBuf, rdb: &[u8]) {
    let output = run(program, &["--aux", "--functions", "-"], rdb);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "a pipe sees no progress");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let mut lines = text.lines().map(parse);
    let mut reader = Reader::new(Limits::default());
    let mut rest = rdb;
    while let Step::Item { item, consumed } = reader.next(rest).expect("a real server's snapshot") {
        match item {
            Item::End => break,
            Item::Aux { key, value } => {
                let line = lines.next().expect("a line");
                assert_eq!(
                    (line.at("aux").bytes(), line.at("value").bytes()),
                    (key.to_vec(), value.to_vec())
                );
            }
            Item::Function(code) => assert_eq!(lines.next().expect("a line").at("function").bytes(), *code),
            Item::Entry(entry) => {
                let line = lines.next().expect("a line");
                assert_eq!(line.at("key").bytes(), *entry.key);
                assert_eq!(line.at("db").number(), u64::from(entry.db));
                assert_eq!(line.get("expire_at_ms").map(Json::number), entry.expire_at_ms);
                let value = entry.object.decode().expect("validated");
                same(&line, &value);
            }
            _ => {}
        }
        rest = &rest[consumed..];
    }
    assert!(lines.next().is_none(), "no line too many");
}

fn same(line: &Json, value: &Value) {
    let kind = line.at("type").bytes();
    let shown = line.at("value");
    let texts = |shown: &Json| shown.items().iter().map(Json::bytes).collect::<Vec<_>>();
    match value {
        Value::String(bytes) => assert_eq!((kind.as_slice(), &shown.bytes()), (&b"string"[..], bytes)),
        Value::List(elements) => assert_eq!((kind.as_slice(), &texts(shown)), (&b"list"[..], elements)),
        Value::Set(members) => assert_eq!((kind.as_slice(), &texts(shown)), (&b"set"[..], members)),
        Value::ZSet(members) => {
            let pair = |pair: &Json| (pair.items()[0].bytes(), pair.items()[1].score());
            assert_eq!(&shown.items().iter().map(pair).collect::<Vec<_>>(), members);
        }
        Value::Hash(fields) => {
            assert_eq!(shown.items().len(), fields.len());
            for (shown, field) in shown.items().iter().zip(fields) {
                assert_eq!(
                    (shown.at("field").bytes(), shown.at("value").bytes()),
                    (field.field.clone(), field.value.clone())
                );
                assert_eq!(shown.get("expire_at_ms").map(Json::number), field.expire_at_ms);
            }
        }
        Value::Stream(stream) => same_stream(shown, stream),
        other => panic!("{other:?}"),
    }
}

fn same_stream(shown: &Json, stream: &redis_replica::rdb::Stream) {
    let id = |shown: &Json| String::from_utf8(shown.bytes()).expect("an id");
    assert_eq!(shown.at("entries").items().len(), stream.entries.len());
    for (shown, entry) in shown.at("entries").items().iter().zip(&stream.entries) {
        assert_eq!(id(shown.at("id")), entry.id.to_string());
        let pair = |pair: &Json| (pair.items()[0].bytes(), pair.items()[1].bytes());
        assert_eq!(shown.at("fields").items().iter().map(pair).collect::<Vec<_>>(), entry.fields);
    }
    assert_eq!(shown.at("length").number(), stream.meta.length);
    assert_eq!(shown.at("entries_added").number(), stream.meta.entries_added);
    assert_eq!(id(shown.at("last_id")), stream.meta.last_id.to_string());
    let groups = shown.get("groups").map_or(&[][..], Json::items);
    assert_eq!(groups.len(), stream.groups.len());
    for (shown, group) in groups.iter().zip(&stream.groups) {
        assert_eq!(shown.at("name").bytes(), group.name);
        let pending = shown.get("pending").map_or(&[][..], Json::items);
        let pending: Vec<_> = pending.iter().map(|p| (id(p.at("id")), p.at("deliveries").number())).collect();
        let expected: Vec<_> = group.pending.iter().map(|p| (p.id.to_string(), p.deliveries)).collect();
        assert_eq!(pending, expected);
        let consumers = shown.get("consumers").map_or(&[][..], Json::items);
        let claims = |shown: &Json| shown.get("pending").map_or(0, |pending| pending.items().len());
        let consumers: Vec<_> = consumers.iter().map(|c| (c.at("name").bytes(), claims(c))).collect();
        let expected: Vec<_> = group.consumers.iter().map(|c| (c.name.clone(), c.pending.len())).collect();
        assert_eq!(consumers, expected);
    }
    let producers = shown.get("producers").map_or(&[][..], Json::items);
    let expected = stream.idempotency.as_ref().map_or(0, |idempotency| idempotency.producers.len());
    assert_eq!(producers.len(), expected);
}

/// What it says and how it ends when something is wrong.
pub fn complaints(program: &PathBuf) {
    let ends = |arguments: &[&str], input: &[u8], code: i32, says: &str| {
        let output = run(program, arguments, input);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{stderr}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert!(ends(&["--help"], b"", 0, "").contains("usage: rdb2json"));
    ends(&[], b"", 2, "no file");
    ends(&["--nonsense", "-"], b"", 2, "unknown option");
    ends(&["a", "b"], b"", 2, "more than one file");
    ends(&["/no such file"], b"", 1, "No such file");
    ends(&["-"], b"REDIS0011\x00\x01a", 1, "ends within the snapshot, after 12 bytes");
    ends(&["-"], b"GARBAGE00", 1, "not an RDB snapshot");
    let twice = b"REDIS0003\x02\x03bad\x02\x01x\x01x\x00\x04good\x01y\xff";
    let lines = ends(&["-"], twice, 1, "1 keys were left out");
    let lines: Vec<Json> = lines.lines().map(parse).collect();
    assert_eq!(lines[0].at("error").bytes(), b"duplicate member");
    assert_eq!((lines.len(), lines[1].at("value").bytes()), (2, b"y".to_vec()));
    // A list of two million bytes whose last element is no string: the line is closed all the same.
    let element = [&[0x80, 0, 0, 0x40, 0][..], &[b'e'; 0x4000]].concat();
    let long = [&b"REDIS0003\x0e\x03big\x40\x80"[..], &element.repeat(128), &[255]].concat();
    let lines = ends(&["-"], &long, 1, "1 keys were left out");
    let line = parse(lines.trim_end());
    assert!(line.at("error").bytes().starts_with(b"invalid ziplist") && line.at("value").items().is_empty());
}
