use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::OnceLock;

/// Which of the two programs a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
}

/// A server's version, as its program states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Redis or Valkey.
    pub family: Family,
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third.
    pub patch: u32,
}

impl Version {
    /// Reads what `--version` prints: `Redis server v=7.0.15 sha=..`.
    fn parse(line: &str) -> Option<Self> {
        let family = match line.split_whitespace().next()? {
            "Redis" => Family::Redis,
            "Valkey" => Family::Valkey,
            _ => return None,
        };
        let numbers = line.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
        let mut numbers = numbers.split('.').map(|n| n.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Version { family, major: next()?, minor: next()?, patch: next()? })
    }

    /// Redis before 7.0: a source only, and with fewer commands and settings.
    pub fn is_old(self) -> bool {
        self.family == Family::Redis && self.major < 7
    }

    /// The oldest versions the module loads on.
    pub fn is_supported(self) -> bool {
        match self.family {
            Family::Redis => self.major >= 7,
            Family::Valkey => self.major >= 8,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            Family::Redis => "Redis",
            Family::Valkey => "Valkey",
        };
        write!(f, "{family} {}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A server program of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The short name, such as `redis70`: the part of the program's name before `-server`.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its version.
    pub version: Version,
}

impl Installed {
    /// Asks the program for its version; an error says what it answered instead.
    fn ask(program: &Path) -> Result<Self, String> {
        let name = program.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_suffix("-server"));
        let name = name.ok_or("its name doesn't end in -server")?.to_owned();
        let output = Process::new(program).arg("--version").output().map_err(|error| error.to_string())?;
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = Version::parse(&line).ok_or_else(|| format!("it answered {:?}", line.trim()))?;
        Ok(Installed { name, program: program.to_owned(), version })
    }

    /// Another program of the same version: `cli`, `benchmark`, `sentinel`, `check-rdb`, `check-aof`.
    pub fn tool(&self, tool: &str) -> PathBuf {
        self.program.with_file_name(format!("{}-{tool}", self.name))
    }
}

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.version)
    }
}

/// The servers found, oldest first (Redis before Valkey), and the programs left out with the reason.
///
/// Searched are the folder in `REDIS_MIRROR_TEST_SERVERS`, else `target/servers/bin` (see `make servers`),
/// else `redis-server` and `valkey-server` on the `PATH`.
pub fn survey() -> (Vec<Installed>, Vec<String>) {
    let mut found = Vec::new();
    let mut left_out = Vec::new();
    for program in programs() {
        match Installed::ask(&program) {
            Ok(server) if server.version.is_supported() => found.push(server),
            Ok(server) => left_out.push(format!("{server}: the module needs Redis 7.0 or Valkey 8.0")),
            Err(reason) => left_out.push(format!("{}: {reason}", program.display())),
        }
    }
    found.sort_by_key(|server| server.version);
    (found, left_out)
}

fn programs() -> Vec<PathBuf> {
    if let Some(folder) = std::env::var_os("REDIS_MIRROR_TEST_SERVERS") {
        return programs_in(Path::new(&folder));
    }
    let fetched = programs_in(&workspace().join("target/servers/bin"));
    if fetched.is_empty() { programs_on_path() } else { fetched }
}

fn programs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let visible = |name: &str| name.ends_with("-server") && !name.starts_with('.');
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(visible))
        .map(|entry| entry.path())
        .collect()
}

fn programs_on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find =
        |name: &str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|p| p.is_file());
    ["redis-server", "valkey-server"].into_iter().filter_map(find).collect()
}

/// The folder of the whole workspace.
pub(crate) fn workspace() -> PathBuf {
    let support = Path::new(env!("CARGO_MANIFEST_DIR"));
    support.ancestors().nth(2).unwrap_or(support).to_owned()
}

/// Every usable server of this machine, oldest first.
///
/// # Panics
/// When there is none, with advice.
pub fn servers() -> &'static [Installed] {
    static SERVERS: OnceLock<Vec<Installed>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| survey().0);
    assert!(
        !servers.is_empty(),
        "no Redis 7.0+ or Valkey 8.0+ found: run `make servers`, install one, or set REDIS_MIRROR_TEST_SERVERS"
    );
    servers
}

/// Servers that are too old for the module, which they refuse, and good as sources; oldest first: those in the folder
/// that `REDIS_MIRROR_TEST_OLD_SERVERS` names, else those that `make servers` has fetched; none without either.
pub fn old_servers() -> &'static [Installed] {
    static SERVERS: OnceLock<Vec<Installed>> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let mut found = beside("REDIS_MIRROR_TEST_OLD_SERVERS", "target/servers/old/bin");
        found.retain(|server| !server.version.is_supported());
        found
    })
}

/// Servers that can defragment, as Debian's can't: those in the folder that `REDIS_MIRROR_TEST_DEFRAG_SERVERS` names,
/// else those that `make defrag-servers` has built; none without either.
pub fn defrag_servers() -> &'static [Installed] {
    static SERVERS: OnceLock<Vec<Installed>> = OnceLock::new();
    SERVERS.get_or_init(|| beside("REDIS_MIRROR_TEST_DEFRAG_SERVERS", "target/servers/defrag/bin"))
}

/// The servers of a folder apart from the others, oldest first: the one that the variable names, else one below the
/// workspace.
fn beside(variable: &str, folder: &str) -> Vec<Installed> {
    let folder = std::env::var_os(variable).map_or_else(|| workspace().join(folder), PathBuf::from);
    let programs = programs_in(&folder);
    let mut found: Vec<Installed> =
        programs.iter().filter_map(|program| Installed::ask(program).ok()).collect();
    found.sort_by_key(|server| server.version);
    found
}

/// The server of that short name, if this machine has it.
pub fn server(name: &str) -> Option<&'static Installed> {
    servers().iter().find(|server| server.name == name)
}

/// One server, always the same: the oldest there is, which knows the least.
///
/// # Panics
/// When there is none, with advice.
pub fn any_server() -> &'static Installed {
    &servers()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        let line = "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1";
        let version = Version::parse(line).unwrap();
        assert_eq!(version, Version { family: Family::Valkey, major: 8, minor: 1, patch: 1 });
        assert_eq!(Version::parse("sh: not found"), None);
    }

    #[test]
    fn servers_below_the_oldest_supported_are_not_used() {
        assert!(!Version::parse("Redis server v=6.2.14").unwrap().is_supported());
        assert!(Version::parse("Redis server v=7.0.0").unwrap().is_supported());
    }
}
