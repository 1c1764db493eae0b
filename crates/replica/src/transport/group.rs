//! A transaction on its way: held until its EXEC, so that a break within it delivers nothing.

use crate::callback::Whereabouts;
use crate::connection::{Command, Place};
use crate::resp::{CommandParser, Limits, Parsed};

use super::observer::{Observer, ObserverError};

/// The commands of one transaction, as they came.
#[derive(Debug)]
pub(super) struct Group {
    bytes: Vec<u8>,
    members: Vec<Member>,
    /// Behind the MULTI.
    begin_offset: u64,
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
        Group {
            bytes: Vec::new(),
            members: Vec::new(),
            begin_offset: 0,
            limit,
            parser: CommandParser::new(limits),
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(64 << 10);
        self.members.clear();
        self.members.shrink_to(1 << 10);
    }

    /// A transaction begins, at the offset behind its MULTI.
    pub(super) fn begin(&mut self, offset: u64) {
        self.clear();
        self.begin_offset = offset;
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

    /// Tells `observer` the whole transaction, whose EXEC ends at `end_offset` with `db` selected, and forgets it.
    pub(super) fn tell(
        &mut self,
        end_offset: u64,
        db: u32,
        observer: &mut impl Observer,
    ) -> Result<(), ObserverError> {
        let first_db = self.members.first().map_or(db, |member| member.db);
        let begin = Whereabouts { db: first_db, offset: self.begin_offset, place: Place::InTransaction };
        observer.transaction_begin(begin)?;
        self.deliver(observer)?;
        observer.transaction_end(end_offset, db)?;
        self.clear();
        Ok(())
    }

    /// Hands all commands to `observer`, in order.
    fn deliver(&mut self, observer: &mut impl Observer) -> Result<(), ObserverError> {
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
