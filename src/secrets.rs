//! Secrets that a mirror names and others keep: files in the folder for secrets, environment variables.
//!
//! Who may create mirrors chooses what is sent to a source of their choice. So a file counts only inside
//! `mirror.secrets-dir`, whatever links lead out of it, and a variable only with the prefix `MIRROR_`
//! (the definition sees to that). Both are read anew for each connection: they may have been changed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;
use zeroize::Zeroizing;

/// The longest file: a bundle of certificate authorities.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The longest password.
const PASSWORD_BYTES_MAX: usize = 4096;

/// Why a secret can't be had. No text repeats what was read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No folder was configured.
    #[error("mirror.secrets-dir is not set: files with secrets are read from that folder alone")]
    NoFolder,
    /// The folder can't be opened.
    #[error("mirror.secrets-dir can't be opened: {0}")]
    Folder(io::Error),
    /// It leads out of the folder.
    #[error("the file {path} is not inside mirror.secrets-dir")]
    Outside {
        /// As the definition names it.
        path: String,
    },
    /// The file can't be read.
    #[error("the file {path} in mirror.secrets-dir can't be read: {error}")]
    File {
        /// As the definition names it.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("{path} in mirror.secrets-dir is not a plain file of at most {FILE_BYTES_MAX} bytes")]
    NotPlain {
        /// As the definition names it.
        path: String,
    },
    /// The variable is not set.
    #[error("the environment variable {name} is not set in this server's process")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// Nothing in it, or too much.
    #[error("{name} holds no password: one line of 1 to {PASSWORD_BYTES_MAX} bytes is needed")]
    NoPassword {
        /// The file or the variable.
        name: String,
    },
}

/// The folder with the files that mirrors may name. Empty: there is none.
#[derive(Debug, Clone)]
pub struct SecretsDir(PathBuf);

impl SecretsDir {
    /// The folder at this path.
    pub fn new(path: &[u8]) -> Self {
        Self(PathBuf::from(OsStr::from_bytes(path)))
    }

    /// Whether there is one.
    pub fn is_set(&self) -> bool {
        !self.0.as_os_str().is_empty()
    }

    /// A file's content. `path` is relative to the folder, or an absolute path in it.
    pub fn read(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        if !self.is_set() {
            return Err(SecretError::NoFolder);
        }
        let wanted = Path::new(path);
        let inside = match wanted.is_absolute() {
            true => {
                wanted.strip_prefix(&self.0).map_err(|_| SecretError::Outside { path: path.to_owned() })?
            }
            false => wanted,
        };
        let file = self.open(inside, path)?;
        read_all(file, path)
    }

    /// The first line of a file.
    pub fn password(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        first_line(&self.read(path)?, path)
    }

    fn open(&self, inside: &Path, path: &str) -> Result<OwnedFd, SecretError> {
        let folder = openat(CWD, &self.0, OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| SecretError::Folder(errno.into()))?;
        let refused = |errno: Errno| match errno {
            Errno::XDEV | Errno::LOOP => SecretError::Outside { path: path.to_owned() },
            other => SecretError::File { path: path.to_owned(), error: other.into() },
        };
        // A pipe must not hold up the link.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        match openat2(&folder, inside, flags, Mode::empty(), ResolveFlags::BENEATH) {
            // Linux before 5.6, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => self.open_by_name(inside, path),
            opened => opened.map_err(refused),
        }
    }

    /// Where the kernel can't keep the walk inside the folder, the names are compared.
    fn open_by_name(&self, inside: &Path, path: &str) -> Result<OwnedFd, SecretError> {
        let failed = |error| SecretError::File { path: path.to_owned(), error };
        let folder = self.0.canonicalize().map_err(SecretError::Folder)?;
        let file = folder.join(inside).canonicalize().map_err(failed)?;
        if !file.starts_with(&folder) {
            return Err(SecretError::Outside { path: path.to_owned() });
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        openat(CWD, &file, flags, Mode::empty()).map_err(|errno| failed(errno.into()))
    }
}

/// The first line of an environment variable of this process.
pub fn variable(name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let value = std::env::var_os(name).ok_or_else(|| SecretError::NoVariable { name: name.to_owned() })?;
    let value = Zeroizing::new(std::os::unix::ffi::OsStringExt::into_vec(value));
    first_line(&value, name)
}

fn read_all(file: OwnedFd, path: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |error| SecretError::File { path: path.to_owned(), error };
    let about = fstat(&file).map_err(|errno| failed(errno.into()))?;
    let size = u64::try_from(about.st_size).unwrap_or(u64::MAX);
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile || size > FILE_BYTES_MAX {
        return Err(SecretError::NotPlain { path: path.to_owned() });
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    File::from(file).take(FILE_BYTES_MAX).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

fn first_line(content: &[u8], name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line.len() > PASSWORD_BYTES_MAX {
        return Err(SecretError::NoPassword { name: name.to_owned() });
    }
    Ok(Zeroizing::new(line.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("mirror-secrets-{}-{name}", std::process::id()));
        std::fs::create_dir_all(folder.join("dir/sub")).expect("a folder can be made");
        std::fs::write(folder.join("outside"), "no\n").expect("a file can be written");
        std::fs::write(folder.join("dir/pass"), "pass word\r\nsecond\n").expect("a file can be written");
        std::fs::write(folder.join("dir/empty"), "\nx").expect("a file can be written");
        for (target, link) in
            [("pass", "dir/link"), ("../outside", "dir/out"), ("..", "dir/up"), ("/etc/passwd", "dir/abs")]
        {
            let _ = std::fs::remove_file(folder.join(link));
            symlink(target, folder.join(link)).expect("a link can be made");
        }
        folder
    }

    #[test]
    fn files_count_inside_the_folder_alone() {
        let folder = folder("inside");
        let dir = SecretsDir::new(folder.join("dir").as_os_str().as_bytes());
        let inside = folder.join("dir/pass");
        for path in ["pass", "link", "sub/../pass", inside.to_str().expect("plain")] {
            assert_eq!(dir.password(path).expect(path).as_slice(), b"pass word");
            let by_name = dir.open_by_name(Path::new(path), path).expect(path);
            assert_eq!(read_all(by_name, path).expect(path).as_slice(), b"pass word\r\nsecond\n");
        }
        for path in ["out", "up/outside", "abs", "../outside", "/etc/passwd"] {
            assert!(
                matches!(dir.read(path), Err(SecretError::Outside { .. })),
                "{path}: {:?}",
                dir.read(path)
            );
        }
        for path in ["out", "up/outside", "abs", "../outside"] {
            assert!(
                matches!(dir.open_by_name(Path::new(path), path), Err(SecretError::Outside { .. })),
                "{path}"
            );
        }
        assert!(matches!(dir.read("nothing"), Err(SecretError::File { .. })));
        assert!(matches!(dir.read("sub"), Err(SecretError::NotPlain { .. })));
        assert!(matches!(dir.password("empty"), Err(SecretError::NoPassword { .. })));
        assert!(matches!(SecretsDir::new(b"").read("pass"), Err(SecretError::NoFolder)));
        assert!(matches!(SecretsDir::new(b"/no/such").read("pass"), Err(SecretError::Folder(_))));
        std::fs::remove_dir_all(folder).expect("it can be removed");
    }

    #[test]
    fn pipes_and_devices_hold_nobody_up() {
        let folder = folder("pipe");
        let pipe = folder.join("dir/pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a pipe can be made");
        let dir = SecretsDir::new(folder.join("dir").as_os_str().as_bytes());
        assert!(matches!(dir.read("pipe"), Err(SecretError::NotPlain { .. })));
        assert!(matches!(SecretsDir::new(b"/dev").read("zero"), Err(SecretError::NotPlain { .. })));
        std::fs::remove_dir_all(folder).expect("it can be removed");
    }

    #[test]
    fn variables_that_are_not_set_are_named() {
        let text = variable("MIRROR_NOT_SET").expect_err("not set").to_string();
        assert!(text.contains("MIRROR_NOT_SET"), "{text}");
    }
}
