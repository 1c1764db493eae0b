//! Prints a source's snapshot as commands, then each command as it happens, for ever.
//!
//! ```text
//! cargo run -p redis-replica --example tail -- redis://127.0.0.1:6379
//! ```

mod common;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use redis_replica::callback::{Batch, Handler, HandlerError, LeftOut};
use redis_replica::transport::Prepared;
use redis_replica::{Place, Position, ReplId};

const USAGE: &str = "usage: tail redis[s]://[[user]:password@]host[:port]

Prints `[db] offset command ..` for each command: first those that rebuild the source's data, then those that
happen there. Commands of a transaction are indented. Goes on where it was after every break.";

/// Writes one line for each command.
struct Tail<W> {
    out: W,
}

impl<W: Write + Send> Handler for Tail<W> {
    fn replication_start(&mut self, replid: Option<ReplId>, offset: u64) -> Result<(), HandlerError> {
        let replid = replid.map_or_else(|| String::from("a source without ids"), |id| id.to_string());
        writeln!(self.out, "# snapshot of {replid} at {offset}")?;
        Ok(())
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        for command in batch.iter() {
            let indent = if command.whereabouts().place == Place::InTransaction { "  " } else { "" };
            writeln!(self.out, "{indent}{command:?}")?;
        }
        self.out.flush()?;
        Ok(())
    }

    fn left_out(&mut self, db: u32, key: &[u8], what: LeftOut) -> Result<(), HandlerError> {
        writeln!(self.out, "# left out: [{db}] {}: {what:?}", key.escape_ascii())?;
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), HandlerError> {
        writeln!(self.out, "# live")?;
        self.out.flush()?;
        Ok(())
    }

    fn resumed(&mut self, position: Position) -> Result<(), HandlerError> {
        eprintln!("resumed at {}", position.offset);
        Ok(())
    }

    fn closed(&mut self, reason: &(dyn Error + 'static), retry_in: Option<Duration>) {
        common::closed(reason, retry_in);
    }
}

fn main() -> ExitCode {
    common::run("tail", USAGE, common::More::None, |url, _| {
        let tail = Tail { out: io::BufWriter::new(io::stdout()) };
        let (_, result) = Prepared::new(common::options(url)?, tail).run();
        Ok(result?)
    })
}
