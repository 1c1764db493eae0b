//! An AOF directory: a manifest, a base and increments. What is read of any bytes is the same however reads cut them; of
//! what a server would have written it is every command once, in its database, up to where the last file was cut.

use redis_replica::rdb::{Family, Key, Writer};
use redis_replica::resp::encode_command;
use redis_replica::{Error, Event, Manifest, ManifestError, Place, Recording, Tail};

use super::link::{Told, Trace, class, limits};
use super::made::Made;
use super::pieces::Pieces;

pub fn check(data: &[u8]) {
    let [choice, seed, rest @ ..] = data else { return };
    match choice % 3 {
        0 => check_manifest(rest),
        1 => check_any(rest, *seed),
        _ => check_written(&mut Made::of(rest), *seed),
    }
}

/// Whatever the text is, the files named lie in the directory; and names are read as they were written.
fn check_manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::parse(&String::from_utf8_lossy(data)) {
        assert!(!manifest.files.is_empty());
        manifest.files.iter().for_each(|name| assert!(is_inside(name), "{name:?}"));
    }
    let mut made = Made::of(data);
    let mut names = Vec::new();
    while !made.is_used_up() {
        names.push(String::from_utf8_lossy(&made.text()).into_owned());
    }
    let parsed = Manifest::parse(&manifest_of(&names));
    match names.iter().position(|name| name.is_empty() || !is_inside(name)) {
        None if names.is_empty() => assert_eq!(parsed, Err(ManifestError::Empty)),
        None => assert!(parsed == Ok(Manifest { files: names }) || is_too_long(&parsed), "{parsed:?}"),
        Some(_) => assert!(parsed.is_err()),
    }
}

fn is_inside(name: &str) -> bool {
    !name.contains(['/', '\0']) && name != "." && name != ".."
}

fn is_too_long(parsed: &Result<Manifest, ManifestError>) -> bool {
    matches!(parsed, Err(ManifestError::TooLong { .. }))
}

/// As servers write it: a base and increments, their names quoted (sdscatrepr in sds.c).
fn manifest_of(names: &[String]) -> String {
    let line = |(seq, name): (usize, &String)| {
        let kind = if seq == 0 { 'b' } else { 'i' };
        format!("file {} seq {} type {kind}\n", quoted(name), seq.max(1))
    };
    names.iter().enumerate().map(line).collect()
}

fn quoted(name: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        7 => "\\a".into(),
        8 => "\\b".into(),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    format!("\"{}\"", name.bytes().map(escaped).collect::<String>())
}

/// Any bytes, cut into files by the lengths before them.
fn check_any(mut data: &[u8], seed: u8) {
    let mut files = Vec::new();
    while let [high, low, rest @ ..] = data {
        let len = usize::from(u16::from_be_bytes([*high, *low]) & 0x3ff).min(rest.len());
        files.push(rest[..len].to_vec());
        data = &rest[len..];
    }
    let whole = replay(&files, 0);
    for cut in [1, seed] {
        let told = replay(&files, cut);
        assert_eq!(told.told, whole.told, "reads change nothing");
        let early = |a: &Replayed, b: &Replayed| {
            a.failure.as_ref().is_some_and(|error| class(error) == "snapshot")
                && b.tail == Some(Tail::InSnapshot)
        };
        let agree = told.failure.as_ref().map(class) == whole.failure.as_ref().map(class)
            && told.tail == whole.tail
            || early(&told, &whole)
            || early(&whole, &told);
        assert!(agree, "{told:?}, {whole:?}");
    }
}

/// What was told of files, up to the first that isn't whole.
#[derive(Debug, Default)]
struct Replayed {
    told: Vec<Told>,
    /// Of the last file that was read.
    tail: Option<Tail>,
    failure: Option<Error>,
    offset: u64,
}

fn replay(files: &[Vec<u8>], seed: u8) -> Replayed {
    let mut recording = Recording::new(limits());
    let (mut trace, mut replayed) = (Trace::default(), Replayed::default());
    let (mut snapshot, mut given) = (0, 0);
    for file in files {
        let ends = Pieces::new(file, seed).map(Some).chain([None]);
        for piece in ends {
            match piece {
                Some(piece) => recording.receive(piece),
                None => recording.no_more(),
            }
            given += piece.map_or(0, <[u8]>::len) as u64;
            loop {
                match recording.poll_event() {
                    Ok(Some(event)) => {
                        replayed.note(&event, &mut snapshot);
                        let told = trace.owned(event);
                        replayed.told.extend(told);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(recording.poll_event().err(), Some(error.clone()), "errors are final");
                        replayed.failure = Some(error);
                        return replayed;
                    }
                }
                assert!(replayed.offset + snapshot <= given, "more was told than given");
            }
        }
        replayed.tail = Some(recording.end_file());
        match replayed.tail {
            Some(Tail::Whole) => assert_eq!(replayed.offset + snapshot, given, "each byte counts"),
            Some(Tail::Incomplete { bytes }) => {
                assert!(bytes > 0 && bytes <= file.len() as u64);
                return replayed;
            }
            _ => return replayed,
        }
    }
    replayed
}

impl Replayed {
    fn note(&mut self, event: &Event<'_>, snapshot: &mut u64) {
        let end_offset = match event {
            Event::SnapshotEnd { bytes, .. } => {
                *snapshot = *bytes;
                0
            }
            Event::Command(command) => command.end_offset,
            Event::MultiBegin { end_offset }
            | Event::MultiEnd { end_offset, .. }
            | Event::Progress { end_offset, .. } => *end_offset,
            _ => return,
        };
        assert!(self.offset <= end_offset, "the offset goes back");
        self.offset = end_offset;
    }
}

/// Files as a server writes them, and what is to be told of them.
#[derive(Default)]
struct Written {
    files: Vec<Vec<u8>>,
    /// Without the snapshot's items.
    expected: Vec<Told>,
    /// Ends of what stands by itself: commands and whole transactions.
    units: Vec<u64>,
    offset: u64,
    db: u32,
}

fn check_written(made: &mut Made<'_>, seed: u8) {
    let mut written = Written::default();
    let keys = if made.flag() { written.snapshot(made) } else { 0 };
    while !made.is_used_up() {
        written.file(made);
    }
    let cut = written.cut(usize::from(seed));
    let mut told = replay(&written.files, seed);
    assert_eq!(told.failure, None);
    let is_of_snapshot =
        |told: &Told| matches!(told, Told::FullResync(..) | Told::Item(_) | Told::SnapshotEnd(..));
    let entries =
        told.told.iter().filter(|told| matches!(told, Told::Item(item) if item.starts_with("Entry")));
    assert_eq!(entries.count(), keys);
    told.told.retain(|told| !is_of_snapshot(told));
    assert_eq!(told.told, written.expected);
    let settled = written.units.iter().copied().filter(|end| *end <= written.offset).max().unwrap_or(0);
    let tail = match written.offset - settled {
        0 => Tail::Whole,
        bytes => Tail::Incomplete { bytes },
    };
    assert!(cut || tail == Tail::Whole);
    assert_eq!(told.tail.unwrap_or(Tail::Whole), tail);
}

impl Written {
    /// A base that is a snapshot; answers how many keys it has.
    fn snapshot(&mut self, made: &mut Made<'_>) -> usize {
        let mut writer = Writer::new(Family::Redis, 11).expect("a known version");
        writer.aux(b"aof-base", b"1").expect("of this version");
        writer.select_db(0);
        let keys = usize::from(made.byte() % 4);
        let written = (0..keys).filter(|number| {
            let (name, value) = (number.to_string(), made.value());
            writer.value(&Key::new(name.as_bytes()), &value).is_ok()
        });
        let written = written.count();
        self.files.push(writer.finish());
        written
    }

    fn file(&mut self, made: &mut Made<'_>) {
        self.files.push(Vec::new());
        // loadSingleAppendOnlyFile in aof.c: each file begins in database 0.
        self.db = 0;
        for _ in 0..made.byte() % 16 {
            match made.byte() % 8 {
                0 => self.select(made),
                1 => self.append(b"#TS:1700000000\r\n"),
                2 => self.append(b"*1\r\n$4\r\nPING\r\n"),
                3 => self.transaction(made),
                _ => self.command(made, Place::Alone),
            }
            self.units.push(self.offset);
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.files.last_mut().into_iter().for_each(|file| file.extend_from_slice(bytes));
        self.offset += bytes.len() as u64;
    }

    fn words(&mut self, words: &[&[u8]]) {
        let mut bytes = Vec::new();
        encode_command(words, &mut bytes);
        self.append(&bytes);
    }

    fn select(&mut self, made: &mut Made<'_>) {
        self.db = u32::from(made.byte());
        self.words(&[b"select", self.db.to_string().as_bytes()]);
    }

    fn command(&mut self, made: &mut Made<'_>, place: Place) {
        let args = [b"SET".to_vec(), made.text(), made.text()];
        self.words(&args.each_ref().map(Vec::as_slice));
        self.expected.push(Told::Command(self.db, args.to_vec(), self.offset, place));
    }

    fn transaction(&mut self, made: &mut Made<'_>) {
        self.words(&[b"MULTI"]);
        self.expected.push(Told::MultiBegin(self.offset));
        for _ in 0..made.byte() % 4 {
            if made.flag() {
                self.select(made);
            }
            self.command(made, Place::InTransaction);
        }
        self.words(&[b"EXEC"]);
        self.expected.push(Told::MultiEnd(self.offset, self.db));
    }

    /// Takes up to so many bytes from the end of the last file of commands; whether it took any.
    fn cut(&mut self, bytes: usize) -> bool {
        let Some(file) = self.files.last_mut().filter(|file| !file.starts_with(b"REDIS")) else {
            return false;
        };
        let bytes = bytes.min(file.len());
        file.truncate(file.len() - bytes);
        self.offset -= bytes as u64;
        let end = self.offset;
        self.expected.retain(|told| match told {
            Told::Command(_, _, at, _) | Told::MultiBegin(at) | Told::MultiEnd(at, _) => *at <= end,
            _ => true,
        });
        bytes > 0
    }
}
