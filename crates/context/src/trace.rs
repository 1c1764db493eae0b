//! Which functions of the server are reached, for `make api-coverage`: one line each, appended to a file of this
//! process in the folder that `REDIS_CONTEXT_TRACE` names.

use std::fs::OpenOptions;
use std::io::Write;

/// Appends a name. What can't be written is missing from the report, which then fails.
#[cold]
pub(crate) fn reached(name: &str) {
    let Some(folder) = std::env::var_os("REDIS_CONTEXT_TRACE") else { return };
    let file = std::path::Path::new(&folder).join(std::process::id().to_string());
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(file) {
        // One write: a forked child shares the file.
        let _ = file.write_all(format!("{name}\n").as_bytes());
    }
}
