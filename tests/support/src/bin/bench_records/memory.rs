use redis_mirror_test_support::{Client, Command, Result, Server, cmd};

use crate::Plan;

const RECORDS: usize = 200_000;
const DATA: &str = "sixteen bytes...";

/// What a record and a change take of the server's memory, beside a hash that holds the same records.
pub fn run(_: &Plan, server: &Server) -> Result<()> {
    let mut client = server.client();
    let empty = used(&mut client)?;
    fill(&mut client, |id| cmd!("HSET", "hash", id, DATA))?;
    let hash = used(&mut client)? - empty;
    client.call("FLUSHALL SYNC")?;
    let empty = used(&mut client)?;
    fill(&mut client, |id| cmd!("RECORD.PUT", "store", "SET", "type", id, DATA))?;
    let with_log = used(&mut client)? - empty;
    fill(&mut client, |id| cmd!("RECORD.PUT", "store", "SET", "type", id, DATA))?;
    let twice = used(&mut client)? - empty;
    client.call(cmd!("RECORD.TRIM", "store", "KEEP", 0))?;
    let trimmed = used(&mut client)? - empty;
    let estimate = client.call(cmd!("MEMORY USAGE", "store"))?.as_int().unwrap_or(0) as f64;
    let each = |bytes: f64| bytes / RECORDS as f64;
    println!("memory of {RECORDS} records with ids of 9 and data of {} bytes, in bytes each", DATA.len());
    println!("  in a hash                                   {:6.1}", each(hash));
    println!(
        "  as records, the log trimmed                 {:6.1} (MEMORY USAGE says {:.1})",
        each(trimmed),
        each(estimate)
    );
    println!("  as records whose changes are in the log     {:6.1}", each(with_log));
    println!("  each change in the log that is superseded   {:6.1}", each(twice - with_log));
    Ok(())
}

fn used(client: &mut Client) -> Result<f64> {
    let info = client.call("INFO memory")?.as_text().unwrap_or_default();
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(used.and_then(|used| used.trim().parse().ok()).unwrap_or(f64::NAN))
}

fn fill(client: &mut Client, command: impl Fn(String) -> Command) -> Result<()> {
    let commands: Vec<Command> = (0..RECORDS).map(|number| command(format!("id:{number:06}"))).collect();
    commands.chunks(1000).try_for_each(|part| client.pipeline(part).map(|_| ()))
}
