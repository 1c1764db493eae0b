//! Builds the modules to load, so that `cargo test` alone tests them as they are now.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Where the modules write which functions of the server they reach (feature `trace-api`), if the tests are to
/// find out.
const TRACE: &str = "REDIS_CONTEXT_TRACE";

/// The module that the package `name` makes.
///
/// # Panics
/// If it does not build.
pub fn module(name: &str) -> PathBuf {
    modules(&[name]).remove(0)
}

/// The modules that these packages make, in this order.
///
/// # Panics
/// If one does not build.
pub fn modules<N: AsRef<str>>(names: &[N]) -> Vec<PathBuf> {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().expect("building does not panic half-way");
    let built = built.get_or_insert_default();
    let new: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| !built.contains_key(*name)).collect();
    if !new.is_empty() {
        built.extend(build(&new));
    }
    names.iter().map(|name| built[name.as_ref()].clone()).collect()
}

fn build(names: &[&str]) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Built beside this test, which lies in <target>/<profile>/deps.
    let test = std::env::current_exe().expect("a test is a program");
    let mut target = test.ancestors().nth(3).expect("tests lie in the target folder").to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).current_dir(root);
    for name in names {
        cargo.args(["--package", name]);
    }
    if std::env::var_os(TRACE).is_some() {
        cargo.args(["--package", "redis-context", "--features", "redis-context/trace-api"]);
        target.push("trace");
    }
    let status = cargo.arg("--target-dir").arg(&target).status();
    assert!(status.is_ok_and(|status| status.success()), "{names:?} do not build");
    names.iter().map(|name| ((*name).to_owned(), loadable(&target, name))).collect()
}

/// The module of this name in a target folder, with the permission that servers want.
pub fn loadable(target: &Path, name: &str) -> PathBuf {
    let module = target.join(format!("debug/lib{}.so", name.replace('-', "_")));
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&module, executable).expect("the module was built just now");
    module
}

/// A copy of a module that bears another name, of the same length, in this folder: to the server another module.
pub fn renamed(module: &Path, name: &str, other: &str, folder: &Path) -> PathBuf {
    assert_eq!(name.len(), other.len(), "a name takes the place of the other one");
    let mut bytes = std::fs::read(module).expect("it was built");
    let places = bytes.windows(name.len()).enumerate().filter(|(_, found)| *found == name.as_bytes());
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    for at in places {
        bytes[at..at + other.len()].copy_from_slice(other.as_bytes());
    }
    let copy = folder.join("renamed.so");
    std::fs::write(&copy, bytes).expect("there is room for a copy");
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    copy
}
