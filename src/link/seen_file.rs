//! Where the set of seen keys goes when it outgrows its memory: an unlinked temporary file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use mirror_engine::seen::Spill;

use super::spool::unlinked_file;

const HASH_BYTES: usize = size_of::<u128>();

/// Bytes encoded and written at once.
const WRITE_BYTES: usize = 64 * 1024;

/// Runs of hashes, one behind the other, in one file.
pub struct SeenFile {
    file: Option<File>,
    bytes_max: u64,
    /// Where each run begins, in hashes.
    starts: Vec<u64>,
    written: u64,
}

impl Spill for SeenFile {
    type Error = io::Error;

    fn write_run(&mut self, run: usize, hashes: &[u128]) -> io::Result<()> {
        debug_assert_eq!(run, self.starts.len());
        let start = self.written;
        if (start + hashes.len() as u64).saturating_mul(HASH_BYTES as u64) > self.bytes_max {
            return Err(io::Error::other(
                "the list of the snapshot's keys takes more than mirror.spool-max: raise it",
            ));
        }
        for part in hashes.chunks(WRITE_BYTES / HASH_BYTES) {
            let bytes: Vec<u8> = part.iter().flat_map(|hash| hash.to_le_bytes()).collect();
            let at = self.written * HASH_BYTES as u64;
            self.file()?.write_all_at(&bytes, at)?;
            self.written += part.len() as u64;
        }
        self.starts.push(start);
        Ok(())
    }

    fn read(&mut self, run: usize, first: usize, out: &mut [u128]) -> io::Result<()> {
        let missing = || io::Error::other("no such run");
        let start = *self.starts.get(run).ok_or_else(missing)? + first as u64;
        let mut bytes = vec![0; out.len() * HASH_BYTES];
        self.file.as_ref().ok_or_else(missing)?.read_exact_at(&mut bytes, start * HASH_BYTES as u64)?;
        for (hash, bytes) in out.iter_mut().zip(bytes.as_chunks::<HASH_BYTES>().0) {
            *hash = u128::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

impl SeenFile {
    /// A file of at most `bytes_max`; it is made when it is first needed.
    pub fn new(bytes_max: u64) -> Self {
        Self { file: None, bytes_max, starts: Vec::new(), written: 0 }
    }

    fn file(&mut self) -> io::Result<&File> {
        match &mut self.file {
            Some(file) => Ok(file),
            empty => Ok(empty.insert(unlinked_file()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_written() {
        let mut file = SeenFile::new(5 * HASH_BYTES as u64);
        file.write_run(0, &[1, 2, 3]).expect("the disk works in tests");
        file.write_run(1, &[4, u128::MAX]).expect("the disk works in tests");
        let mut two = [0; 2];
        file.read(0, 1, &mut two).expect("it was written");
        assert_eq!(two, [2, 3]);
        file.read(1, 0, &mut two).expect("it was written");
        assert_eq!(two, [4, u128::MAX]);
        assert!(file.read(2, 0, &mut two).is_err());
        assert!(file.write_run(2, &[5]).is_err(), "the file is full");
    }
}
