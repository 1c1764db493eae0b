//! A transaction on its way: held until its EXEC, so that a break within it delivers nothing.

use crate::connection::{Command, Place};
use crate::resp::{CommandParser, Limits, Parsed};

use super::observer::{Observer, ObserverError};

/// The commands of one transaction, as they came.
#[derive(Debug)]
pub(super) struct Group {
    bytes: Vec<u8>,
    members: Vec<Member>,
    limit: usize,
    parser: CommandParser,
}

#[derive(Debug)]
struct Member {
    db: u32,
    end_offset: u64,
    len: usize,
}

/// A transaction is larger than allowed.
#[derive(Debug)]
pub(super) struct TooLarge;

impl Group {
    pub(super) fn new(limit: usize, limits: Limits) -> Self {
        Group { bytes: Vec::new(), members: Vec::new(), limit, parser: CommandParser::new(limits) }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(64 << 10);
        self.members.clear();
        self.members.shrink_to(1 << 10);
    }

    pub(super) fn push(&mut self, command: &Command<'_>) -> Result<(), TooLarge> {
        let raw = command.view.raw();
        let held = self.bytes.len() + self.members.len() * size_of::<Member>();
        if held + raw.len() > self.limit {
            return Err(TooLarge);
        }
        self.bytes.extend_from_slice(raw);
        self.members.push(Member { db: command.db, end_offset: command.end_offset, len: raw.len() });
        Ok(())
    }

    /// Hands all commands to `observer`, in order.
    pub(super) fn deliver(&mut self, observer: &mut impl Observer) -> Result<(), ObserverError> {
        let mut rest = self.bytes.as_slice();
        for member in &self.members {
            let (raw, after) = rest.split_at(member.len);
            rest = after;
            // These bytes were parsed before by the same rules.
            if !matches!(self.parser.parse(raw)?, Parsed::Command(_)) {
                return Err("a transaction changed while it was held".into());
            }
            let (db, end_offset) = (member.db, member.end_offset);
            let view = self.parser.view(raw);
            observer.command(Command { db, view, end_offset, place: Place::InTransaction })?;
        }
        Ok(())
    }
}
