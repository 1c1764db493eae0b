//! What managed services announce. No server of `redis/redis` or `valkey-io/valkey` sends these; the forms are those
//! that the clients of Redis Ltd. read (go-redis `maintnotifications`, redis-py `maint_notifications`).

use std::time::Duration;

use crate::resp::Value;

use super::form::{Elements, FormError};

/// The port of an address without one.
const DEFAULT_PORT: u16 = 6379;

/// A change that a managed service announces. Each has a sequence number: several connections are told the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Maintenance<'a> {
    /// `>4 MOVING seq seconds host:port`: this connection ends after that time.
    Moving {
        /// The announcement's number.
        sequence: i64,
        /// How long the connection still lives.
        within: Duration,
        /// Where to connect instead; None (null, empty or left out) means the address that was configured.
        to: Option<Address<'a>>,
    },
    /// `>3 MIGRATING seq seconds ..`: a shard begins to move; replies may be late.
    Migrating {
        /// The announcement's number.
        sequence: i64,
        /// When it begins, if it is said.
        within: Option<Duration>,
    },
    /// `>2 MIGRATED seq ..`: a shard has moved.
    Migrated {
        /// The announcement's number.
        sequence: i64,
    },
    /// `>3 FAILING_OVER seq seconds ..`: a failover begins; replies may be late.
    FailingOver {
        /// The announcement's number.
        sequence: i64,
        /// When it begins, if it is said.
        within: Option<Duration>,
    },
    /// `>2 FAILED_OVER seq ..`: the failover is done.
    FailedOver {
        /// The announcement's number.
        sequence: i64,
    },
    /// `>3 SMIGRATING seq slots ..`: slots of a cluster begin to move.
    SlotsMigrating {
        /// The announcement's number.
        sequence: i64,
        /// Slots and ranges, such as `123,789-1000`.
        slots: Vec<&'a str>,
    },
    /// `>3 SMIGRATED seq [[source, destination, slots], ..]`: slots have moved.
    SlotsMigrated {
        /// The announcement's number.
        sequence: i64,
        /// What moved.
        migrations: Vec<Migration<'a>>,
    },
}

/// A host and port, as `MOVING` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// A name, or an address without brackets.
    pub host: &'a str,
    /// The port; 6379 if none is named.
    pub port: u16,
}

/// Slots that moved from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration<'a> {
    /// The node they left, `host:port`.
    pub source: &'a str,
    /// The node they are at, `host:port`.
    pub destination: &'a str,
    /// Slots and ranges, such as `123,789-1000`.
    pub slots: &'a str,
}

/// None if the name is none of these.
pub(super) fn read<'a>(name: &[u8], items: &'a [Value]) -> Option<Result<Maintenance<'a>, FormError>> {
    let of = |form| Elements { form, items };
    Some(match name {
        b"MOVING" => moving(of("MOVING")),
        b"MIGRATING" => {
            begins(of("MIGRATING")).map(|(sequence, within)| Maintenance::Migrating { sequence, within })
        }
        b"MIGRATED" => of("MIGRATED").integer(1).map(|sequence| Maintenance::Migrated { sequence }),
        b"FAILING_OVER" => {
            begins(of("FAILING_OVER")).map(|(sequence, within)| Maintenance::FailingOver { sequence, within })
        }
        b"FAILED_OVER" => of("FAILED_OVER").integer(1).map(|sequence| Maintenance::FailedOver { sequence }),
        b"SMIGRATING" => slots_migrating(of("SMIGRATING")),
        b"SMIGRATED" => slots_migrated(of("SMIGRATED")),
        _ => return None,
    })
}

fn moving(of: Elements<'_>) -> Result<Maintenance<'_>, FormError> {
    let (sequence, within) = (of.integer(1)?, seconds(of, 2)?);
    let to = match of.items.get(3) {
        None | Some(Value::Null) => None,
        Some(_) => address(of.text(3)?).map_err(|()| of.wrong(3))?,
    };
    Ok(Maintenance::Moving { sequence, within, to })
}

fn begins(of: Elements<'_>) -> Result<(i64, Option<Duration>), FormError> {
    let within = if of.items.len() > 2 { Some(seconds(of, 2)?) } else { None };
    Ok((of.integer(1)?, within))
}

fn slots_migrating(of: Elements<'_>) -> Result<Maintenance<'_>, FormError> {
    let sequence = of.integer(1)?;
    let slots = (2..of.items.len().max(3)).map(|element| of.text(element)).collect::<Result<_, _>>()?;
    Ok(Maintenance::SlotsMigrating { sequence, slots })
}

fn slots_migrated(of: Elements<'_>) -> Result<Maintenance<'_>, FormError> {
    let sequence = of.integer(1)?;
    let Value::Array(triplets) = of.value(2)? else { return Err(of.wrong(2)) };
    let migrations: Option<Vec<_>> = triplets.iter().map(migration).collect();
    match migrations {
        Some(migrations) if !migrations.is_empty() => Ok(Maintenance::SlotsMigrated { sequence, migrations }),
        _ => Err(of.wrong(2)),
    }
}

fn migration(triplet: &Value) -> Option<Migration<'_>> {
    match triplet.as_slice()? {
        [source, destination, slots] => {
            Some(Migration { source: utf8(source)?, destination: utf8(destination)?, slots: utf8(slots)? })
        }
        _ => None,
    }
}

fn utf8(value: &Value) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()?).ok()
}

fn seconds(of: Elements<'_>, element: usize) -> Result<Duration, FormError> {
    let seconds = u64::try_from(of.integer(element)?).map_err(|_| of.wrong(element))?;
    Ok(Duration::from_secs(seconds))
}

/// `host:port`, `[address]:port`, or a host alone; an empty text names none.
fn address(text: &str) -> Result<Option<Address<'_>>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(())?)),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| ()))?;
    if host.is_empty() { Err(()) } else { Ok(Some(Address { host, port })) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        let read = |text| address(text).map(|address| address.map(|address| (address.host, address.port)));
        assert_eq!(read("a.example:7000"), Ok(Some(("a.example", 7000))));
        assert_eq!(read("a.example"), Ok(Some(("a.example", 6379))));
        assert_eq!(read("[::1]:7000"), Ok(Some(("::1", 7000))));
        assert_eq!(read("[::1]"), Ok(Some(("::1", 6379))));
        assert_eq!(read(""), Ok(None));
        for wrong in [":7000", "a:", "a:70000", "a:x", "[::1]7000", "[]:1"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }
}
