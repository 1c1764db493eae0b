//! AOF files that are cut short (`aof-load-truncated yes`): what remains is what was before, and is known to be.

use std::fs;
use std::path::PathBuf;

use redis_mirror_test_support::{Client, Options, Random, Server};

use crate::store::{Cursor, list, put, sync, sync_refusal, versions};
use crate::{digest, on_each_with, wait_caught_up, with_replica};

fn files(server: &Server, end: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(server.dir().join("appendonlydir")).expect("the folder is there").flatten();
    files.map(|file| file.path()).filter(|path| path.to_string_lossy().ends_with(end)).collect()
}

/// What was, when the file had so many bytes.
struct State {
    bytes: usize,
    digest: String,
    at: Cursor,
}

/// A commit of each kind, alone and with others.
const STEPS: [&str; 9] = [
    "RECORD.PUT s SET t 1 x SET t 2 y",
    "MULTI|RECORD.PUT s SET t 3 x|SET other 1|RECORD.PUT s DEL t 1 SET u 1 x|EXEC",
    "RECORD.LEASE s l TRY me 100000",
    "RECORD.SETOPTIONS s t CAPACITY 2",
    "MULTI|RECORD.PUT s SET t 4 x SET t 5 y|RENAME s r|RENAME r s|RECORD.PUT s SET t 6 z|EXEC",
    "RECORD.TRIM s KEEP 3",
    "EVAL redis.call('RECORD.PUT','s','SET','v','1','x');redis.call('RECORD.PUT','s','SET','v','2','x') 0",
    "RECORD.CLEAR s",
    "RECORD.PUT s SET w 1 x",
];

fn run_step(client: &mut Client, step: &str) {
    for command in step.split('|') {
        match command.strip_prefix("EVAL ").and_then(|rest| rest.rsplit_once(' ')) {
            Some((script, keys)) => drop(client.run(redis_mirror_test_support::cmd!("EVAL", script, keys))),
            None => drop(client.run(command)),
        }
    }
}

fn states(server: &Server, file: &PathBuf) -> Vec<State> {
    let mut client = server.client();
    let state = |client: &mut Client| State {
        bytes: fs::read(file).expect("it can be read").len(),
        digest: digest(client),
        at: versions(client, "s").0,
    };
    let mut states = vec![state(&mut client)];
    for step in STEPS {
        run_step(&mut client, step);
        states.push(state(&mut client));
    }
    states
}

#[test]
fn a_file_cut_anywhere_gives_a_state_that_was() {
    on_each_with(Options::new().durable(), |server| {
        put(&mut server.client(), "s", "SET t first x");
        let file = files(server, ".incr.aof").remove(0);
        let states = states(server, &file);
        server.kill();
        let (whole, mut random) = (fs::read(&file).expect("it can be read"), Random::new(41));
        for last in 1..states.len() {
            // Somewhere in what the step has written, its first and its last byte included.
            let (from, to) = (states[last - 1].bytes, states[last].bytes);
            let cut = [from + 1, to - 1, from + random.below(to - from)][last % 3].max(from);
            fs::write(&file, &whole[..cut]).expect("it is written");
            server.resume();
            let (mut client, state) = (server.client(), &states[last - 1]);
            assert_eq!(digest(&mut client), state.digest, "{} bytes cut from {}", to - cut, STEPS[last - 1]);
            assert_eq!(versions(&mut client, "s").0.version, state.at.version);
            let new = put(&mut client, "s", "SET t new x SET t newer x SET t newest x").at;
            assert_ne!(new.epoch, state.at.epoch);
            assert!(!sync(&mut client, "s", &state.at, "").records.is_empty(), "who is behind goes on");
            let ahead = Cursor { version: state.at.version + 1, ..state.at.clone() };
            assert!(sync_refusal(&mut client, "s", &ahead).starts_with("RECEPOCH"));
            let after = digest(&mut client);
            server.kill();
            // Of a transaction that is cut within a command the servers keep what stands before that command, without its
            // end (`loadSingleAppendOnlyFile`, aof.c; not Valkey 9.1): what is written next is part of it, until the file
            // is rewritten.
            if !STEPS[last - 1].starts_with(['M', 'E']) {
                server.resume();
                assert_eq!(digest(&mut server.client()), after);
                server.kill();
            }
        }
        server.resume();
    });
}

/// A rewritten AOF without preamble holds a store as several commands. Nothing but a file without the one that follows it
/// can end among them.
#[test]
fn a_store_that_is_cut_in_half_is_a_new_history() {
    on_each_with(Options::new().durable().set("aof-use-rdb-preamble", "no"), |server| {
        let mut client = server.client();
        for number in 0..400 {
            put(&mut client, "s", &format!("SET t {number} {}", "x".repeat(2000)));
        }
        client.run("RECORD.LEASE s l ACQUIRE me PX 600000");
        let token = crate::store::token(&client.run("RECORD.LEASE s l TRY me 600000")).expect("it is held");
        let at = put(&mut client, "s", "SET t last x").at;
        client.run("RECORD.TRIM s KEEP 100");
        client.run("BGREWRITEAOF");
        server.wait_saved();
        server.kill();
        keep_half_of_base(server);
        server.resume();
        let mut client = server.client();
        let kept = list(&mut client, "s", "");
        assert!((10..400).contains(&kept.records.len()), "{}", kept.records.len());
        assert!(sync_refusal(&mut client, "s", &at).starts_with("RECEPOCH"));
        assert!(sync_refusal(&mut client, "s", &Cursor::start()).starts_with("RECCOMPACTED"));
        assert!(sync(&mut client, "s", &kept.at, "").records.is_empty());
        client.run("RECORD.PUT s SET t again x");
        assert_eq!(sync(&mut client, "s", &kept.at, "").ids(), ["again"]);
        client.run("RECORD.LEASE s other ACQUIRE me PX 600000");
        let next = crate::store::token(&client.run("RECORD.LEASE s other TRY me 600000"));
        assert!(next > Some(token), "{next:?} after {token}");
        let after = digest(&mut client);
        let replica = with_replica(server);
        wait_caught_up(server, &replica);
        assert_eq!(digest(&mut replica.client()), after);
        server.kill_and_resume();
        assert_eq!(digest(&mut server.client()), after);
    });
}

fn keep_half_of_base(server: &Server) {
    for file in files(server, ".incr.aof") {
        fs::remove_file(file).expect("it is removed");
    }
    let manifest = files(server, ".manifest").remove(0);
    let text = fs::read_to_string(&manifest).expect("it can be read");
    let base: Vec<&str> = text.lines().filter(|line| line.contains("type b")).collect();
    fs::write(manifest, base.join("\n") + "\n").expect("it is written");
    let base = files(server, ".base.aof").remove(0);
    let bytes = fs::read(&base).expect("it can be read");
    fs::write(base, &bytes[..bytes.len() / 2]).expect("it is written");
}
