//! Prints an RDB file as JSON, one line for each key.
//!
//! ```text
//! cargo run -p redis-replica --example rdb2json -- [--aux] [--functions] FILE|-
//! ```

mod json;
mod value;

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use redis_replica::rdb::{self, Item, Limits, Reader, Step};

use json::Json;
use value::Line;

const HELP: &str = "\
Prints an RDB file as JSON: one object a line, one line a key.

usage: rdb2json [--aux] [--functions] FILE
       rdb2json [--aux] [--functions] -        (reads standard input)

  --aux         also print the file's facts about its server: {\"aux\":NAME,\"value\":VALUE}
  --functions   also print function libraries: {\"function\":CODE}
  --help        print this

A key:  {\"db\":0,\"key\":KEY,\"type\":TYPE,\"expire_at_ms\":N,\"value\":VALUE}
  expire_at_ms  milliseconds since 1970; left out if the key doesn't expire
  string        a text
  list, set     [TEXT,..]
  zset          [[MEMBER,SCORE],..]; infinite scores are \"inf\" and \"-inf\"
  hash          [{\"field\":TEXT,\"value\":TEXT,\"expire_at_ms\":N},..]
  stream        {\"entries\":[{\"id\":\"1-1\",\"fields\":[[NAME,VALUE],..]},..],\"length\":N,..,\"groups\":[..]}
  module        no value: \"module\" is the type's name

A text is a JSON string if it is UTF-8, else {\"base64\":\"..\"}: nothing is lost, and the two can't be confused.

A value that breaks a rule of the format has \"error\" behind it and may be incomplete. Values are printed as they are
read: memory is bounded by 1 MiB and the largest single element or packed block.

Exit code: 0, or 1 if the file can't be read to its end or a key was left out, or 2 for a wrong command line.";

/// Values above this are printed in pieces.
const PIECES_ABOVE_BYTES: u64 = 1 << 20;
const READ_BYTES: usize = 256 << 10;
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

struct Options {
    path: String,
    aux: bool,
    functions: bool,
}

/// `REDIS` or `VALKEY`, and a version.
const HEADER_BYTES: u64 = 9;

enum Failure {
    Io(io::Error),
    Rdb(rdb::Error),
    Truncated(u64),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Rdb(error) => error.fmt(f),
            Self::Truncated(bytes @ ..HEADER_BYTES) => {
                write!(f, "not an RDB file: it has only {bytes} bytes")
            }
            Self::Truncated(bytes) => {
                write!(f, "the file ends within the snapshot, after {bytes} bytes; copy it again")
            }
        }
    }
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(complaint) => {
            eprintln!("rdb2json: {complaint}; see --help");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(left_out) => {
            eprintln!("rdb2json: {}: {left_out} keys were left out or are incomplete", options.path);
            ExitCode::FAILURE
        }
        // Who reads our output has seen enough.
        Err(Failure::Io(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("rdb2json: {}: {failure}", options.path);
            ExitCode::FAILURE
        }
    }
}

/// The command line; `None` asks for help.
fn options(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let (mut path, mut aux, mut functions) = (None, false, false);
    for argument in arguments {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--aux" => aux = true,
            "--functions" => functions = true,
            unknown if unknown.starts_with("--") => return Err(format!("unknown option {unknown}")),
            _ if path.is_some() => return Err(String::from("more than one file")),
            _ => path = Some(argument),
        }
    }
    let path = path.ok_or("no file")?;
    Ok(Some(Options { path, aux, functions }))
}

/// Prints everything; answers how many keys were left out or are incomplete.
fn run(options: &Options) -> Result<u64, Failure> {
    let input: Box<dyn Read> = match options.path.as_str() {
        "-" => Box::new(io::stdin()),
        path => Box::new(File::open(path)?),
    };
    let mut snapshot = Snapshot::new(input);
    let mut print =
        Print { line: Line::new(Json::new(BufWriter::new(io::stdout().lock()))), options, left_out: 0 };
    let mut progress = Progress::new();
    while snapshot.item(|item| print.item(item))? {
        progress.tell(&snapshot, print.line.keys());
    }
    print.line.flush()?;
    progress.clear();
    Ok(print.left_out)
}

/// A snapshot behind a window that holds what is not consumed yet.
struct Snapshot {
    input: Box<dyn Read>,
    reader: Reader,
    window: Vec<u8>,
    start: usize,
}

impl Snapshot {
    fn new(input: Box<dyn Read>) -> Self {
        let reader = Reader::new(Limits::default().with_pieces_above_bytes(PIECES_ABOVE_BYTES));
        Self { input, reader, window: Vec::new(), start: 0 }
    }

    /// Hands out the next item; `false` after the last.
    fn item(&mut self, each: impl FnOnce(Item<'_>) -> io::Result<()>) -> Result<bool, Failure> {
        let need = match self.reader.next(&self.window[self.start..]).map_err(Failure::Rdb)? {
            Step::Item { item: Item::End, .. } => return Ok(false),
            Step::Item { consumed, item } => {
                each(item)?;
                self.start += consumed;
                return Ok(true);
            }
            Step::Need(bytes) => bytes,
        };
        self.fill(need)?;
        Ok(true)
    }

    /// Reads until the window holds `need` bytes.
    fn fill(&mut self, need: usize) -> Result<(), Failure> {
        self.window.drain(..self.start);
        self.start = 0;
        while self.window.len() < need {
            let wanted = (need - self.window.len()).max(READ_BYTES) as u64;
            let read = self.input.by_ref().take(wanted).read_to_end(&mut self.window)?;
            if read == 0 {
                return Err(Failure::Truncated(self.reader.offset() + self.window.len() as u64));
            }
        }
        Ok(())
    }
}

struct Print<'o, W: Write> {
    line: Line<W>,
    options: &'o Options,
    left_out: u64,
}

impl<W: Write> Print<'_, W> {
    fn item(&mut self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Entry(entry) => self.line.entry(&entry),
            Item::ValueBegin(begun) => self.line.begin(&begun),
            Item::Piece(piece) => self.line.piece(piece),
            Item::ValueEnd => self.line.end(),
            Item::Rejected(rejected) => {
                self.left_out += 1;
                eprintln!("rdb2json: {}: {}", rejected.key.escape_ascii(), rejected.defect);
                self.line.rejected(&rejected)
            }
            Item::Aux { key, value } if self.options.aux => self.line.aux(&key, &value),
            Item::Function(code) if self.options.functions => self.line.function(&code),
            _ => Ok(()),
        }
    }
}

/// Tells a terminal how far it is.
struct Progress {
    terminal: bool,
    told: Option<Instant>,
    shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), told: None, shown: false }
    }

    fn tell(&mut self, snapshot: &Snapshot, keys: u64) {
        if !self.terminal {
            return;
        }
        let now = Instant::now();
        if now - *self.told.get_or_insert(now) < PROGRESS_EVERY {
            return;
        }
        eprint!("\r{} MB, {keys} keys", snapshot.reader.offset() / 1_000_000);
        self.told = Some(now);
        self.shown = true;
    }

    fn clear(&self) {
        if self.shown {
            eprintln!();
        }
    }
}
