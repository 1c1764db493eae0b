use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::installed::workspace;
use crate::{Error, Result};

/// The module to test: `REDIS_MIRROR_MODULE`, else the release build.
///
/// # Errors
/// [`Error::Module`] when it is missing, can't be loaded for want of its x bit, or is older than the sources
/// it was built from: a test of an old module proves nothing. Looked at once per process.
pub fn module_under_test() -> Result<PathBuf> {
    static CHECKED: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = CHECKED.get() {
        return Ok(path.clone());
    }
    let path = module_path();
    match problem(&path) {
        None => Ok(CHECKED.get_or_init(|| path).clone()),
        Some(problem) => Err(Error::Module { path, problem }),
    }
}

fn module_path() -> PathBuf {
    if let Some(path) = std::env::var_os("REDIS_MIRROR_MODULE") {
        return path.into();
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("release/libmirror.so")
}

fn problem(module: &Path) -> Option<String> {
    let Ok(metadata) = fs::metadata(module) else { return Some("there is no module".into()) };
    if metadata.permissions().mode() & 0o111 == 0 {
        return Some("servers load a module only with its x bit set".into());
    }
    let built = metadata.modified().ok()?;
    let newer =
        sources(module).into_iter().find(|source| changed(source).is_some_and(|time| time > built))?;
    Some(format!("the module is older than {}", newer.display()))
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

/// What cargo wrote down as the module's inputs, `libmirror.d`; nothing for a module from elsewhere.
fn sources(module: &Path) -> Vec<PathBuf> {
    let rules = fs::read_to_string(module.with_extension("d")).unwrap_or_default();
    inputs(&rules)
}

/// The right side of a make rule, where a blank inside a name is written `\ `.
fn inputs(rules: &str) -> Vec<PathBuf> {
    let inputs = rules.split_once(": ").map_or("", |(_, inputs)| inputs);
    let names = inputs.trim().replace("\\ ", "\0");
    names.split_whitespace().map(|name| name.replace('\0', " ").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_of_a_build_are_read_from_its_rule() {
        let rule = "/t/libmirror.so: /src/a\\ b.rs /src/lib.rs\n";
        assert_eq!(inputs(rule), [PathBuf::from("/src/a b.rs"), PathBuf::from("/src/lib.rs")]);
        assert!(inputs("").is_empty());
    }

    #[test]
    fn a_missing_module_is_named_with_advice() {
        let path = PathBuf::from("/nowhere/libmirror.so");
        let problem = problem(&path).unwrap();
        let message = Error::Module { path, problem }.to_string();
        assert!(message.contains("/nowhere/libmirror.so") && message.contains("make build"), "{message}");
    }
}
