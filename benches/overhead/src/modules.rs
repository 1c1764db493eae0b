//! Builds what is compared, as its users would build it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One way to write the same commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    C,
    RedisModule,
    Ours,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::C, Kind::RedisModule, Kind::Ours];

    pub fn title(self) -> &'static str {
        match self {
            Kind::C => "C",
            Kind::RedisModule => "redis-module",
            Kind::Ours => "redis-context",
        }
    }

    /// Names of the same length: the server hashes them at each command.
    pub fn prefix(self) -> &'static str {
        match self {
            Kind::C => "in_c",
            Kind::RedisModule => "peer",
            Kind::Ours => "ours",
        }
    }

    pub fn file(self) -> &'static str {
        match self {
            Kind::C => "liboverhead_c.so",
            Kind::RedisModule => "liboverhead_redis_module.so",
            Kind::Ours => "liboverhead_ours.so",
        }
    }
}

/// The module through which the bench tells callgrind what to count.
pub const PROFILE: &str = "liboverhead_profile.so";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder for all that this bench makes.
pub fn target() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here().join("../../target"), PathBuf::from);
    target.join("overhead")
}

/// Builds the three modules and the one for callgrind; all lie in `target()` afterwards.
pub fn build() -> Result<(), String> {
    std::fs::create_dir_all(target()).map_err(|error| format!("{}: {error}", target().display()))?;
    c("overhead.c", Kind::C.file())?;
    c("profile.c", PROFILE)
        .map_err(|error| format!("{error}\n(callgrind.h belongs to valgrind: apt-get install valgrind)"))?;
    rust(&here().join("redis_module_peer"), Kind::RedisModule)?;
    rust(&here().join("ours"), Kind::Ours)
}

fn c(source: &str, module: &str) -> Result<(), String> {
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-o"]);
    cc.arg(target().join(module)).arg(here().join("c").join(source));
    run(&mut cc)
}

fn rust(package: &Path, kind: Kind) -> Result<(), String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--release", "--locked", "--target-dir"])
        .arg(target().join(kind.prefix()));
    run(cargo.current_dir(package))?;
    let built = target().join(kind.prefix()).join("release").join(kind.file());
    let module = target().join(kind.file());
    let copied = std::fs::copy(&built, &module)
        .and_then(|_| std::fs::set_permissions(&module, std::fs::Permissions::from_mode(0o755)));
    copied.map_err(|error| format!("{}: {error}", built.display()))
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{}: {error}", command.get_program().to_string_lossy())),
    }
}
