use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Error, Result};

/// A folder of a test's own, removed when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    ///
    /// # Panics
    /// When it can't be made.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        Folder(new_folder(name).unwrap_or_else(|error| panic!("{error}")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, in place of one of that name.
    ///
    /// # Panics
    /// When it can't be written.
    #[track_caller]
    pub fn write(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap_or_else(|source| panic!("{}", Error::File { path, source }));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the system's folder for such files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn new_folder(name: &str) -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("redis-mirror-{}-{number}-{name}", std::process::id()));
    // A folder of an earlier process with the same id is nobody's.
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).map_err(|source| Error::File { path: path.clone(), source })?;
    Ok(path)
}
