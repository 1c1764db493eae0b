//! Fills two tables from a source: keys that begin with `foo`, and keys that begin with `bar`. The rest is dropped.
//!
//! ```text
//! cargo run -p redis-replica --example route -- redis://127.0.0.1:6379
//! ```

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use redis_replica::callback::{Batch, Entry};
use redis_replica::projection::{Listener, Lookup, Projection, Tables, Value};
use redis_replica::transport::Prepared;

const USAGE: &str = "usage: route redis[s]://[[user]:password@]host[:port]

Keeps the keys foo* in one table and bar* in another, drops the rest, and prints both tables when they are loaded and
whenever they change.";

struct Print;

impl Listener for Print {
    fn load_end(&mut self, tables: &Tables) {
        println!("# loaded");
        print(tables);
    }

    fn applied(&mut self, batch: &Batch, tables: &Tables) {
        let touches_ours = batch.iter().any(|command| match command.keys() {
            Some(keys) => keys.into_iter().any(|(key, access)| access.writes() && table(key).is_some()),
            None => false,
        });
        if touches_ours || batch.iter().any(|command| command.name().starts_with(b"flush")) {
            println!("# changed");
            print(tables);
        }
    }

    fn unhandled(&mut self, command: &Entry<'_>) {
        eprintln!("not projected: {command:?}");
    }

    fn closed(&mut self, reason: &(dyn Error + 'static), retry_in: Option<Duration>) {
        common::closed(reason, retry_in);
    }
}

fn table(key: &[u8]) -> Option<&'static str> {
    if key.starts_with(b"foo") {
        return Some("foo");
    }
    key.starts_with(b"bar").then_some("bar")
}

fn print(tables: &Tables) {
    for (name, table) in tables.iter() {
        println!("{name}: {} keys", table.len());
        for (db, key, known) in table.iter() {
            match known {
                Lookup::Item(item) => println!("  [{db}] {} = {}", key.escape_ascii(), shown(&item.value)),
                _ => println!("  [{db}] {} is not known", key.escape_ascii()),
            }
        }
    }
}

fn shown(value: &Value) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let all: Vec<String> = match value {
        Value::String(value) => return text(value),
        Value::List(items) => items.iter().map(|item| text(item)).collect(),
        Value::Set(members) => members.iter().map(|member| text(member)).collect(),
        Value::ZSet(members) => {
            members.iter().map(|(member, score)| format!("{} {score}", text(member))).collect()
        }
        Value::Hash(fields) => {
            fields.iter().map(|(name, field)| format!("{} {}", text(name), text(&field.value))).collect()
        }
        other => vec![format!("{other:?}")],
    };
    format!("({})", all.join(", "))
}

fn main() -> ExitCode {
    common::run("route", USAGE, common::More::None, |url, _| {
        let projection = Projection::new(Arc::new(|_, key| table(key)), Print);
        let (_, result) = Prepared::new(common::options(url)?, projection).run();
        Ok(result?)
    })
}
