//! The guide in README.md: its package is built as it stands there, loaded into every server, and does what it says.

#[path = "example/mod.rs"]
mod example;

use std::path::{Path, PathBuf};
use std::process::Command;

use redis_mirror_test_support::{Client, Options, Server, cmd, servers};

const GUIDE: &str = include_str!("../README.md");

/// The first block of this language.
fn block(language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let start = GUIDE.find(&fence).unwrap_or_else(|| panic!("no {language} in the guide")) + fence.len();
    let len = GUIDE[start..].find("```").expect("the block ends");
    &GUIDE[start..start + len]
}

/// Builds the guide's package.
fn build() -> PathBuf {
    let crate_path = env!("CARGO_MANIFEST_DIR");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide");
    std::fs::create_dir_all(folder.join("src")).expect("a folder for the package");
    let given = "../redis-mirror/crates/context";
    assert!(block("toml").contains(given), "the guide's dependency is elsewhere");
    let manifest = format!("{}\n[workspace]\n", block("toml").replace(given, crate_path));
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("the manifest is written");
    std::fs::write(folder.join("src/lib.rs"), block("rust")).expect("the source is written");
    let lock = Path::new(crate_path).join("../../Cargo.lock");
    std::fs::copy(lock, folder.join("Cargo.lock")).expect("the versions that are there");
    // Beside this test, which lies in <target>/<profile>/deps: what it shares with it is built.
    let test = std::env::current_exe().expect("a test is a program");
    let target = test.ancestors().nth(3).expect("tests lie in the target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--target-dir"]).arg(target).current_dir(&folder);
    let status = cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").status();
    assert!(status.is_ok_and(|status| status.success()), "the guide does not build");
    example::loadable(target, "greeter")
}

#[test]
fn the_guides_module_is_built_and_does_what_it_says() {
    let module = build();
    for installed in servers() {
        println!("on {installed}");
        let server = Server::start(installed, Options::new().module(&module, ""));
        let mut client: Client = server.client();
        assert_eq!(client.text(cmd!("GREETER.GREET", "Ada")), "Hello, Ada!");
        assert_eq!(client.refusal(cmd!("GREETER.GREET")), "ERR wrong number of arguments");
        assert_eq!(client.refusal(cmd!("GREETER.GREET", &b"\xff"[..])), "ERR syntax error");
    }
}

#[test]
fn the_guide_is_ten_lines_of_code_and_names_each_example() {
    let lines = block("rust").lines().filter(|line| !line.trim().is_empty() && line.trim() != "}").count();
    assert!(lines <= 10, "{lines}");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for entry in std::fs::read_dir(examples).expect("the examples").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let manifest = std::fs::read_to_string(entry.path().join("Cargo.toml")).unwrap_or_default();
        // A client is no module.
        if manifest.contains("redis-context") {
            assert!(GUIDE.contains(&format!("(../../examples/{name})")), "{name} is not in the guide");
        }
    }
}
