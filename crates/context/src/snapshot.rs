//! Saving the data set to a file and loading one, whenever the module wants.

use std::ffi::{CStr, OsStr, c_int};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::api;
use crate::context::{CommandContext, Context, TimerContext, WriteContext};
use crate::error::Error;
use crate::key::refuse_while_open;
use crate::native_type::notice_panics;
use crate::serving::is_serving;
use crate::write::{NotNow, refuse_to_write};

impl WriteContext<'_> {
    /// Saves the data set to a file, as SAVE does, and returns when it is written: no client is served meanwhile.
    /// A relative path begins in the server's `dir`. The file is written in place: save under another name and
    /// rename it, if somebody else may read it. Redis 7.2 and Valkey on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0; [`Error::KeyIsOpen`]; [`Error::NotNow`] in a transaction, a script, a
    /// load or a forked child; [`Error::Os`] if the file can't be written, [`Error::Module`] if the `save` of a
    /// type panics: the file is removed then.
    pub fn save_rdb(&self, path: &CStr) -> Result<(), Error> {
        let save = api!(RedisModule_RdbSave, "Redis 7.2 and Valkey 7.2")?;
        refuse_while_open()?;
        refuse_to_save(self)?;
        let stream = Stream::to(path)?;
        clear_errno();
        // SAFETY: R54: a live stream; no key is open, and this is neither a child nor a load.
        let status = notice_panics(|| unsafe { save(self.as_ptr(), stream.0.as_ptr(), 0) });
        if status.is_err() {
            let _ = std::fs::remove_file(path_of(path));
        }
        done(status?, "RdbSave")
    }
}

impl CommandContext<'_> {
    /// Replaces the data set by that of a file. Everything is deleted first, and nothing is left if the load fails;
    /// connections to replicas are closed, and an AOF is rewritten. Clients are served while it loads, as at the
    /// server's start: mostly by `-LOADING`. Redis 7.2 and Valkey on.
    ///
    /// A file that the server does not understand ends it, as it does when the server starts (`rdbReportError`,
    /// rdb.c). So its checksum is verified first, which reads it once more. What is left is a file that is whole,
    /// but made for other modules than are loaded here, or by another version: be sure where it comes from.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0; [`Error::KeyIsOpen`]; [`Error::NotNow`] on a replica, in a transaction,
    /// a script, a load, a pause or a forked child; [`Error::Invalid`] for a file that is cut short, corrupt or
    /// without a checksum: these leave the data set as it is. [`Error::Os`] if the file can't be read.
    pub fn load_rdb(&self, path: &CStr) -> Result<(), Error> {
        load(self, path)
    }
}

impl TimerContext<'_> {
    /// As [`CommandContext::load_rdb`].
    ///
    /// # Errors
    /// As there.
    pub fn load_rdb(&self, path: &CStr) -> Result<(), Error> {
        load(self, path)
    }
}

const WHILE_SERVING: &str =
    "the server is serving blocked clients, or a job after a keyspace event is running";

fn load(ctx: &Context<'_>, path: &CStr) -> Result<(), Error> {
    let load = api!(RedisModule_RdbLoad, "Redis 7.2 and Valkey 7.2")?;
    refuse_while_open()?;
    refuse_to_write(ctx)?;
    if is_serving() {
        return Err(Error::Refused { function: "RedisModule_RdbLoad", reason: WHILE_SERVING });
    }
    verify(path_of(path))?;
    let stream = Stream::to(path)?;
    clear_errno();
    // SAFETY: R54: a live stream; no key is open, and nothing runs that a load would pull the data from under.
    let status = unsafe { load(ctx.as_ptr(), stream.0.as_ptr(), 0) };
    done(status, "RdbLoad")
}

/// What keeps a context from writing keeps it from saving too, but for being a replica.
fn refuse_to_save(ctx: &Context<'_>) -> Result<(), NotNow> {
    match refuse_to_write(ctx) {
        Err(NotNow::Replica | NotNow::Paused) => Ok(()),
        answer => answer,
    }
}

fn path_of(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

fn clear_errno() {
    // SAFETY: R2: the thread's own errno.
    unsafe { *libc::__errno_location() = 0 };
}

fn done(status: c_int, call: &'static str) -> Result<(), Error> {
    if status == raw::REDISMODULE_OK as c_int {
        Ok(())
    } else {
        Err(os(call, &std::io::Error::last_os_error()))
    }
}

fn os(call: &'static str, error: &std::io::Error) -> Error {
    Error::Os { call, errno: error.raw_os_error().unwrap_or(libc::EIO) }
}

/// The server's name of a file.
struct Stream(NonNull<raw::RedisModuleRdbStream>);

impl Stream {
    fn to(path: &CStr) -> Result<Self, Error> {
        let create = api!(RedisModule_RdbStreamCreateFromFile, "Redis 7.2 and Valkey 7.2")?;
        // SAFETY: R54: the server copies the path.
        let stream = unsafe { create(path.as_ptr()) };
        NonNull::new(stream).map(Self).ok_or(Error::Refused {
            function: "RedisModule_RdbStreamCreateFromFile",
            reason: "it gave nothing",
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(free) = api!(RedisModule_RdbStreamFree, "Redis 7.2 and Valkey 7.2") {
            // SAFETY: R54: made by `to`, freed once.
            unsafe { free(self.0.as_ptr()) };
        }
    }
}

/// Reads a file to its end and compares its checksum: eight bytes after the end mark 0xff.
fn verify(path: &Path) -> Result<(), Error> {
    const TAIL: usize = 9;
    let mut file = File::open(path).map_err(|error| os("open", &error))?;
    let mut buffer = vec![0; 1 << 16];
    let (mut held, mut sum, mut begins_well) = (0, 0, None);
    loop {
        let len = file.read(&mut buffer[held..]).map_err(|error| os("read", &error))?;
        if len == 0 {
            break;
        }
        held += len;
        let begin = &buffer[..held];
        begins_well.get_or_insert_with(|| begin.starts_with(b"REDIS") || begin.starts_with(b"VALKEY"));
        // The last nine bytes are kept back: they may be the file's.
        let summed = held.saturating_sub(TAIL);
        sum = crc64(sum, &buffer[..summed]);
        buffer.copy_within(summed..held, 0);
        held -= summed;
    }
    let tail: Option<&[u8; TAIL]> = buffer[..held].first_chunk();
    let is_whole = tail.is_some_and(|tail| {
        let (mark, stored) =
            (tail[0], u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8].map(|at: usize| tail[at])));
        mark == 0xff && stored != 0 && stored == crc64(sum, &tail[..1])
    });
    if is_whole && begins_well == Some(true) {
        return Ok(());
    }
    Err(Error::Invalid { what: "the snapshot", reason: "it is cut short, corrupt or without a checksum" })
}

/// CRC-64 as the servers compute it (crc64.c): polynomial 0xad93d23594c935a9, reflected, eight bytes at a time.
fn crc64(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(sum, |sum, word| {
        let word = sum ^ u64::from_le_bytes(*word);
        (0..8).fold(0, |sum, at| sum ^ TABLES[7 - at][usize::from((word >> (8 * at)) as u8)])
    });
    rest.iter().fold(sum, |sum, byte| TABLES[0][usize::from(sum as u8 ^ byte)] ^ (sum >> 8))
}

static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let polynomial = 0xad93_d235_94c9_35a9_u64.reverse_bits();
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ polynomial } else { sum >> 1 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_server_s() {
        // crc64.c, crc64Test.
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(crc64(0, b"12345"), b"6789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn a_file_is_verified_to_its_last_byte() {
        let path = std::env::temp_dir().join(format!("redis-context-snapshot-{}", std::process::id()));
        let check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("the folder for temporary files is writable");
            verify(&path).is_ok()
        };
        for size in [0, 1, 7, 8, 65_526, 65_536, 65_537, 200_000] {
            let mut whole = b"REDIS0011".to_vec();
            whole.extend((0..size).map(|at: u32| at as u8));
            whole.push(0xff);
            let sum = crc64(0, &whole);
            whole.extend(sum.to_le_bytes());
            assert!(check(&whole), "{size}");
            assert!(!check(&whole[..whole.len() - 1]) && !check(&whole[1..]), "{size}");
            let middle = whole.len() / 2;
            whole[middle] ^= 1;
            assert!(!check(&whole), "{size}");
        }
        assert!(!check(b"") && !check(b"REDIS0011\xff\0\0\0\0\0\0\0\0"));
        std::fs::remove_file(&path).expect("the file was written above");
    }
}
