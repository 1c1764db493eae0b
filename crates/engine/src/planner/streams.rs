//! Streams: words that only newer servers know.

use super::Loss;
use super::step::{Outcome, Planned, Step};
use crate::args::{Args, is_word};
use crate::batch::OpKind;
use crate::command::{KeyArgs, row};

/// What an optional word before an entry's id means here.
enum Word {
    /// Write it and this many arguments in all.
    Keep(usize),
    /// Leave this many arguments out.
    Drop(usize),
    /// Leave them out, and with them the stream's idempotency state.
    DropIdempotency(usize),
    /// This server can't do that.
    Refetch,
    /// No option: the id, or the end.
    End,
}

impl<A: Args + ?Sized> Step<'_, A> {
    /// `XADD key [options] id field value ..`, `XTRIM key strategy threshold [options]`.
    pub(super) fn stream_trim(&mut self, keys: KeyArgs) -> Outcome {
        self.put_key(0)?;
        let mut at = 1;
        loop {
            match self.stream_word(at) {
                Word::Keep(count) => {
                    (at..(at + count).min(self.args.arg_count())).try_for_each(|at| self.put(at))?;
                    at += count;
                }
                Word::Drop(count) => at += count,
                Word::DropIdempotency(count) => {
                    self.lose(Loss::StreamIdempotency)?;
                    at += count;
                }
                Word::Refetch => return self.refetch(keys),
                Word::End => break,
            }
        }
        // An id that the source left open can't be the same here: it always sends the one it chose.
        if self.args.arg(at).ends_with(b"*") {
            return self.refetch(keys);
        }
        (at..self.args.arg_count()).try_for_each(|at| self.put(at))?;
        self.emit(OpKind::Call, Some(self.command))
    }

    fn stream_word(&self, at: usize) -> Word {
        match self.args.arg(at).to_ascii_uppercase().as_slice() {
            b"NOMKSTREAM" => Word::Keep(1),
            b"MAXLEN" | b"MINID" if self.args.arg(at + 1) == b"=" || self.args.arg(at + 1) == b"~" => {
                Word::Keep(3)
            }
            b"MAXLEN" | b"MINID" | b"LIMIT" => Word::Keep(2),
            b"KEEPREF" | b"DELREF" | b"ACKED" if self.local.has_stream_references() => Word::Keep(1),
            b"KEEPREF" => Word::Drop(1),
            b"DELREF" | b"ACKED" => Word::Refetch,
            b"IDMP" if self.local.has_stream_idempotency() => Word::Keep(3),
            b"IDMPAUTO" if self.local.has_stream_idempotency() => Word::Keep(2),
            b"IDMP" => Word::DropIdempotency(3),
            b"IDMPAUTO" => Word::DropIdempotency(2),
            _ => Word::End,
        }
    }

    /// `XCLAIM key group consumer min-idle id TIME ms RETRYCOUNT n ..`, which is also how XREADGROUP and XAUTOCLAIM are
    /// told. A source before 7.0 keeps an entry pending that was deleted and is claimed; every later server drops it
    /// then (`xclaimCommand`, t_stream.c, 6.2 and 7.0). What is delivered for the first time is there.
    pub(super) fn stream_claim(&mut self, keys: KeyArgs) -> Outcome {
        let first = (5..self.args.arg_count())
            .any(|at| is_word(&self.args, at, "RETRYCOUNT") && self.args.arg(at + 1) == b"1");
        if self.is_from_old_source() && !first { self.refetch(keys) } else { self.call(keys) }
    }

    /// `XDELEX key [KEEPREF | DELREF | ACKED] IDS n id ..`: KEEPREF is what XDEL does.
    pub(super) fn stream_delete(&mut self, keys: KeyArgs) -> Outcome {
        if self.local.knows(self.command) {
            return self.call(keys);
        }
        let word = 1 + usize::from(is_word(&self.args, 1, "KEEPREF"));
        if !is_word(&self.args, word, "IDS") {
            return self.refetch(keys);
        }
        self.put_key(0)?;
        self.put_from(word + 2)?;
        self.emit(OpKind::Call, Some(const { row("xdel") }))
    }

    /// `XCFGSET`, `XIDMPRECORD`.
    pub(super) fn stream_idempotency(&mut self, keys: KeyArgs) -> Outcome {
        if self.local.knows(self.command) {
            return self.call(keys);
        }
        self.lose(Loss::StreamIdempotency)?;
        Ok(Planned::Nothing)
    }
}
