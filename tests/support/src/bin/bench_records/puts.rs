use std::thread;
use std::time::Instant;

use redis_mirror_test_support::{Client, Command, Result, Server, Value, cmd};

use crate::{Plan, median};

const DATA: &str =
    "a record of a hundred bytes, which is about what a small object in JSON takes, and a little more..";
const IDS: usize = 1000;
/// Commands that one client has under way at once, where it doesn't wait for each.
const PIPELINE: usize = 100;

/// How a record is written.
#[derive(Clone, Copy)]
enum How {
    /// RECORD.PUT.
    Ours,
    /// Without the module: a version, a record, a change and a message, in a transaction that is tried until nobody else
    /// came between.
    Loop,
    /// HSET, which has no versions and tells nobody.
    Hset,
}

/// Puts from one and from 16 clients, each waiting for its answer, and from one that doesn't.
pub fn run(plan: &Plan, server: &Server) -> Result<()> {
    println!("puts of {} bytes, thousands a second (ours beside the loop, ours beside HSET)", DATA.len());
    for clients in [1, 16] {
        let [ours, looped, hset] = measure(plan, |how| concurrent(plan, server, how, clients))?;
        println!(
            "  {clients:>2} clients   RECORD.PUT {ours:7.1}   WATCH loop {looped:7.1} ({:.1}x)   HSET {hset:7.1} ({:.2}x)",
            ours / looped,
            ours / hset,
        );
    }
    let [ours, hset] = measure_two(plan, server)?;
    println!("  pipelined    RECORD.PUT {ours:7.1}   HSET {hset:7.1} ({:.2}x)", ours / hset);
    Ok(())
}

fn measure(plan: &Plan, one: impl Fn(How) -> Result<f64>) -> Result<[f64; 3]> {
    let mut figures = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..plan.rounds {
        for (how, figures) in [How::Ours, How::Loop, How::Hset].into_iter().zip(&mut figures) {
            figures.push(one(how)?);
        }
    }
    Ok(figures.map(median))
}

fn measure_two(plan: &Plan, server: &Server) -> Result<[f64; 2]> {
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..plan.rounds {
        for (how, figures) in [How::Ours, How::Hset].into_iter().zip(&mut figures) {
            figures.push(pipelined(plan, server, how)?);
        }
    }
    Ok(figures.map(median))
}

fn concurrent(plan: &Plan, server: &Server, how: How, clients: usize) -> Result<f64> {
    server.client().call("FLUSHALL")?;
    let each = plan.puts / clients;
    let connected: Vec<Client> = (0..clients).map(|_| server.client()).collect();
    let started = Instant::now();
    let ended: Vec<Result<()>> = thread::scope(|scope| {
        let running: Vec<_> = connected
            .into_iter()
            .enumerate()
            .map(|(number, mut client)| {
                scope.spawn(move || (0..each).try_for_each(|at| put(&mut client, how, number + at * clients)))
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(Ok(()))).collect()
    });
    ended.into_iter().collect::<Result<()>>()?;
    Ok((each * clients) as f64 / started.elapsed().as_secs_f64() / 1000.0)
}

fn put(client: &mut Client, how: How, number: usize) -> Result<()> {
    match how {
        How::Ours | How::Hset => client.call(single(how, number)).map(|_| ()),
        How::Loop => {
            while !attempt(client, number % IDS)? {}
            Ok(())
        }
    }
}

fn single(how: How, number: usize) -> Command {
    let id = format!("id:{}", number % IDS);
    match how {
        How::Ours => cmd!("RECORD.PUT", "bench", "SET", "type", id, DATA),
        How::Hset | How::Loop => cmd!("HSET", "hash", id, DATA),
    }
}

/// One turn of the loop; false if somebody else was faster.
fn attempt(client: &mut Client, id: usize) -> Result<bool> {
    let asked = client.pipeline(&[cmd!("WATCH", "version"), cmd!("GET", "version")])?;
    let version =
        asked.last().and_then(Value::as_text).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) + 1;
    let answers = client.pipeline(&[
        cmd!("MULTI"),
        cmd!("SET", "version", version),
        cmd!("HSET", "records", format!("id:{id}"), DATA),
        cmd!("ZADD", "changes", version, format!("{version}:id:{id}")),
        cmd!("PUBLISH", "versions", version),
        cmd!("EXEC"),
    ])?;
    Ok(answers.last().is_some_and(|answer| answer.as_array().is_some()))
}

fn pipelined(plan: &Plan, server: &Server, how: How) -> Result<f64> {
    let mut client = server.client();
    client.call("FLUSHALL")?;
    let commands: Vec<Command> = (0..plan.puts * 5).map(|number| single(how, number)).collect();
    let started = Instant::now();
    for part in commands.chunks(PIPELINE) {
        client.pipeline(part)?;
    }
    Ok(commands.len() as f64 / started.elapsed().as_secs_f64() / 1000.0)
}
