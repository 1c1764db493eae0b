//! Files as a source: what a server saved, told to an [`Observer`] as a driver tells a link.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::connection::{Error, Event, Limits, Recording, Tail};
use crate::manifest::{Manifest, ManifestError};

use super::observer::{Observer, ObserverError};
use super::teller::{Teller, Untold};

const READ_BYTES: usize = 256 << 10;

/// Largest manifest, in bytes.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// What to do about an AOF that ends within a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TruncatedTail {
    /// Leave it out, and an unfinished transaction with it, as servers do with `aof-load-truncated yes`. Only at the end
    /// of the last file.
    #[default]
    LeaveOut,
    /// An error.
    Refuse,
}

/// How files are read.
#[derive(Debug, Clone, Copy)]
pub struct FileConfig {
    /// What they may make us hold.
    pub limits: Limits,
    /// Largest transaction, in bytes: it is held until its EXEC.
    pub transaction_bytes: usize,
    /// What to do about an incomplete end.
    pub truncated: TruncatedTail,
}

impl Default for FileConfig {
    fn default() -> Self {
        FileConfig {
            limits: Limits::default(),
            transaction_bytes: 512 << 20,
            truncated: TruncatedTail::default(),
        }
    }
}

/// What was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Bytes of commands.
    pub command_bytes: u64,
    /// Bytes at the end that were left out because they are no whole command or transaction.
    pub left_out_bytes: u64,
}

/// Why files were not told to their end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It can't be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory is no AOF's.
    #[error("{} holds no AOF manifest, or more than one", path.display())]
    NoManifest {
        /// Which.
        path: PathBuf,
    },
    /// The manifest can't be used.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// It does not begin as anything that a server saves.
    #[error("{} is neither an RDB file nor an AOF", path.display())]
    Unrecognized {
        /// Which.
        path: PathBuf,
    },
    /// It holds something else than a server saves.
    #[error("{}: {source}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Error,
    },
    /// A snapshot without its end.
    #[error("{} ends within its snapshot: the save was not completed", path.display())]
    SnapshotTruncated {
        /// Which.
        path: PathBuf,
    },
    /// An AOF without its end, where that is not tolerated.
    #[error("{} ends within a command, {bytes} bytes before its end: another file follows, or it is to be whole", path.display())]
    Truncated {
        /// Which.
        path: PathBuf,
        /// Bytes behind the last whole command or transaction.
        bytes: u64,
    },
    /// A transaction is larger than allowed.
    #[error("{} holds a transaction of more than {limit} bytes: raise the transaction limit", path.display())]
    TransactionTooLarge {
        /// Which.
        path: PathBuf,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A callback failed.
    #[error("the observer stopped the replay: {0}")]
    Observer(ObserverError),
}

/// Tells what a server saved at `path`: an RDB file, an AOF of one file (with or without a snapshot at its beginning), or
/// the directory of an AOF with its manifest.
///
/// `observer` is told as by a driver: `init`, `replication_start`, the snapshot's items, `streaming_start`, commands
/// and whole transactions, `destroy`. The position at the start of the stream is the snapshot's, if it tells one.
///
/// # Errors
/// What can't be read, or a callback's error; what was told until then was right.
pub fn replay(path: &Path, config: &FileConfig, observer: &mut impl Observer) -> Result<Replayed, FileError> {
    let files = files(path)?;
    observed(observer, config, |replay| {
        for (index, path) in files.iter().enumerate() {
            let place = if index + 1 == files.len() { FilePlace::Last } else { FilePlace::Before };
            let file = File::open(path).map_err(|source| io_error(path, source))?;
            replay.file(file, path, place)?;
        }
        Ok(())
    })
}

/// Tells what `reader` has to its end: a snapshot, or the content of an AOF of one file.
///
/// # Errors
/// Those of [`replay`], with the path `-`.
pub fn replay_reader(
    reader: impl Read,
    config: &FileConfig,
    observer: &mut impl Observer,
) -> Result<Replayed, FileError> {
    observed(observer, config, |replay| replay.file(reader, Path::new("-"), FilePlace::Last))
}

fn observed<O: Observer>(
    observer: &mut O,
    config: &FileConfig,
    read: impl FnOnce(&mut Replay<'_, O>) -> Result<(), FileError>,
) -> Result<Replayed, FileError> {
    observer.init().map_err(FileError::Observer)?;
    let mut replay = Replay {
        observer,
        recording: Recording::new(config.limits),
        teller: Teller::new(None, config.transaction_bytes, config.limits.resp),
        config: *config,
        left_out_bytes: 0,
    };
    let outcome = read(&mut replay);
    let (command_bytes, left_out_bytes) = (replay.teller.offset(), replay.left_out_bytes);
    let replayed = Replayed { command_bytes, left_out_bytes };
    observer.destroy();
    outcome.map(|()| replayed)
}

/// Whether a file may end within a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FilePlace {
    Before,
    Last,
}

struct Replay<'o, O> {
    observer: &'o mut O,
    recording: Recording,
    teller: Teller,
    config: FileConfig,
    left_out_bytes: u64,
}

impl<O: Observer> Replay<'_, O> {
    fn file(&mut self, mut reader: impl Read, path: &Path, place: FilePlace) -> Result<(), FileError> {
        let mut chunk = vec![0; READ_BYTES];
        let mut is_first = true;
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(len) if is_first && !may_be_saved(&chunk[..len]) => {
                    return Err(FileError::Unrecognized { path: path.to_owned() });
                }
                Ok(len) => {
                    is_first = false;
                    self.recording.receive(&chunk[..len]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(io_error(path, source)),
            }
            self.tell_all(path)?;
        }
        self.recording.no_more();
        self.tell_all(path)?;
        let tail = self.recording.end_file();
        self.judge(tail, path, place)
    }

    fn judge(&mut self, tail: Tail, path: &Path, place: FilePlace) -> Result<(), FileError> {
        let path = path.to_owned();
        match tail {
            Tail::Whole => Ok(()),
            Tail::InSnapshot => Err(FileError::SnapshotTruncated { path }),
            Tail::Incomplete { bytes }
                if place == FilePlace::Last && self.config.truncated == TruncatedTail::LeaveOut =>
            {
                self.left_out_bytes = bytes;
                Ok(())
            }
            Tail::Incomplete { bytes } => Err(FileError::Truncated { path, bytes }),
        }
    }

    fn tell_all(&mut self, path: &Path) -> Result<(), FileError> {
        loop {
            let event = self.recording.poll_event();
            let event = event.map_err(|source| FileError::Content { path: path.to_owned(), source })?;
            let told = match event {
                None => return Ok(()),
                // Offsets are of the files: where the source was when it saved them is told in the snapshot, if at all.
                Some(Event::SnapshotEnd { .. }) => {
                    self.observer.streaming_start(self.recording.saved_at()).map_err(Untold::Observer)
                }
                Some(event) => self.teller.tell(event, self.observer),
            };
            told.map_err(|untold| match untold {
                Untold::Observer(error) => FileError::Observer(error),
                Untold::TransactionTooLarge { limit } => {
                    FileError::TransactionTooLarge { path: path.to_owned(), limit }
                }
            })?;
        }
    }
}

/// Whether these are the first bytes of a snapshot or of commands: an AOF may begin with an annotation (`#TS:..`).
fn may_be_saved(begin: &[u8]) -> bool {
    let magic = |magic: &[u8]| magic.starts_with(&begin[..begin.len().min(magic.len())]);
    matches!(begin.first(), Some(b'*' | b'#')) || magic(b"REDIS") || magic(b"VALKEY")
}

fn io_error(path: &Path, source: io::Error) -> FileError {
    FileError::Io { path: path.to_owned(), source }
}

/// What is to be read, in order.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let found = fs::metadata(path).map_err(|source| io_error(path, source))?;
    if !found.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let manifest = manifest_in(path)?;
    let file = File::open(&manifest).map_err(|source| io_error(&manifest, source))?;
    let mut text = String::new();
    let read = file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|source| io_error(&manifest, source))?;
    let listed = Manifest::parse(&text).map_err(|source| FileError::Manifest { path: manifest, source })?;
    Ok(listed.files.iter().map(|name| path.join(name)).collect())
}

fn manifest_in(folder: &Path) -> Result<PathBuf, FileError> {
    let entries = fs::read_dir(folder).map_err(|source| io_error(folder, source))?;
    let mut manifests = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some("manifest".as_ref()));
    match (manifests.next(), manifests.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(FileError::NoManifest { path: folder.to_owned() }),
    }
}
