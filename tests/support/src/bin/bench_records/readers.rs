use std::time::{Duration, Instant};

use redis_mirror_test_support::{Client, Result, Server, cmd};

use crate::{Plan, median};

const CHANGES: usize = 50;

/// How long a change takes to come to clients that all wait for it, and what the server's processor spends.
pub fn run(plan: &Plan, server: &Server) -> Result<()> {
    let mut writer = server.client();
    writer.call(cmd!("RECORD.PUT", "feed", "SET", "type", "id", "first"))?;
    let mut readers = Vec::new();
    for _ in 0..plan.readers {
        readers.push(server.client());
    }
    let (mut last, mut first, mut spent) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let ticks = server.cpu_ticks();
        let mut round = Vec::new();
        for _ in 0..CHANGES {
            let (to_first, to_last) = deliver(&mut writer, &mut readers)?;
            first.push(to_first.as_secs_f64() * 1000.0);
            round.push(to_last.as_secs_f64() * 1000.0);
        }
        last.extend(round);
        let ticks = (server.cpu_ticks() - ticks) as f64;
        // A tick is a hundredth of a second.
        spent.push(ticks * 10_000.0 / (CHANGES * plan.readers) as f64);
    }
    println!(
        "one change to {} waiting clients: {:.2} ms to the first, {:.2} ms to the last; {:.1} us of the server's processor \
         for each client and change, its next RECORD.SYNC included",
        plan.readers,
        median(first),
        median(last),
        median(spent),
    );
    Ok(())
}

/// Has all readers wait, puts, and reads what each gets.
fn deliver(writer: &mut Client, readers: &mut [Client]) -> Result<(Duration, Duration)> {
    let versions = writer.call(cmd!("RECORD.VERSIONS", "feed"))?;
    let pairs = versions.pairs().unwrap_or_default();
    let field = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key.as_text().as_deref() == Some(name));
        found.and_then(|(_, value)| value.as_text().or_else(|| value.as_int().map(|int| int.to_string())))
    };
    let (epoch, version) = (field("epoch").unwrap_or_default(), field("version").unwrap_or_default());
    for reader in readers.iter_mut() {
        reader.send(&cmd!("RECORD.SYNC", "feed", &epoch, &version, "TYPE", "type", "BLOCK", 0))?;
    }
    wait_for_all(writer, readers.len())?;
    let put = Instant::now();
    writer.call(cmd!("RECORD.PUT", "feed", "SET", "type", "id", "next"))?;
    let mut first = None;
    for reader in readers {
        reader.receive()?;
        first.get_or_insert_with(|| put.elapsed());
    }
    Ok((first.unwrap_or_default(), put.elapsed()))
}

fn wait_for_all(client: &mut Client, count: usize) -> Result<()> {
    let field = format!("mirror_record_clients_waiting:{count}");
    while !client.call("INFO mirror")?.as_text().is_some_and(|info| info.contains(&field)) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
