//! Shows the client against a server: `cargo run -p example_record_client -- redis://127.0.0.1:6379`.

use std::process::ExitCode;
use std::time::Duration;

use example_record_client::{Error, Options, Put, Record, Records, TypeOptions, Update};

const HELP: &str = "\
Shows RECORD.* through a client written in Rust.

usage: example_record_client URL [KEY] [--watch] [--expiry-ms N] [--ca FILE]

  URL            redis://[user:password@]host[:port][/db], or rediss:// for TLS
  KEY            the key of the store; `example:records` if it is left out
  --watch        prints what there is and what changes, until it is ended
  --expiry-ms N  for how long changes are kept
  --ca FILE      the authority that the server is verified by (PEM), in place of the system's

Without --watch it puts a few records, reads them back, takes a lease and follows its own changes.
The server has to have loaded the module (MODULE LIST: mirror).";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.is_empty() || words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match parse(&words).and_then(|(options, watch)| run(options, watch).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("example_record_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(words: &[String]) -> Result<(Options, bool), String> {
    let (mut places, mut watch, mut expiry_ms, mut authority) = (Vec::new(), false, None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--watch" => watch = true,
            "--expiry-ms" => expiry_ms = Some(value()?.parse().map_err(|_| "--expiry-ms needs a number")?),
            "--ca" => authority = Some(std::fs::read(value()?).map_err(|error| format!("--ca: {error}"))?),
            option if option.starts_with('-') => return Err(format!("{option} is no option: see --help")),
            place => places.push(place),
        }
    }
    let (url, key) = match places.as_slice() {
        [url] => (*url, "example:records"),
        [url, key] => (*url, *key),
        _ => return Err("one URL and at most one key: see --help".to_owned()),
    };
    let mut options = Options::new(url, key);
    if let Some(ms) = expiry_ms {
        options = options.with_expiry(Duration::from_millis(ms));
    }
    if authority.is_some() {
        options = options.with_tls(redis::TlsCertificates { client_tls: None, root_cert: authority });
    }
    Ok((options, watch))
}

fn run(options: Options, watch: bool) -> Result<(), Error> {
    let mut records = Records::open(options)?;
    if watch { follow(&records) } else { show(&mut records) }
}

fn follow(records: &Records) -> Result<(), Error> {
    let mut watcher = records.watch(&[]);
    loop {
        match watcher.next(Duration::from_secs(60))? {
            Update::State(all) => {
                println!("state: {} records", all.len());
                all.iter().for_each(print);
            }
            Update::Changes(some) => some.iter().for_each(print),
        }
    }
}

fn show(records: &mut Records) -> Result<(), Error> {
    let mut watcher = records.watch(&["user"]);
    let Update::State(all) = watcher.next(Duration::from_secs(5))? else {
        return Err(Error::Reply("a state"));
    };
    println!("{} users to begin with", all.len());

    let cursor =
        records.put(&[Put::set("user", "ada", b"countess"), Put::set("user", "alan", b"cryptanalyst")])?;
    println!("put two users: version {} of epoch {}", cursor.version, cursor.epoch);
    if let Some(ada) = records.get("user", "ada")? {
        print(&ada);
        let late = records.put(&[Put::set("user", "ada", b"engineer").if_version(ada.version - 1)]);
        println!(
            "put by somebody who read an older version: {}",
            late.map_or_else(|e| e.to_string(), |_| "done".into())
        );
        records.put(&[Put::set("user", "ada", b"programmer").if_version(ada.version)])?;
    }

    records.set_options("user", TypeOptions { capacity: Some(2), ttl: None })?;
    println!("options of users: {:?}", records.options("user")?);
    records.put(&[Put::set("user", "grace", b"admiral")])?;

    println!("lease for one: {}", records.lease("leader", "one", Duration::from_secs(5))?);
    println!("lease for two: {}", records.lease("leader", "two", Duration::from_secs(5))?);
    records.lease("leader", "one", Duration::ZERO)?;

    println!("what the watcher was told:");
    if let Update::Changes(some) = watcher.next(Duration::from_secs(5))? {
        some.iter().for_each(print);
    }
    Ok(())
}

fn print(record: &Record) {
    let Record { type_name, id, version, .. } = record;
    match (&record.data, &record.reason) {
        (Some(data), _) => println!("  {version}: {type_name}/{id} = {}", String::from_utf8_lossy(data)),
        (None, reason) => {
            println!("  {version}: {type_name}/{id} is gone ({})", reason.as_deref().unwrap_or("?"))
        }
    }
}
