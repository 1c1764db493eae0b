//! The functions that each server exports: its own GetApi is asked, for every name that the bindings, the table
//! or the server's program hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use redis_mirror_test_support::{Command, Installed, Options, Server, Value};

const PREFIX: &str = "RedisModule_";
/// How many names one command asks for.
const ASKED_AT_ONCE: usize = 100;

/// The functions of one server, without their prefix. `known` are names to ask for beside those in the program.
pub fn exported(
    installed: &Installed,
    probe: &Path,
    known: &BTreeSet<String>,
) -> Result<BTreeSet<String>, String> {
    let server = Server::try_start(installed, Options::new().module(probe, ""))
        .map_err(|error| format!("{installed}: {error}"))?;
    let mut client = server.client();
    let pid = server.pid();
    let mut names = known.clone();
    let program = program_of(pid).ok_or_else(|| format!("the program of {installed} is not found"))?;
    names.extend(names_in(&fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?));
    let names: Vec<String> = names.into_iter().collect();
    let mut found = BTreeSet::new();
    for names in names.chunks(ASKED_AT_ONCE) {
        let mut command = Command::new("PROBE.HAS");
        for name in names {
            command = command.arg(format!("{PREFIX}{name}"));
        }
        client.send(&command).map_err(|error| error.to_string())?;
        let Value::Array(answers) = client.receive().map_err(|error| error.to_string())? else {
            return Err(format!("{installed} did not answer PROBE.HAS"));
        };
        let has = names.iter().zip(answers).filter(|(_, answer)| *answer == Value::Int(1));
        found.extend(has.map(|(name, _)| name.clone()));
    }
    Ok(found)
}

/// A server may run under a loader, whose name `/proc/<pid>/exe` would tell: its own program is mapped, too.
fn program_of(pid: u32) -> Option<PathBuf> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])));
    let is_server = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with("-server") || name.starts_with("redis-check") || name.starts_with("valkey-check")
    };
    paths.into_iter().find(is_server)
}

/// The names that a program holds as C strings.
fn names_in(program: &[u8]) -> BTreeSet<String> {
    program
        .split(|byte| *byte == 0)
        .filter_map(|text| std::str::from_utf8(text).ok()?.strip_prefix(PREFIX))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .map(str::to_owned)
        .collect()
}

/// The names that a C header declares: `(*RedisModule_X)`.
pub fn names_in_header(header: &str) -> BTreeSet<String> {
    let declared = header.split("(*RedisModule_").skip(1);
    declared.filter_map(|rest| rest.split_once(')')).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_programs_and_headers() {
        let program = b"\0RedisModule_Alloc\0RedisModule_%s\0xRedisModule_No\0RedisModule__Assert\0";
        assert_eq!(names_in(program), BTreeSet::from(["Alloc".to_owned(), "_Assert".to_owned()]));
        let header = "REDISMODULE_API void * (*RedisModule_Alloc)(size_t bytes) REDISMODULE_ATTR;";
        assert_eq!(names_in_header(header), BTreeSet::from(["Alloc".to_owned()]));
    }
}
