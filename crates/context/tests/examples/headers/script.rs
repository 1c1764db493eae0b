//! Reads the sessions at the head of an example.

use std::path::Path;

use redis_mirror_test_support::{Family, Installed};

/// The port that the first server of a session has in its text.
pub const FIRST_PORT: u16 = 7000;

/// What an example shows.
pub struct Script {
    pub package: String,
    /// From the root of the workspace, for the reader of a failure.
    pub path: String,
    pub acts: Vec<Act>,
}

/// What happens to one server.
pub struct Act {
    /// How it was started; `None`: it has loaded the example.
    pub opening: Option<Opening>,
    pub steps: Vec<Step>,
}

/// `$ redis-server --name value ..`
pub struct Opening {
    pub options: Vec<(String, String)>,
}

pub enum Step {
    /// `$ redis-cli -p port`
    Client {
        port: Option<u16>,
    },
    /// `$ echo text | nc 127.0.0.1 <port>`
    Send(String),
    Line(Line),
}

/// A command and its reply.
pub struct Line {
    /// Of the file, from 1.
    pub number: usize,
    pub command: String,
    pub reply: String,
    /// What the second client says meanwhile.
    pub meanwhile: Vec<Line>,
    pub is_soon: bool,
    remark: String,
}

impl Script {
    /// # Panics
    /// If a line has no meaning.
    pub fn read(package: &Path) -> Self {
        let name = package.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(package.join("src/lib.rs")).expect("an example has a lib.rs");
        let mut script =
            Self { path: format!("examples/{name}/src/lib.rs"), package: name, acts: Vec::new() };
        let mut is_session = false;
        for (at, line) in text.lines().enumerate() {
            let Some(line) = line.strip_prefix("//!") else { break };
            let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
            match line {
                "```text" => is_session = true,
                "```" => is_session = false,
                line if is_session => script.add(at + 1, line),
                _ => {}
            }
        }
        script
    }

    pub fn is_empty(&self) -> bool {
        let is_line = |step: &Step| matches!(step, Step::Line(_));
        !self.acts.iter().flat_map(|act| &act.steps).any(is_line)
    }

    fn add(&mut self, number: usize, line: &str) {
        if let Some(command) = line.strip_prefix("> ") {
            self.steps().push(Step::Line(Line::read(number, command)));
        } else if let Some(command) = line.strip_prefix("2> ") {
            let first = self.last_line(number, line);
            assert!(first.reply.is_empty(), "{number}: {line}: the first client waits for nothing");
            first.meanwhile.push(Line::read(number, command));
        } else if let Some(program) = line.strip_prefix("$ ") {
            self.add_program(number, split_remark(program).0);
        } else if !line.is_empty() {
            let first = self.last_line(number, line);
            if !first.reply.is_empty() {
                first.reply.push('\n');
            }
            first.reply.push_str(split_remark(line).0);
        }
    }

    fn add_program(&mut self, number: usize, program: &str) {
        if let Some(options) = program.strip_prefix("redis-server") {
            self.acts.push(Act { opening: Some(Opening::read(options)), steps: Vec::new() });
        } else if let Some(options) = program.strip_prefix("redis-cli") {
            let port = options.trim().strip_prefix("-p ").and_then(|port| port.parse().ok());
            // The first client is there already.
            if port.is_some() || !self.steps().is_empty() {
                self.steps().push(Step::Client { port });
            }
        } else {
            let text =
                program.strip_prefix("echo ").and_then(|rest| rest.strip_suffix(" | nc 127.0.0.1 <port>"));
            let text = text.unwrap_or_else(|| panic!("{number}: {program}: it is not known here"));
            self.steps().push(Step::Send(text.to_owned()));
        }
    }

    fn steps(&mut self) -> &mut Vec<Step> {
        if self.acts.is_empty() {
            self.acts.push(Act { opening: None, steps: Vec::new() });
        }
        &mut self.acts.last_mut().expect("there is one now").steps
    }

    fn last_line(&mut self, number: usize, line: &str) -> &mut Line {
        match self.steps().last_mut() {
            Some(Step::Line(last)) => last,
            _ => panic!("{number}: {line}: no command stands before it"),
        }
    }
}

impl Opening {
    fn read(options: &str) -> Self {
        let options = options.split("--").skip(1).map(|option| {
            let (name, value) = option.trim().split_once(' ').expect("an option has a value");
            (name.to_owned(), value.to_owned())
        });
        Self { options: options.collect() }
    }

    pub fn is_cluster(&self) -> bool {
        self.options.iter().any(|(name, value)| name == "cluster-enabled" && value == "yes")
    }
}

impl Line {
    fn read(number: usize, text: &str) -> Self {
        let (text, remark) = split_remark(text);
        let (command, reply) = split_outside_quotes(text, "  ").unwrap_or((text, ""));
        Self {
            number,
            command: command.to_owned(),
            reply: reply.trim().to_owned(),
            meanwhile: Vec::new(),
            is_soon: remark.contains("soon"),
            remark: remark.to_owned(),
        }
    }

    /// Whether a server has what this line shows.
    pub fn runs_on(&self, installed: &Installed) -> bool {
        let family = match installed.version.family {
            Family::Redis => "Redis",
            Family::Valkey => "Valkey",
        };
        if self.remark.contains(&format!("not on {family}")) {
            return false;
        }
        let Some((_, since)) = self.remark.split_once(&format!("from {family} ")) else { return true };
        let since = since.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
        let (major, minor) = since.split_once('.').expect("a version is two numbers");
        let number = |text: &str| text.trim_end_matches('.').parse().expect("a version is two numbers");
        (installed.version.major, installed.version.minor) >= (number(major), number(minor))
    }
}

/// What stands before `  # a remark`, and the remark.
fn split_remark(line: &str) -> (&str, &str) {
    let (text, remark) = split_outside_quotes(line, "  # ").unwrap_or((line, ""));
    (text.trim_end(), remark)
}

fn split_outside_quotes<'a>(line: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let found =
        line.match_indices(separator).find(|(at, _)| line[..*at].matches('"').count().is_multiple_of(2));
    found.map(|(at, _)| (&line[..at], &line[at + separator.len()..]))
}

#[test]
fn a_line_is_a_command_a_reply_and_a_remark() {
    let line = Line::read(1, "SET k \"a  # b\"    OK    # soon, and from Redis 7.2, not on Valkey");
    assert_eq!((line.command.as_str(), line.reply.as_str()), ("SET k \"a  # b\"", "OK"));
    assert!(line.is_soon);
    for installed in redis_mirror_test_support::servers() {
        let version = installed.version;
        let is_meant = version.family == Family::Redis && (version.major, version.minor) >= (7, 2);
        assert_eq!(line.runs_on(installed), is_meant, "{installed}");
    }
}
