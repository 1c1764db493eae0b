//! The command table against every real server at hand: which write commands there are, where their keys are, and that
//! what the planner makes of a command has the effect the command has there.

mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mirror_engine::command::{Access, REFUSED, TABLE, lookup};
use mirror_engine::definition::parse;
use mirror_engine::planner::PlanLimits;
use mirror_engine::{Batch, Glob, LocalServer, Op, OpKind, Planner, ReplId, Scope};
use redis_replica::rdb::Target;
use redis_replica::resp::Value;
use servers::samples::SAMPLES;
use servers::{Server, start_all};

fn words(text: &str) -> Vec<&[u8]> {
    text.split_whitespace().map(str::as_bytes).collect()
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).to_lowercase()
}

/// Every command of a server, subcommands as `command|subcommand`, with its flags.
fn commands(server: &mut Server) -> BTreeMap<String, BTreeSet<String>> {
    fn collect(list: &Value, into: &mut BTreeMap<String, BTreeSet<String>>) {
        for command in list.as_slice().unwrap_or_default() {
            let Some(fields) = command.as_slice().filter(|fields| fields.len() >= 10) else { continue };
            let flags = fields[2].as_slice().unwrap_or_default().iter().map(text).collect();
            into.insert(text(&fields[0]), flags);
            collect(&fields[9], into);
        }
    }
    let mut found = BTreeMap::new();
    collect(&server.run("COMMAND"), &mut found);
    assert!(found.len() > 200, "{} lists its commands", server.name);
    found
}

#[test]
fn every_write_command_of_a_server_is_planned_or_refused_with_a_reason() {
    for mut server in start_all() {
        for (name, _) in commands(&mut server).iter().filter(|(_, flags)| flags.contains("write")) {
            let container = name.split('|').next().unwrap_or_default();
            let known = lookup(container.as_bytes()).is_some() || REFUSED.iter().any(|row| row.name == name);
            assert!(known, "{}: {name} is neither planned nor refused", server.name);
        }
    }
}

#[test]
fn releases_of_the_table_are_those_of_the_servers() {
    for mut server in start_all() {
        let (names, by_release) = (commands(&mut server), LocalServer::by_release(server.target));
        for row in &TABLE {
            assert_eq!(
                names.contains_key(row.name()),
                by_release.knows(row),
                "{}: {}",
                server.name,
                row.name()
            );
        }
    }
}

#[test]
fn every_row_has_a_sample() {
    for row in &TABLE {
        let used = SAMPLES.iter().any(|(_, sample)| lookup(words(sample)[0]) == Some(row));
        assert!(used, "{} has no sample", row.name());
    }
}

/// How the servers describe an access. Ours is sharper where what is replicated is known to have happened: GETSET and the
/// conditional SET and DEL don't depend on the key any more.
fn described(access: &BTreeSet<String>) -> Access {
    match access {
        flags if flags.contains("RO") => Access::Read,
        flags if flags.contains("OW") => Access::Overwrite,
        flags if flags.contains("RM") => Access::Remove,
        _ => Access::Update,
    }
}

const SHARPER: [&str; 6] = ["set", "getset", "getdel", "delex", "sinterstore", "msetex"];

#[test]
fn key_positions_and_accesses_are_those_of_the_servers() {
    for mut server in start_all() {
        let names = commands(&mut server);
        for (_, sample) in SAMPLES {
            let args = words(sample);
            let row = lookup(args[0]).expect("samples are of the table");
            if !names.contains_key(row.name()) {
                continue;
            }
            let ours: Vec<(String, Access)> = row
                .keys(&args[1..])
                .expect("well formed")
                .iter()
                .map(|(at, access)| (String::from_utf8_lossy(args[at + 1]).into_owned(), access))
                .collect();
            compare_keys(&mut server, sample, row.name(), ours);
        }
    }
}

fn compare_keys(server: &mut Server, sample: &str, name: &str, ours: Vec<(String, Access)>) {
    let reply = server.run(&format!("COMMAND GETKEYSANDFLAGS {sample}"));
    let Some(theirs) = reply.as_slice() else {
        let refusal = String::from_utf8_lossy(reply.as_error().unwrap_or_default()).into_owned();
        let keyless = refusal.contains("no key arguments") || refusal.contains("number of arguments");
        // Options newer than the server are refused here; their keys are where the newer servers say.
        let newer = refusal.contains("Invalid arguments") || refusal.contains("Invalid command");
        assert!((keyless && ours.is_empty()) || newer, "{}: {sample}: {refusal}", server.name);
        return;
    };
    let theirs: Vec<(String, Access)> = theirs
        .iter()
        .filter_map(|pair| pair.as_slice())
        .map(|pair| {
            let flags: BTreeSet<String> =
                pair[1].as_slice().unwrap_or_default().iter().map(|flag| text(flag).to_uppercase()).collect();
            (text(&pair[0]), described(&flags))
        })
        .collect();
    let positions = |keys: &[(String, Access)]| {
        keys.iter().map(|(key, access)| (key.clone(), access.writes())).collect::<BTreeSet<_>>()
    };
    assert_eq!(positions(&ours), positions(&theirs), "{}: {sample}", server.name);
    if !SHARPER.contains(&name) {
        let accesses = |keys: &[(String, Access)]| {
            keys.iter().map(|(_, access)| format!("{access:?}")).collect::<Vec<_>>()
        };
        assert_eq!(accesses(&ours), accesses(&theirs), "{}: {sample}", server.name);
    }
}

fn planner(local: LocalServer) -> Planner {
    let definition = parse(&[b"m", b"redis://source"]).expect("valid").definition;
    let mut planner = Planner::new(Arc::new(Scope::new(&definition)), local, PlanLimits::default());
    let id = ReplId::from_bytes(&[b'a'; 40]).expect("an id");
    planner.start(id, &mut Batch::new()).expect("another server");
    planner
}

/// Everything a server holds: db, key, value, expiry.
type State = BTreeSet<(usize, Vec<u8>, String, i64)>;

/// The serialized value; of streams, which note when consumers were seen, the digest; of hashes, whose encoding remembers
/// that a field once could expire, the digest and when the samples' fields expire.
fn value_of(server: &mut Server, key: &[u8]) -> String {
    match text(&server.call(&[b"TYPE", key])).as_str() {
        "stream" => format!("{:?}", server.call(&[b"DEBUG", b"DIGEST-VALUE", key])),
        "hash" => {
            let digest = server.call(&[b"DEBUG", b"DIGEST-VALUE", key]);
            let expiries = server.call(&[b"HPEXPIRETIME", key, b"FIELDS", b"2", b"f", b"g"]);
            format!("{digest:?} {expiries:?}")
        }
        _ => format!("{:?}", server.call(&[b"DUMP", key])),
    }
}

fn state(server: &mut Server) -> State {
    let mut state = State::new();
    for db in 0..4 {
        server.run(&format!("SELECT {db}"));
        let keys = server.run("KEYS *");
        for key in keys.as_slice().expect("keys") {
            let key = key.as_bytes().expect("a name").to_vec();
            let value = value_of(server, &key);
            let expiry = server.call(&[b"PEXPIRETIME", &key]).as_integer().expect("a time");
            state.insert((db, key, value, expiry));
        }
    }
    server.run("SELECT 0");
    state
}

fn prepare(server: &mut Server, setup: &str) -> bool {
    server.run("FLUSHALL");
    setup.split(';').filter(|step| !step.is_empty()).all(|step| server.run(step).as_error().is_none())
}

/// Does an operation the way the module does it, by the commands that equal it.
fn apply(server: &mut Server, batch: &Batch, op: &Op) -> Value {
    let args: Vec<&[u8]> = batch.args(op).collect();
    let run = |server: &mut Server, head: &[&[u8]], tail: &[&[u8]]| server.call(&[head, tail].concat());
    match op.kind {
        OpKind::Call => run(server, &[op.command.expect("a call's command").name().as_bytes()], &args),
        OpKind::SetString { expire_at_ms: None } => run(server, &[b"SET"], &args),
        OpKind::SetString { expire_at_ms: Some(ms) } => {
            let ms = ms.to_string();
            run(server, &[b"SET"], &[&args[..], &[b"PXAT", ms.as_bytes()]].concat())
        }
        OpKind::HashSet => run(server, &[b"HSET"], &args),
        OpKind::FlushDb => server.run("FLUSHDB"),
        OpKind::FlushAll => server.run("FLUSHALL"),
        OpKind::SwapDb { a, b } => server.run(&format!("SWAPDB {a} {b}")),
        other => panic!("{other:?} is no effect"),
    }
}

fn is_effect(op: &Op) -> bool {
    !matches!(op.kind, OpKind::Repair | OpKind::Resync(_) | OpKind::Position)
}

/// Plans a sample for a server like `local` and does it on `server`; answers whether the plan is exact.
fn apply_planned(server: &mut Server, local: LocalServer, sample: &str) -> bool {
    let mut planner = planner(local);
    let clock = server.run("TIME");
    let seconds: u64 = text(&clock.as_slice().expect("a pair")[0]).parse().expect("seconds");
    planner.set_source_now(seconds * 1000);
    let mut batch = Batch::new();
    let _one_origin = planner.command(0, words(sample).as_slice(), 1, &mut batch).expect("planned");
    assert_eq!(planner.counters().refused, 0, "{}: {sample}", server.name);
    for op in batch.ops().iter().filter(|op| is_effect(op)) {
        let reply = apply(server, &batch, op);
        let refusal = reply.as_error().map(|error| String::from_utf8_lossy(error).into_owned());
        assert_eq!(refusal, None, "{}: {sample} as {op:?}", server.name);
    }
    planner.counters().losses == 0 && !batch.ops().iter().any(|op| op.kind == OpKind::Repair)
}

/// Relative times end at the second the command ran in.
fn nearly_equal(one: &State, other: &State) -> bool {
    let near = |a: i64, b: i64| (a - b).abs() < 3000;
    one.len() == other.len()
        && one.iter().zip(other).all(|(a, b)| (a.0, &a.1, &a.2) == (b.0, &b.1, &b.2) && near(a.3, b.3))
}

/// Field expiries relative to now differ in the value itself.
const RELATIVE_FIELDS: [&str; 2] = ["HEXPIRE ", "HPEXPIRE "];

fn compare_effects(server: &mut Server, local: &LocalServer, whose: &str) -> usize {
    let mut compared = 0;
    for (setup, sample) in SAMPLES {
        if !prepare(server, setup) || server.run(sample).as_error().is_some() {
            // Not known to this server: what the planner makes of it must run here all the same.
            prepare(server, setup);
            apply_planned(server, local.clone(), sample);
            continue;
        }
        let native = state(server);
        prepare(server, setup);
        let exact = apply_planned(server, local.clone(), sample);
        if exact && !RELATIVE_FIELDS.iter().any(|name| sample.starts_with(name)) {
            let planned = state(server);
            assert!(
                nearly_equal(&native, &planned),
                "{whose} on {}: {sample}\n{native:?}\n{planned:?}",
                server.name
            );
            compared += 1;
        }
    }
    compared
}

#[test]
fn planned_operations_have_the_effect_of_the_command() {
    for mut server in start_all() {
        let names = commands(&mut server);
        let local = LocalServer::new(server.target, names.keys().map(String::as_bytes));
        let compared = compare_effects(&mut server, &local, "its own plan");
        println!("{}: {compared} of {} samples compared", server.name, SAMPLES.len());
        assert!(compared > 100, "{}: only {compared}", server.name);
    }
}

#[test]
fn plans_for_the_oldest_server_have_the_same_effect_on_newer_ones() {
    let oldest = LocalServer::by_release(Target::redis(7, 0, 0));
    for mut server in start_all() {
        assert!(compare_effects(&mut server, &oldest, "the oldest server's plan") > 100);
    }
}

#[test]
fn globs_match_what_the_servers_match() {
    let keys: [&[u8]; 18] = [
        b"a", b"b", b"ab", b"abc", b"acb", b"a]", b"]", b"-", b"^", b"\\", b"a\\b", b"*", b"a*", b"\xe9",
        b"\x7f", b"[", b"aab", b"hello",
    ];
    let patterns: [&[u8]; 34] = [
        b"*",
        b"**",
        b"a*",
        b"*a",
        b"*b*",
        b"a?",
        b"??",
        b"a?c",
        b"[ab]",
        b"[^a]",
        b"[a-c]*",
        b"[c-a]",
        b"[]",
        b"[]a]",
        b"[^]",
        b"[^",
        b"[",
        b"[a",
        b"[a-",
        b"[a-]",
        b"[a-]]",
        b"[\\]]",
        b"[\\-]",
        b"[\\",
        b"\\",
        b"a\\",
        b"\\*",
        b"a\\*",
        b"\\\\",
        b"a\\\\b",
        b"[\x00-\xff]",
        b"[\xe0-\xff]",
        b"[-\x7f-\xe9]",
        b"h[^x-z]*o",
    ];
    for mut server in start_all() {
        server.run("FLUSHALL");
        keys.iter().for_each(|key| drop(server.call(&[b"SET", key, b"v"])));
        for pattern in patterns {
            let reply = server.call(&[b"KEYS", pattern]);
            let theirs: BTreeSet<&[u8]> =
                reply.as_slice().expect("keys").iter().filter_map(Value::as_bytes).collect();
            let glob = Glob::new(pattern).expect("short");
            let ours: BTreeSet<&[u8]> = keys.iter().copied().filter(|key| glob.matches(key)).collect();
            assert_eq!(ours, theirs, "{}: {}", server.name, pattern.escape_ascii());
        }
    }
}
