//! A bounded first-in first-out of bytes: memory first, then an unlinked temporary file.
//!
//! While the main thread is busy or must not write, the link keeps reading, so that the source never
//! sees a slow replica. What it reads waits here, in the form it came in.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much a spool holds, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    /// Bytes kept in memory before the file is used.
    pub memory_max: u64,
    /// Bytes in all; a full spool takes no more.
    pub total_max: u64,
}

/// The bytes that were read and not yet parsed. The file, once used, takes all new bytes until it has
/// been read to its end, so the order is kept.
pub struct Spool {
    limits: SpoolLimits,
    memory: VecDeque<Vec<u8>>,
    memory_bytes: u64,
    file: Option<Overflow>,
}

/// The part of the spool on disk: bytes `read..written` are waiting.
struct Overflow {
    file: File,
    read: u64,
    written: u64,
}

/// How many bytes one `pop` gives at most.
const CHUNK_BYTES: usize = 256 * 1024;

impl Spool {
    /// An empty spool; it opens no file before it needs one.
    pub fn new(limits: SpoolLimits) -> Self {
        Self { limits, memory: VecDeque::new(), memory_bytes: 0, file: None }
    }

    /// The number of waiting bytes.
    pub fn len(&self) -> u64 {
        self.memory_bytes + self.file.as_ref().map_or(0, |f| f.written - f.read)
    }

    /// How many of them wait in memory.
    pub fn memory_len(&self) -> u64 {
        self.memory_bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the spool takes no more bytes for now.
    pub fn is_full(&self) -> bool {
        self.len() >= self.limits.total_max
    }

    /// Appends `bytes`. An error is the disk's: nothing of `bytes` counts as stored then.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory_bytes + bytes.len() as u64 <= self.limits.memory_max {
            self.memory_bytes += bytes.len() as u64;
            match self.memory.back_mut() {
                Some(last) if last.len() + bytes.len() <= CHUNK_BYTES => last.extend_from_slice(bytes),
                _ => self.memory.push_back(bytes.to_vec()),
            }
            return Ok(());
        }
        self.overflow()?.append(bytes)
    }

    /// Takes the oldest bytes, at most a few hundred kilobytes; `None` when nothing waits.
    pub fn pop(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(chunk) = self.memory.pop_front() {
            self.memory_bytes -= chunk.len() as u64;
            return Ok(Some(chunk));
        }
        let Some(overflow) = &mut self.file else { return Ok(None) };
        let chunk = overflow.take()?;
        if overflow.read == overflow.written {
            self.file = None;
        }
        Ok(chunk)
    }

    /// Forgets everything: the bytes belong to a connection that is gone.
    pub fn clear(&mut self) {
        self.memory.clear();
        self.memory_bytes = 0;
        self.file = None;
    }

    fn overflow(&mut self) -> io::Result<&mut Overflow> {
        match &mut self.file {
            Some(overflow) => Ok(overflow),
            empty => Ok(empty.insert(Overflow { file: unlinked_file()?, read: 0, written: 0 })),
        }
    }
}

impl Overflow {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        let waiting = usize::try_from(self.written - self.read).unwrap_or(usize::MAX);
        if waiting == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; waiting.min(CHUNK_BYTES)];
        self.file.read_exact_at(&mut chunk, self.read)?;
        self.read += chunk.len() as u64;
        Ok(Some(chunk))
    }
}

/// A file that has no name any more: it goes when it is closed, also by kill -9.
pub fn unlinked_file() -> io::Result<File> {
    let path = unique_path();
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// In the server's working directory: the place where the administrator expects its data, and the one
/// that a hardened service may write to.
fn unique_path() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    PathBuf::from(format!("temp-mirror-{}-{}.spool", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(spool: &mut Spool) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(chunk) = spool.pop().expect("the disk works in tests") {
            all.extend(chunk);
        }
        all
    }

    proptest! {
        /// The naive model is one growing vector.
        #[test]
        fn gives_back_the_bytes_in_order(
            steps in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..60),
            memory_max in 0_u64..600,
        ) {
            let mut spool = Spool::new(SpoolLimits { memory_max, total_max: u64::MAX });
            let (mut model, mut taken) = (Vec::new(), Vec::new());
            for (pop, bytes) in steps {
                if pop {
                    taken.extend(spool.pop().expect("the disk works in tests").unwrap_or_default());
                } else {
                    model.extend_from_slice(&bytes);
                    spool.push(&bytes).expect("the disk works in tests");
                }
                prop_assert_eq!(spool.len(), (model.len() - taken.len()) as u64);
            }
            taken.extend(drain(&mut spool));
            prop_assert_eq!(taken, model);
        }
    }

    #[test]
    fn is_full_at_its_limit_and_empty_after_clear() {
        let mut spool = Spool::new(SpoolLimits { memory_max: 4, total_max: 10 });
        spool.push(b"1234567890").expect("the disk works in tests");
        assert!(spool.is_full());
        spool.clear();
        assert!(spool.is_empty() && !spool.is_full());
        assert_eq!(drain(&mut spool), b"");
    }
}
