//! What a connection holds of its user's doings, and a move must not lose.

use crate::resp::Value;

/// The selected db, and whether there is state that can't be taken along.
#[derive(Debug, Default)]
pub(super) struct Session {
    db: Option<Vec<u8>>,
    /// Keys are watched, or a transaction is open: on another connection EXEC would run what should be aborted.
    in_transaction: bool,
    /// A SELECT was queued: which db it left is not known.
    is_db_unknown: bool,
}

impl Session {
    /// Notes a command that was answered.
    pub(super) fn note(&mut self, args: &[&[u8]], reply: &Value) {
        let Some((name, rest)) = args.split_first() else { return };
        match name.to_ascii_uppercase().as_slice() {
            b"WATCH" | b"MULTI" => self.in_transaction |= reply.as_error().is_none(),
            b"EXEC" | b"DISCARD" | b"UNWATCH" => self.in_transaction = false,
            b"SELECT" => self.note_select(rest, reply),
            _ => {}
        }
    }

    fn note_select(&mut self, args: &[&[u8]], reply: &Value) {
        match (args, reply.as_bytes()) {
            ([db], Some(b"OK")) => self.db = Some(db.to_vec()),
            (_, Some(b"QUEUED")) => self.is_db_unknown = true,
            _ => {}
        }
    }

    /// The db to select on another connection.
    pub(super) fn db(&self) -> Option<&[u8]> {
        self.db.as_deref()
    }

    pub(super) fn can_move(&self) -> bool {
        !self.in_transaction && !self.is_db_unknown
    }
}

/// Commands that have not one reply each or change what replies look like, and what to do instead.
const NO_CALLS: [(&str, &str); 9] = [
    ("SUBSCRIBE", "use subscribe"),
    ("PSUBSCRIBE", "use subscribe"),
    ("SSUBSCRIBE", "use subscribe"),
    ("UNSUBSCRIBE", "use unsubscribe"),
    ("PUNSUBSCRIBE", "use unsubscribe"),
    ("SUNSUBSCRIBE", "use unsubscribe"),
    ("HELLO", "configure protocol and credentials"),
    ("RESET", "connect anew"),
    ("MONITOR", "it needs a connection of its own"),
];

/// Why `args` can't be sent as a command with one reply.
pub(super) fn no_call(args: &[&[u8]]) -> Option<(&'static str, &'static str)> {
    let name = args.first()?;
    NO_CALLS.into_iter().find(|(command, _)| name.eq_ignore_ascii_case(command.as_bytes()))
}
