//! Where the set of seen keys goes when it outgrows its memory: an unlinked temporary file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use mirror_engine::seen::Spill;

use super::spool::unlinked_file;

const HASH_BYTES: usize = size_of::<u128>();

/// Runs of hashes, one behind the other, in one file.
#[derive(Default)]
pub struct SeenFile {
    file: Option<File>,
    /// Where each run begins, in hashes.
    starts: Vec<u64>,
    written: u64,
}

impl Spill for SeenFile {
    type Error = io::Error;

    fn write_run(&mut self, run: usize, hashes: &[u128]) -> io::Result<()> {
        debug_assert_eq!(run, self.starts.len());
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let start = self.written;
        self.file()?.write_all_at(&bytes, start * HASH_BYTES as u64)?;
        self.starts.push(start);
        self.written = start + hashes.len() as u64;
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
        let mut file = SeenFile::default();
        file.write_run(0, &[1, 2, 3]).expect("the disk works in tests");
        file.write_run(1, &[4, u128::MAX]).expect("the disk works in tests");
        let mut two = [0; 2];
        file.read(0, 1, &mut two).expect("it was written");
        assert_eq!(two, [2, 3]);
        file.read(1, 0, &mut two).expect("it was written");
        assert_eq!(two, [4, u128::MAX]);
        assert!(file.read(2, 0, &mut two).is_err());
    }
}
