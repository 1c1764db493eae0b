//! Builds the example modules, so that `cargo test` alone tests them as they are now.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The module that the example package `name` makes.
///
/// # Panics
/// If it does not build.
pub fn module(name: &str) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().expect("building does not panic half-way");
    let built = built.get_or_insert_default();
    built.entry(name.to_owned()).or_insert_with(|| build(name)).clone()
}

fn build(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Built beside this test, which lies in <target>/<profile>/deps.
    let test = std::env::current_exe().expect("a test is a program");
    let target = test.ancestors().nth(3).expect("tests lie in the target folder").to_owned();
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", name, "--target-dir"])
        .arg(&target)
        .current_dir(root)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the example {name} does not build");
    let module = target.join(format!("debug/lib{}.so", name.replace('-', "_")));
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&module, executable).expect("the module was built just now");
    module
}
