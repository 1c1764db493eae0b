//! A server under callgrind, and what one command costs in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use redis_mirror_test_support::{Client, Command, Installed, Options, Server, cmd};

use crate::callgrind::Profile;
use crate::modules::{Kind, PROFILE, target};

/// Sent before counting: what happens at the first call only is not a command's cost.
const WARM_UP: usize = 50;

/// The commands that each module has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Noop,
    Echo,
    Get,
    Call,
}

impl Subject {
    pub const ALL: [Subject; 4] = [Subject::Noop, Subject::Echo, Subject::Get, Subject::Call];

    pub fn title(self) -> &'static str {
        match self {
            Subject::Noop => "no-op",
            Subject::Echo => "echo",
            Subject::Get => "get by key",
            Subject::Call => "get by Call",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Subject::Noop => "noop",
            Subject::Echo => "echo",
            Subject::Get => "get",
            Subject::Call => "call",
        }
    }
}

/// What one command costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Instructions of the whole server: reading, parsing, looking up, running, replying.
    pub whole: f64,
    /// Instructions from the module's entry to its return, with all that it calls.
    pub handler: f64,
    /// Blocks that the module itself asked of the server or of the C library.
    pub own_allocations: f64,
    /// Blocks that the process asked of its allocator.
    pub allocations: f64,
}

impl Cost {
    fn of(profile: &Profile, kind: Kind, commands: usize) -> Self {
        let each = |count: u64| count as f64 / commands as f64;
        let cron: u64 = profile.of("serverCron").map(|call| call.instructions).sum();
        let entered = profile.entries(kind.file()).map(|call| call.instructions).sum();
        let left = profile.exits(kind.file()).filter(|call| allocates(&call.function));
        let anywhere =
            profile.calls.iter().filter(|call| is_c_allocator(&call.function) && call.from != call.into);
        Self {
            whole: each(profile.total.saturating_sub(cron)),
            handler: each(entered),
            own_allocations: each(left.map(|call| call.count).sum()),
            allocations: each(anywhere.map(|call| call.count).sum()),
        }
    }

    /// The least of two rounds: what varies is luck with the server's hash tables, which only adds.
    pub fn least(self, other: Self) -> Self {
        Self {
            whole: self.whole.min(other.whole),
            handler: self.handler.min(other.handler),
            own_allocations: self.own_allocations.min(other.own_allocations),
            allocations: self.allocations.min(other.allocations),
        }
    }
}

fn is_c_allocator(function: &str) -> bool {
    matches!(function, "malloc" | "calloc" | "realloc" | "posix_memalign" | "aligned_alloc" | "memalign")
}

/// Whether a function of the server's or the C library's gives out a block to its caller.
fn allocates(function: &str) -> bool {
    let of_the_server = function.strip_prefix("RM_").or_else(|| function.strip_prefix("VM_"));
    let names = ["Alloc", "TryAlloc", "Calloc", "TryCalloc", "Realloc", "TryRealloc", "Strdup", "PoolAlloc"];
    is_c_allocator(function) || of_the_server.is_some_and(|name| names.contains(&name))
}

/// One server under callgrind, with all modules in it: they share its luck.
pub struct Bench {
    client: Client,
    folder: PathBuf,
    commands: usize,
    // Ended after its client.
    _server: Server,
}

impl Bench {
    pub fn start(installed: &Installed, commands: usize) -> Result<Self, String> {
        let folder = target().join("profiles");
        // What an earlier run left would be taken for this one's.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let traced = under_callgrind(installed, &folder)?;
        let modules = [PROFILE].into_iter().chain(Kind::ALL.iter().map(|kind| kind.file()));
        // Nothing but the commands: one cron a second, no other work in it.
        let options = Options::new().set("hz", 1).set("dynamic-hz", "no").set("activedefrag", "no");
        let options = modules.fold(options, |options, file| options.module(&target().join(file), ""));
        let server = Server::try_start(&traced, options).map_err(|error| error.to_string())?;
        let mut client = Client::connect(server.address()).map_err(|error| error.to_string())?;
        client.run(cmd!("SET", "name", "v".repeat(32)));
        Ok(Self { client, folder, commands, _server: server })
    }

    /// Counts one command of one module.
    pub fn measure(&mut self, kind: Kind, subject: Subject) -> Result<Cost, String> {
        let name = format!("{}.{}", kind.prefix(), subject.name());
        let command = cmd!(name.as_str(), "name");
        self.check(kind, subject, &command)?;
        self.send(&command, WARM_UP)?;
        self.client.run("PROFILE.BEGIN");
        self.send(&command, self.commands)?;
        self.client.run(cmd!("PROFILE.END", name.as_str()));
        let profile = self.profile(&name)?;
        Ok(Cost::of(&profile, kind, self.commands))
    }

    fn send(&mut self, command: &Command, times: usize) -> Result<(), String> {
        let replies = self.client.pipeline(std::iter::repeat_n(command, times));
        replies.map(drop).map_err(|error| error.to_string())
    }

    /// All modules answer the same, or it is no comparison.
    fn check(&mut self, kind: Kind, subject: Subject, command: &Command) -> Result<(), String> {
        let expected = match subject {
            Subject::Noop => "OK".to_owned(),
            Subject::Echo => "name".to_owned(),
            Subject::Get | Subject::Call => "v".repeat(32),
        };
        let answer = self.client.text(command.clone());
        if answer == expected { Ok(()) } else { Err(format!("{kind:?} {subject:?} answers {answer:?}")) }
    }

    /// The dump that ends with this trigger.
    fn profile(&self, name: &str) -> Result<Profile, String> {
        let trigger = format!("Trigger: Client Request: {name}");
        let entries = fs::read_dir(&self.folder).map_err(|error| error.to_string())?;
        for entry in entries.flatten() {
            let text = fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
            if text.contains(&trigger) {
                return Profile::parse(&text);
            }
        }
        Err(format!("callgrind left no dump for {name} in {}", self.folder.display()))
    }
}

/// A program like the installed one, run by valgrind.
fn under_callgrind(installed: &Installed, folder: &Path) -> Result<Installed, String> {
    let program = target().join(format!("{}-server", installed.name));
    let script = format!(
        "#!/bin/sh\nexec valgrind -q --tool=callgrind --trace-children=yes --instr-atstart=no \
         --callgrind-out-file='{}/%p' '{}' \"$@\"\n",
        folder.display(),
        installed.program.display()
    );
    fs::write(&program, script)
        .and_then(|()| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)))
        .map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(Installed { program, ..installed.clone() })
}
