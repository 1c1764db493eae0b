//! Prints a source's snapshot, then each command as it happens, for ever.
//!
//! ```text
//! cargo run -p redis-replica --example tail -- 127.0.0.1 6379 [[USER] PASSWORD]
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use redis_replica::transport::{Driver, DriverConfig, Endpoint, LinkError, Observer, ObserverError};
use redis_replica::{Command, Credentials, Place, Position, ReplId, rdb};

/// Writes one line for each thing that happens.
struct Tail<W> {
    out: W,
}

impl<W: Write> Observer for Tail<W> {
    fn connected(&mut self, peer: SocketAddr) {
        eprintln!("connected to {peer}");
    }

    fn replication_start(&mut self, replid: Option<ReplId>, offset: u64) -> Result<(), ObserverError> {
        let replid = replid.map_or_else(|| String::from("a source without ids"), |id| id.to_string());
        writeln!(self.out, "# snapshot of {replid} at {offset}")?;
        Ok(())
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        match item {
            rdb::Item::Entry(entry) => writeln!(self.out, "[{}] {}", entry.db, entry.key.escape_ascii())?,
            rdb::Item::Rejected(rejected) => writeln!(self.out, "# left out: {rejected:?}")?,
            _ => {}
        }
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), ObserverError> {
        writeln!(self.out, "# live")?;
        self.out.flush()?;
        Ok(())
    }

    fn resumed(&mut self, position: Position) -> Result<(), ObserverError> {
        eprintln!("resumed at {}", position.offset);
        Ok(())
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        let indent = if command.place == Place::InTransaction { "  " } else { "" };
        write!(self.out, "{indent}[{}] {}", command.db, command.end_offset)?;
        for arg in command.view.args() {
            write!(self.out, " {}", arg.escape_ascii())?;
        }
        writeln!(self.out)?;
        self.out.flush()?;
        Ok(())
    }

    fn closed(&mut self, reason: &LinkError, retry_in: Option<Duration>) {
        match retry_in {
            Some(delay) => eprintln!("{reason}; again in {:.1} s", delay.as_secs_f32()),
            None => eprintln!("{reason}"),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (endpoint, login) = match args.as_slice() {
        [host, port, login @ ..] if login.len() <= 2 => (Endpoint::new(host, port.parse()?), login),
        _ => return Err("usage: tail HOST PORT [[USER] PASSWORD]".into()),
    };
    let mut config = DriverConfig::new(endpoint);
    config.connection.credentials = match login {
        [] => None,
        [password] => Some(Credentials::password(password.as_str())),
        [user, password, ..] => Some(Credentials::user(user, password.as_str())),
    };
    Driver::new(config).run(&mut Tail { out: io::BufWriter::new(io::stdout()) })?;
    Ok(())
}
