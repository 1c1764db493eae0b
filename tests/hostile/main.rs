//! Sources that mean harm, against real servers: they stay up, answer, keep their own data and their memory, and name
//! what was wrong without the source's words.

mod scripts;

use redis_mirror_test_support::{
    Client, FakeSource, Installed, Options, Server, Status, cmd, digest, servers, wait,
};
use scripts::{Expect, Script};

const MIB: u64 = 1 << 20;

/// Set below as `mirror.unit-max`.
const UNIT_MAX: u64 = 8 * MIB;

/// What a link may take in all: up to five units, the queue, the spool's memory, and what a server that works takes
/// beside (its own buffers, threads, the allocator's slack).
const TAKEN_MAX: u64 = 5 * UNIT_MAX + MIB + MIB + 24 * MIB;

/// A word that hostile texts carry: no text shown may hold it.
const WORD: &str = "evil";

/// One server, its own data and what it took at rest.
struct Target {
    server: Server,
    client: Client,
    digest: String,
}

impl Target {
    fn start(installed: &Installed) -> Self {
        let options = Options::new()
            .mirror("")
            .set("mirror.unit-max", UNIT_MAX)
            .set("mirror.unit-ops-max", 20_000)
            .set("mirror.queue-max", "1mb")
            .set("mirror.spool-memory", "1mb")
            .set("mirror.spool-max", "16mb")
            .set("mirror.reconnect-min-ms", 50);
        let server = Server::start(installed, options);
        let mut client = server.client();
        for number in 0..200 {
            client.run(cmd!("SET", format!("own:{number}"), number));
            client.run(cmd!("RPUSH", "own:list", number));
        }
        let digest = digest::of(&mut client).expect("DEBUG DIGEST");
        Target { server, client, digest }
    }

    /// Plays a script and checks all that must hold whatever it says. Answers the most it took, in bytes.
    fn play(&mut self, script: &Script) -> u64 {
        let source = FakeSource::start_with(script.plays.clone());
        let before = self.resident("VmRSS");
        self.forget_peak();
        self.client.run(cmd!("MIRROR.CREATE", "m", source.url(), "DB", 0, "TO", 9));
        self.wait(script);
        let status = self.status();
        let taken = self.resident("VmHWM").saturating_sub(before);
        assert!(taken <= TAKEN_MAX, "{}: {taken} bytes taken", script.name);
        self.check_words(script, &status);
        assert_eq!(self.client.text(cmd!("GET", "own:7")), "7", "{}", script.name);
        self.client.run(cmd!("MIRROR.DROP", "m", "PURGE"));
        assert_eq!(digest::of(&mut self.client).expect("DEBUG DIGEST"), self.digest, "{}", script.name);
        taken
    }

    fn status(&mut self) -> Status {
        Status::read(&mut self.client, "m").expect("status")
    }

    fn wait(&mut self, script: &Script) {
        wait::wait_for(script.name, || {
            let status = self.status();
            let met = match script.expect {
                Expect::Error(words) => {
                    !status.text("last_error").is_empty() && status.text("last_error").contains(words)
                }
                Expect::Quarantined(words) => status.text("quarantined_keys").contains(words),
                Expect::Refused(count) => status.number("refused") == count && self.has("behind"),
                Expect::Repair => status.number("under_repair") > 0,
                Expect::Key(key) => self.has(key),
                Expect::State(state, read) => {
                    status.state() == state && status.number("bytes_read").unsigned_abs() >= read
                }
                Expect::Read(bytes) => status.number("bytes_read").unsigned_abs() >= bytes,
            };
            if met { Ok(()) } else { Err(format!("{status:?}")) }
        });
    }

    fn has(&mut self, key: &str) -> bool {
        let mut other = self.server.client();
        other.run(cmd!("SELECT", 9));
        other.int(cmd!("EXISTS", key)) == 1
    }

    /// Nothing of the source's words is shown, and nothing that isn't text.
    fn check_words(&mut self, script: &Script, status: &Status) {
        for text in [status.text("last_error"), self.client.text(cmd!("INFO", "mirror"))] {
            let text = text.replace("\r\n", "");
            assert!(!text.contains(WORD) && !text.chars().any(char::is_control), "{}: {text:?}", script.name);
            assert!(text.len() < 4096, "{}: {} bytes", script.name, text.len());
        }
        let log = self.server.log();
        assert!(!log.contains(WORD), "{}: {}", script.name, self.server.log_tail());
    }

    fn resident(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.server.pid());
        let status = std::fs::read_to_string(path).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
        let kilobytes = line.trim_matches(|c: char| !c.is_ascii_digit());
        kilobytes.parse::<u64>().expect("a number") * 1024
    }

    /// VmHWM begins anew (proc(5), clear_refs).
    fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.server.pid()), "5").expect("our own process");
    }
}

fn play_all(name: &str, scripts: &[Script]) {
    for installed in servers() {
        let mut target = Target::start(installed);
        let mut largest = (0, "");
        for script in scripts {
            let taken = target.play(script);
            println!("{installed}: {}: {} KiB", script.name, taken / 1024);
            largest = largest.max((taken, script.name));
        }
        assert!(target.server.is_running());
        println!(
            "{installed}: {name}: at most {} KiB ({}) of {}",
            largest.0 / 1024,
            largest.1,
            TAKEN_MAX / 1024
        );
    }
}

#[test]
fn streams_beyond_all_limits() {
    play_all("streams", &scripts::broken_streams());
}

#[test]
fn commands_that_mean_harm() {
    play_all("commands", &scripts::bad_commands());
}

#[test]
fn snapshots_that_are_none_or_too_much() {
    play_all("snapshots", &scripts::broken_snapshots());
}

#[test]
fn peers_that_are_no_source() {
    play_all("strangers", &scripts::strangers());
}
