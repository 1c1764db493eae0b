//! Planned work on its way to the server: operations over one buffer of argument bytes.
//!
//! ```text
//! bytes  | k 1 | v a l u e | k 2 | f | v |          one buffer, filled front to back
//! args   [ span ][ span     ][ span][s ][ s ]        (start, length) of each argument
//! ops    [ SetString 0..2   ][ HashSet 2..5 ]        ranges of args
//! ```
//!
//! A batch holds whole units: what the source did in one step (a command, a MULTI group) is never split over two.

use std::sync::Arc;

use crate::args::{Args, db_number, integer, is_word};
use crate::command::{Access, Command, KeyArgs, KeyArgsIter, Rule, row, sort_reads_patterns};
use crate::origins::Origin;

/// Where one argument lies in the batch's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    len: u32,
}

/// The batch's buffer would pass 4 GiB, the most its spans can address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch of more than 4 GiB: apply what is planned before planning more")]
pub struct BatchFull;

/// What an operation does. "Args" are those that [`Batch::args`] answers; keys among them are local names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKind {
    /// Call [`Op::command`] with the args, which don't repeat its name.
    Call,
    /// Args `[key, value]`: the key becomes this string, without expiry unless one is given.
    SetString {
        /// Unix time in milliseconds.
        expire_at_ms: Option<u64>,
    },
    /// Args `[key, field, value, ..]`: set these fields.
    HashSet,
    /// Snapshot: args `[key, value]`, the key becomes this string.
    LoadString {
        /// Unix time in milliseconds.
        expire_at_ms: Option<u64>,
    },
    /// Snapshot or RESTORE: args `[key, payload]`, the key becomes what the validated DUMP payload holds.
    LoadRestore {
        /// Unix time in milliseconds.
        expire_at_ms: Option<u64>,
    },
    /// Args `[key, commit]`: what the source has decided on the record store in the key.
    RecordCommit,
    /// Delete every key of the mirror's scope in the op's db.
    FlushDb,
    /// Delete every key of the mirror's scope.
    FlushAll,
    /// Exchange two whole local dbs.
    SwapDb {
        /// The one.
        a: u32,
        /// The other.
        b: u32,
    },
    /// Args are keys whose new values can't be computed here: fetch them from the source.
    Repair,
    /// The stream can't be followed any further: start over with a full resync.
    Resync(ResyncReason),
    /// Nothing to apply: only the offset moves.
    Position,
}

/// Why following the stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ResyncReason {
    /// The source exchanged two dbs of which this mirror holds a part only.
    #[error("the source swapped dbs that this mirror holds in part")]
    PartialSwapDb,
    /// The source removed keys by slot.
    #[error("the source removed keys by slot without naming them")]
    SlotRemoval,
    /// The keys under repair grew past their limit.
    #[error("too many keys had to be fetched again")]
    RepairOverflow,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// What to do.
    pub kind: OpKind,
    /// The command it stems from or calls; none for snapshot values, positions and the like.
    pub command: Option<&'static Command>,
    /// The local db it works in.
    pub db: u32,
    /// The db selected at the source after it: it belongs to the checkpoint.
    pub source_db: u32,
    /// The source's offset after it.
    pub offset: u64,
    /// Whether a checkpoint may follow: the unit it belongs to ends here.
    pub boundary: bool,
    first: u32,
    count: u32,
}

/// One use of a key by an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// Which of the op's args is the key.
    pub arg: usize,
    /// The local db the key is in: not the op's for the destination of MOVE and COPY DB.
    pub db: u32,
    /// What happens to it.
    pub access: Access,
}

/// Whole units of planned work. Reused: [`Batch::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    args: Vec<Span>,
    ops: Vec<Op>,
    origins: Arc<[Origin]>,
    open_unit: bool,
}

/// A place in a batch to go back to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    bytes: usize,
    args: usize,
    ops: usize,
}

/// What all operations of a planned command share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub db: u32,
    pub source_db: u32,
    pub offset: u64,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// The operations, in the source's order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The arguments of one of this batch's operations.
    #[inline]
    pub fn args<'a>(&'a self, op: &Op) -> OpArgs<'a> {
        let range = op.first as usize..(op.first + op.count) as usize;
        OpArgs { bytes: &self.bytes, spans: self.args.get(range).unwrap_or_default() }
    }

    /// The keys that an operation uses.
    pub fn keys<'a>(&'a self, op: &Op) -> KeyUses<'a> {
        KeyUses::new(op, self.args(op))
    }

    /// The servers that these units have passed through, the source last.
    pub fn origins(&self) -> &Arc<[Origin]> {
        &self.origins
    }

    /// The bytes of an operation's arguments together.
    #[inline]
    pub fn op_bytes(&self, op: &Op) -> usize {
        let range = op.first as usize..(op.first + op.count) as usize;
        let spans = self.args.get(range).unwrap_or_default();
        match (spans.first(), spans.last()) {
            (Some(first), Some(last)) => (last.start + last.len - first.start) as usize,
            _ => 0,
        }
    }

    /// Whether an operation reads keys that none of its args names: SORT with BY or GET patterns. They may be any.
    pub fn reads_unnamed_keys(&self, op: &Op) -> bool {
        op.kind == OpKind::Call
            && op.command.is_some_and(|command| command.rule == Rule::Sort)
            && sort_reads_patterns(&self.args(op))
    }

    /// The Unix time in milliseconds at which an operation makes its first key expire, if it names one.
    #[inline]
    pub fn expire_at_ms(&self, op: &Op) -> Option<u64> {
        match op.kind {
            OpKind::SetString { expire_at_ms }
            | OpKind::LoadString { expire_at_ms }
            | OpKind::LoadRestore { expire_at_ms } => expire_at_ms,
            OpKind::Call => called_expiry(op.command?.rule, &self.args(op)),
            _ => None,
        }
    }

    /// The Unix time in milliseconds at which the entries that an operation claims were delivered, if it claims any.
    /// A server takes no time that its own clock has not reached (`xclaimCommand`, t_stream.c).
    #[inline]
    pub fn delivered_at_ms(&self, op: &Op) -> Option<u64> {
        match op.command {
            Some(command) if command.rule == Rule::StreamClaim && op.kind == OpKind::Call => {
                claimed_time(&self.args(op))
            }
            _ => None,
        }
    }

    /// Whether an operation names fields of a hash that must be there for it to have its effect: it gives them an
    /// expiry, or takes it away.
    #[inline]
    pub fn expects_fields(&self, op: &Op) -> bool {
        op.kind == OpKind::Call
            && op.command.is_some_and(|command| {
                matches!(command.rule, Rule::FieldExpire(..) | Rule::FieldPersist | Rule::HGetEx)
            })
    }

    /// Whether fields of a hash may expire after an operation that did not before.
    #[inline]
    pub fn brings_field_expiry(&self, op: &Op) -> bool {
        match op.kind {
            OpKind::LoadRestore { .. } => self
                .args(op)
                .get(1)
                .and_then(<[u8]>::first)
                .is_some_and(|kind| FIELD_EXPIRY_TYPES.contains(kind)),
            OpKind::Call => op.command.is_some_and(|command| {
                matches!(command.rule, Rule::FieldExpire(..) | Rule::HGetEx | Rule::HSetEx)
            }),
            _ => false,
        }
    }

    /// Whether an operation puts a string together that it does not name in whole.
    #[inline]
    pub fn builds_string(&self, op: &Op) -> bool {
        const BUILDERS: [&str; 14] = [
            "append", "bitfield", "bitop", "getset", "mset", "msetex", "msetnx", "psetex", "set", "setbit",
            "setex", "setnx", "setrange", "getex",
        ];
        op.kind == OpKind::Call && op.command.is_some_and(|command| BUILDERS.contains(&command.name()))
    }

    /// Whether an operation may take far more memory than its bytes tell.
    #[inline]
    pub fn takes_unseen_memory(&self, op: &Op) -> bool {
        const TAKERS: [&str; 5] = ["bitfield", "bitop", "copy", "setbit", "setrange"];
        op.kind == OpKind::Call && op.command.is_some_and(|command| TAKERS.contains(&command.name()))
    }

    /// The field whose value an operation adds to.
    #[inline]
    pub fn added_field(&self, op: &Op) -> Option<&[u8]> {
        let command = op.command.filter(|_| op.kind == OpKind::Call)?;
        let adds = std::ptr::eq(command, const { row("hincrby") })
            || std::ptr::eq(command, const { row("hincrbyfloat") });
        self.args(op).get(1).filter(|_| adds)
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Whether it may be sent off: no unit in it is still being filled.
    pub fn is_complete(&self) -> bool {
        !self.open_unit
    }

    /// Its memory's use: the measure for a queue bounded in bytes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + size_of_val(self.args.as_slice()) + size_of_val(self.ops.as_slice())
    }

    /// Empties it for reuse, keeping its memory.
    pub fn clear(&mut self) {
        self.rewind(Mark::default());
        self.origins = Arc::default();
        self.open_unit = false;
    }

    /// Gives back memory above `bytes_max` that one huge value has left behind.
    pub fn shrink(&mut self, bytes_max: usize) {
        self.bytes.shrink_to(bytes_max);
        self.args.shrink_to(bytes_max / size_of::<Span>());
        self.ops.shrink_to(bytes_max / size_of::<Op>());
    }

    pub(crate) fn set_origins(&mut self, origins: Arc<[Origin]>) {
        self.origins = origins;
    }

    pub(crate) fn set_open_unit(&mut self, open: bool) {
        self.open_unit = open;
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), args: self.args.len(), ops: self.ops.len() }
    }

    pub(crate) fn rewind(&mut self, to: Mark) {
        self.bytes.truncate(to.bytes);
        self.args.truncate(to.args);
        self.ops.truncate(to.ops);
    }

    pub(crate) fn ops_since(&self, mark: Mark) -> &[Op] {
        self.ops.get(mark.ops..).unwrap_or_default()
    }

    /// Takes operations out of what was planned since `mark`. The bytes of their arguments stay until the batch is
    /// cleared.
    pub(crate) fn retain_since(&mut self, mark: Mark, keep: impl Fn(&Op, KeyUses<'_>) -> bool) {
        let mut kept = mark.ops;
        for at in mark.ops..self.ops.len() {
            let op = self.ops[at];
            if keep(&op, self.keys(&op)) {
                self.ops[kept] = op;
                kept += 1;
            }
        }
        self.ops.truncate(kept);
        if kept == mark.ops {
            self.rewind(mark);
        }
    }

    /// What [`Batch::size_bytes`] counts of everything since `mark`.
    pub(crate) fn size_since(&self, mark: Mark) -> usize {
        self.bytes.len() - mark.bytes
            + (self.args.len() - mark.args) * size_of::<Span>()
            + (self.ops.len() - mark.ops) * size_of::<Op>()
    }

    /// Appends an argument made of two pieces to the op that [`Batch::push_op`] will close.
    #[inline]
    pub(crate) fn push_joined(&mut self, front: &[u8], back: &[u8]) -> Result<(), BatchFull> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(front);
        self.bytes.extend_from_slice(back);
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(self.bytes.len())) else {
            self.bytes.truncate(start);
            return Err(BatchFull);
        };
        self.args.push(Span { start, len: end - start });
        Ok(())
    }

    /// Appends an argument to the op that [`Batch::push_op`] will close.
    #[inline]
    pub(crate) fn push_arg(&mut self, arg: &[u8]) -> Result<(), BatchFull> {
        self.push_joined(b"", arg)
    }

    /// Appends an argument that `write` puts at the end of the buffer it is given; nothing if it fails.
    pub(crate) fn push_written<T, E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<Result<T, E>, BatchFull> {
        let start = self.bytes.len();
        let written = write(&mut self.bytes);
        match (&written, u32::try_from(start), u32::try_from(self.bytes.len())) {
            (Ok(_), Ok(start), Ok(end)) => self.args.push(Span { start, len: end - start }),
            (Ok(_), ..) => {
                self.bytes.truncate(start);
                return Err(BatchFull);
            }
            (Err(_), ..) => self.bytes.truncate(start),
        }
        Ok(written)
    }

    /// Appends a decimal number as an argument.
    pub(crate) fn push_number(&mut self, number: u64) -> Result<(), BatchFull> {
        self.push_arg(itoa::Buffer::new().format(number).as_bytes())
    }

    /// Closes an op: its args are those pushed since `mark`.
    #[inline]
    pub(crate) fn push_op(
        &mut self,
        mark: Mark,
        kind: OpKind,
        command: Option<&'static Command>,
        place: Place,
    ) {
        let (first, count) = (mark.args as u32, (self.args.len() - mark.args) as u32);
        let Place { db, source_db, offset } = place;
        self.ops.push(Op { kind, command, db, source_db, offset, boundary: false, first, count });
    }

    /// Ends the unit: its last op is where a checkpoint may follow, at this offset.
    #[inline]
    pub(crate) fn end_unit(&mut self, source_db: u32, offset: u64) {
        if let Some(last) = self.ops.last_mut() {
            last.boundary = true;
            last.offset = offset;
            last.source_db = source_db;
        }
    }

    /// Notes that the source is at `offset` and nothing is to be done: a new op, or the last one moved on.
    pub(crate) fn push_position(&mut self, place: Place) {
        match self.ops.last_mut() {
            Some(last) if last.kind == OpKind::Position => {
                (last.offset, last.source_db) = (place.offset, place.source_db);
            }
            _ => {
                self.push_op(self.mark(), OpKind::Position, None, place);
                self.end_unit(place.source_db, place.offset);
            }
        }
    }

    /// Moves everything since `mark` to the end of `to`.
    pub(crate) fn move_unit(&mut self, mark: Mark, to: &mut Batch) -> Result<(), BatchFull> {
        let start = to.mark();
        for op in self.ops_since(mark) {
            let from = to.mark();
            for arg in self.args(op) {
                to.push_arg(arg).inspect_err(|_| to.rewind(start))?;
            }
            to.ops.push(Op { first: from.args as u32, ..*op });
        }
        self.rewind(mark);
        Ok(())
    }
}

/// An operation's arguments.
#[derive(Debug, Clone)]
pub struct OpArgs<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> OpArgs<'a> {
    /// The argument at `index`, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| slice(self.bytes, *span))
    }
}

fn slice(bytes: &[u8], span: Span) -> &[u8] {
    bytes.get(span.start as usize..(span.start + span.len) as usize).unwrap_or_default()
}

impl<'a> Iterator for OpArgs<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.spans.split_first()?;
        self.spans = rest;
        Some(slice(self.bytes, *first))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.spans.len(), Some(self.spans.len()))
    }
}

impl ExactSizeIterator for OpArgs<'_> {}

impl Args for OpArgs<'_> {
    fn arg_count(&self) -> usize {
        self.spans.len()
    }

    fn arg(&self, index: usize) -> &[u8] {
        self.get(index).unwrap_or_default()
    }
}

/// The planner writes every expiry as PEXPIREAT, or as PXAT behind SET and GETEX.
fn called_expiry(rule: Rule, args: &OpArgs<'_>) -> Option<u64> {
    let at = match rule {
        Rule::Expire(..) => 1,
        Rule::Set | Rule::GetEx => (1..args.arg_count()).find(|at| is_word(args, *at, "PXAT"))? + 1,
        _ => return None,
    };
    // A time before 1970 is as past as any.
    integer(args.arg(at)).map(|time| u64::try_from(time).unwrap_or(0))
}

/// Type bytes of hashes with fields that expire: Valkey's, and Redis' two (rdb.h).
const FIELD_EXPIRY_TYPES: [u8; 3] = [22, 24, 25];

fn claimed_time(args: &OpArgs<'_>) -> Option<u64> {
    let at = (4..args.arg_count()).find(|at| is_word(args, *at, "TIME"))? + 1;
    integer(args.arg(at)).and_then(|time| u64::try_from(time).ok())
}

/// Goes through the keys an operation uses.
#[derive(Debug, Clone)]
pub struct KeyUses<'a> {
    args: OpArgs<'a>,
    keys: KeyArgsIter,
    db: u32,
    /// The db of written second uses: the destination of MOVE and COPY DB.
    destination: Destination,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    SameDb,
    /// COPY: keys behind the first are in this db.
    SecondKeyIn(u32),
    /// MOVE: after the key in its own db comes the same name in this one.
    FirstKeyAlsoIn(u32),
}

impl<'a> KeyUses<'a> {
    fn new(op: &Op, args: OpArgs<'a>) -> KeyUses<'a> {
        let all = args.arg_count();
        let keys = match op.kind {
            OpKind::Call => op.command.and_then(|command| command.keys(&args).ok()).unwrap_or(KeyArgs::NONE),
            OpKind::HashSet | OpKind::RecordCommit => KeyArgs::one(0, Access::Update),
            OpKind::SetString { .. } | OpKind::LoadString { .. } | OpKind::LoadRestore { .. } => {
                KeyArgs::one(0, Access::Overwrite)
            }
            OpKind::Repair => KeyArgs::run(0, all, 1, Access::Update),
            _ => KeyArgs::NONE,
        };
        let destination = match op.command.map(|command| command.rule) {
            Some(Rule::Move) if op.kind == OpKind::Call => {
                Destination::FirstKeyAlsoIn(db_number(args.arg(1)).unwrap_or(op.db))
            }
            Some(Rule::Copy) if op.kind == OpKind::Call => copy_destination(&args),
            _ => Destination::SameDb,
        };
        KeyUses { args, keys: keys.iter(), db: op.db, destination }
    }

    /// The key's name.
    pub fn name(&self, used: KeyUse) -> &'a [u8] {
        self.args.get(used.arg).unwrap_or_default()
    }
}

fn copy_destination(args: &OpArgs<'_>) -> Destination {
    let option = (2..args.arg_count()).find(|at| is_word(args, *at, "DB"));
    option.and_then(|at| db_number(args.arg(at + 1))).map_or(Destination::SameDb, Destination::SecondKeyIn)
}

impl Iterator for KeyUses<'_> {
    type Item = KeyUse;

    #[inline]
    fn next(&mut self) -> Option<KeyUse> {
        if let Some((arg, access)) = self.keys.next() {
            let db = match self.destination {
                Destination::SecondKeyIn(db) if arg > 0 => db,
                _ => self.db,
            };
            let access = if matches!(self.destination, Destination::FirstKeyAlsoIn(_)) {
                Access::Update
            } else {
                access
            };
            return Some(KeyUse { arg, db, access });
        }
        match std::mem::replace(&mut self.destination, Destination::SameDb) {
            Destination::FirstKeyAlsoIn(db) => Some(KeyUse { arg: 0, db, access: Access::Overwrite }),
            _ => None,
        }
    }
}
