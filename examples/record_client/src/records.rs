//! One method for each thing a store does.

use std::time::Duration;

use redis::{Cmd, Connection, Value, cmd};

use crate::record::{self, Cursor, Page, Put, Record, field, take};
use crate::{Error, Options, Watcher, options};

/// A store and a connection to its server. The connection is made anew for the next command after it broke; the command that
/// met the break is not repeated, because nobody knows whether it was carried out.
pub struct Records {
    options: Options,
    connection: Option<Connection>,
}

/// What a type is told to keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypeOptions {
    /// The most records; those that were changed longest ago go first.
    pub capacity: Option<u64>,
    /// How long a record lives that is put without a time of its own.
    pub ttl: Option<Duration>,
}

impl Records {
    /// Connects, and sets for how long changes are kept if the options say so.
    ///
    /// # Errors
    /// The server can't be reached, has no RECORD.*, or refuses.
    pub fn open(options: Options) -> Result<Records, Error> {
        let mut records = Records { options, connection: None };
        let mut set = records.command("RECORD.SETOPTIONS");
        match records.options.expiry {
            Some(expiry) => records.run(set.arg("*").arg("RETAIN").arg(millis(expiry)))?,
            None => records.run(&records.command("RECORD.VERSIONS"))?,
        };
        Ok(records)
    }

    /// Makes changes, all or none; answers the cursor behind them.
    ///
    /// # Errors
    /// `RECVERSION` of the server if a record has another version than asked for.
    pub fn put(&mut self, changes: &[Put<'_>]) -> Result<Cursor, Error> {
        let mut put = self.command("RECORD.PUT");
        for change in changes {
            match change.data {
                Some(data) => put.arg("SET").arg(change.type_name).arg(change.id).arg(data),
                None => put.arg("DEL").arg(change.type_name).arg(change.id),
            };
            if let Some(version) = change.version {
                put.arg("VER").arg(version);
            }
        }
        record::cursor(&self.run(&put)?)
    }

    /// A record, if there is one.
    ///
    /// # Errors
    /// Those of the link.
    pub fn get(&mut self, type_name: &str, id: &str) -> Result<Option<Record>, Error> {
        let get = self.command("RECORD.GET").arg(type_name).arg(id).clone();
        match self.run(&get)? {
            Value::Nil => Ok(None),
            reply => record::record(&reply).map(Some),
        }
    }

    /// What a type is told to keep.
    ///
    /// # Errors
    /// Those of the link.
    pub fn options(&mut self, type_name: &str) -> Result<TypeOptions, Error> {
        let get = self.command("RECORD.GETOPTIONS").arg(type_name).clone();
        let reply = self.run(&get)?;
        let number = |name| field(&reply, name).map(|value| take(Some(value), "a number")).transpose();
        Ok(TypeOptions { capacity: number("capacity")?, ttl: number("ttl")?.map(Duration::from_millis) })
    }

    /// Tells a type what to keep; what is over its capacity goes at once.
    ///
    /// # Errors
    /// `RECLIMIT` of the server if a number is out of its range.
    pub fn set_options(&mut self, type_name: &str, options: TypeOptions) -> Result<(), Error> {
        let mut set = self.command("RECORD.SETOPTIONS");
        set.arg(type_name).arg("CAPACITY").arg(or_none(options.capacity));
        set.arg("TTL").arg(or_none(options.ttl.map(millis)));
        self.run(&set).map(|_| ())
    }

    /// Takes or prolongs a lease for an id, if nobody else has it; with no time it is given back. Says whether that was
    /// done. A holder that may be slow needs more than this: the token of `RECORD.LEASE .. ACQUIRE`, and `FENCE` with each put.
    ///
    /// # Errors
    /// Those of the link.
    pub fn lease(&mut self, name: &str, id: &str, ttl: Duration) -> Result<bool, Error> {
        let lease = self.command("RECORD.LEASE").arg(name).arg("TRY").arg(id).arg(millis(ttl)).clone();
        match self.run(&lease)? {
            Value::Okay => Ok(true),
            Value::Array(parts) => take::<i64>(parts.first(), "a lease").map(|got| got == 1),
            _ => Err(Error::Reply("a lease")),
        }
    }

    /// What changed after a cursor, of these types or of all. With nothing to tell, the server waits for so long.
    ///
    /// # Errors
    /// See [`Error::needs_state`].
    pub fn sync(&mut self, after: &Cursor, types: &[&str], wait: Duration) -> Result<Page, Error> {
        let mut sync = self.command("RECORD.SYNC");
        sync.arg(&after.epoch).arg(after.version);
        with_types(&mut sync, types);
        if !wait.is_zero() {
            sync.arg("BLOCK").arg(millis(wait));
        }
        let connection = self.connection(wait)?;
        options::wait_for(connection, wait)?;
        let page = self.run(&sync).and_then(|reply| record::page(&reply));
        if let Some(connection) = &self.connection {
            options::wait_for(connection, Duration::ZERO)?;
        }
        page
    }

    /// Everything there is, of these types or of all, and the cursor to follow from.
    ///
    /// # Errors
    /// Those of the link.
    pub fn sync_latest(&mut self, types: &[&str]) -> Result<(Vec<Record>, Cursor), Error> {
        let (mut all, mut from) = (Vec::new(), "0".to_owned());
        loop {
            let mut list = self.command("RECORD.SYNCLATEST");
            with_types(&mut list, types);
            let reply = match self.run(list.arg("CURSOR").arg(&from)) {
                // The list grew older than the log while it was read.
                Err(error) if error.needs_state() => {
                    (all, from) = (Vec::new(), "0".to_owned());
                    continue;
                }
                reply => reply?,
            };
            all.extend(record::records(field(&reply, "records"))?);
            from = take(field(&reply, "cursor"), "a cursor")?;
            if from == "0" {
                return Ok((all, record::cursor(&reply)?));
            }
        }
    }

    /// A reader of these types, or of all, on a connection of its own.
    pub fn watch(&self, types: &[&str]) -> Watcher {
        let records = Records { options: self.options.clone(), connection: None };
        Watcher::new(records, types.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Ends the connection. So does dropping it.
    pub fn close(self) {}

    fn command(&self, name: &str) -> Cmd {
        cmd(name).arg(&self.options.key).clone()
    }

    fn connection(&mut self, wait: Duration) -> Result<&mut Connection, Error> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.options.connect(wait)?)),
        }
    }

    fn run(&mut self, command: &Cmd) -> Result<Value, Error> {
        let reply = command.query(self.connection(Duration::ZERO)?).map_err(Error::from);
        if reply.as_ref().is_err_and(Error::is_link) {
            self.connection = None;
        }
        reply
    }
}

/// Milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn or_none(number: Option<u64>) -> String {
    number.map_or_else(|| "NONE".to_owned(), |number| number.to_string())
}

fn with_types(command: &mut Cmd, types: &[&str]) {
    for name in types {
        command.arg("TYPE").arg(name);
    }
}
