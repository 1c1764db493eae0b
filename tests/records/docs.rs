//! What COMMAND says of `RECORD.*`.

use redis_mirror_test_support::{Client, Value, cmd};

use crate::on_every;
use crate::store::field;

/// Each command, a call of it, and how it uses its key: what reads is `RO`.
pub const CALLS: [(&str, &str, &[&str]); 18] = [
    ("record.put", "s SET t 1 x", UPDATES),
    ("record.get", "s t 1", READS),
    ("record.mget", "s t 1 2", READS),
    ("record.setoptions", "s t CAPACITY 3", CHANGES),
    ("record.getoptions", "s t", READS),
    ("record.lease", "s l TRY me 1000", UPDATES),
    ("record.getlease", "s l", READS),
    ("record.sync", "s 0 0 TYPE t", READS),
    ("record.synclatest", "s", READS),
    ("record.query", "s t", READS),
    ("record.types", "s", READS),
    ("record.versions", "s", READS),
    ("record.trim", "s KEEP 1", REMOVES),
    ("record.cursor", "s c SET 0 0", CHANGES),
    ("record.getcursor", "s c", READS),
    ("record.cursors", "s", READS),
    ("record.clear", "s", REMOVES),
    ("record.apply", "s COMMIT x", UPDATES),
];

pub const READS: &[&str] = &["RO", "access"];
const UPDATES: &[&str] = &["RW", "access", "update"];
const CHANGES: &[&str] = &["RW", "update"];
const REMOVES: &[&str] = &["RW", "delete"];

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap_or_default().iter().filter_map(Value::as_text).collect()
}

/// COMMAND INFO's entry: arity, flags, categories, key specs.
fn info(client: &mut Client, name: &str) -> (i64, Vec<String>, Vec<String>, Vec<Value>) {
    let reply = client.run(cmd!("COMMAND", "INFO", name));
    let entry =
        reply.as_array().and_then(|all| all[0].as_array()).unwrap_or_else(|| panic!("no {name}: {reply}"));
    let arity = entry[1].as_int().expect("an arity");
    (arity, words(&entry[2]), words(&entry[6]), entry[8].as_array().unwrap_or_default().to_vec())
}

#[test]
fn every_command_is_documented_and_names_its_key() {
    on_every(|server| {
        let mut client = server.client();
        let all = client.texts("COMMAND LIST FILTERBY PATTERN record.*");
        assert_eq!(all.len(), CALLS.len(), "{all:?}");
        for (name, call, use_of_key) in CALLS {
            let writes = use_of_key != READS;
            let keys = client.texts(format!("COMMAND GETKEYS {name} {call}"));
            assert_eq!(keys, ["s"], "{name}");
            let (arity, flags, categories, specs) = info(&mut client, name);
            let has = |flag: &str| flags.iter().any(|found| found == flag);
            assert_eq!((has("write"), has("readonly")), (writes, !writes), "{name}: {flags:?}");
            let count = 1 + call.split_whitespace().count() as i64;
            assert!(arity == count || (arity < 0 && -arity <= count), "{name}: {arity}");
            let side = if writes { "@write" } else { "@read" };
            // Redis 7.0 gives modules no categories.
            let is_old = server.installed().name == "redis70";
            let [spec] = specs.as_slice() else { panic!("{name}: {specs:?}") };
            let access = words(&field(spec, "flags"));
            assert_eq!(access, use_of_key, "{name}");
            // They refuse by themselves what takes memory.
            assert!(!has("denyoom"), "{name}");
            let waits = ["record.sync", "record.lease"].contains(&name);
            assert_eq!(has("blocking"), waits, "{name}: {flags:?}");
            let is_slow = !has("fast");
            let mut expected = vec![side, if is_slow { "@slow" } else { "@fast" }];
            expected.extend(waits.then_some("@blocking"));
            let has_all = expected.iter().all(|category| categories.iter().any(|found| found == category));
            assert!(is_old || has_all, "{name}: {categories:?}");
            let docs = client.run(cmd!("COMMAND", "DOCS", name));
            let docs = field(&docs, name);
            for what in ["summary", "complexity", "since"] {
                assert!(!field(&docs, what).as_text().unwrap_or_default().is_empty(), "{name}: {what}");
            }
            assert!(!field(&docs, "arguments").as_array().unwrap_or_default().is_empty(), "{name}");
        }
        assert!(info(&mut client, "record.apply").1.contains(&"noscript".to_owned()));
    });
}

/// Servers that let modules have categories (Redis 7.4, Valkey 8) have @record.
#[test]
fn the_category_holds_the_commands() {
    on_every(|server| {
        let mut client = server.client();
        let has_category = client.texts("ACL CAT").contains(&"record".to_owned());
        let is_old = server.installed().name == "redis70";
        assert_ne!(has_category, is_old);
        // COMMAND INFO, as Valkey 8.0 leaves modules' commands out of ACL CAT.
        for (name, ..) in CALLS {
            let categories = info(&mut client, name).2;
            assert_eq!(categories.contains(&"@record".to_owned()), has_category, "{name}");
        }
    });
}
