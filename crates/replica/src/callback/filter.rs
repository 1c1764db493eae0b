//! Handlers before handlers: what is skipped, what is replaced, and who learns how it went.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use crate::position::{Position, ReplId};

use super::{Batch, Entry, Handled, Handler, HandlerError, LeftOut, Message};

/// What becomes of a command. The context is kept for [`Filter::after`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<C> {
    /// It passes as it is.
    Pass(C),
    /// These arguments, the name first, take its place.
    Replace(Vec<Vec<u8>>, C),
    /// It is not delivered.
    Skip,
}

/// Looks at each command before a handler gets it, and learns the outcome behind it.
pub trait Filter: Send {
    /// What is kept of a command until the outcome is known.
    type Context: Send;

    /// Called for the commands of a batch in the source's order.
    fn before(&mut self, command: &Entry<'_>) -> Verdict<Self::Context>;

    /// Called for the delivered commands of a batch in reverse order, with the outcome of the batch.
    fn after(&mut self, context: Self::Context, outcome: Result<(), &HandlerError>) {
        let _ = (context, outcome);
    }
}

/// Two filters as one. `outer` looks first and learns the outcome last. What either skips is skipped.
#[derive(Debug)]
pub struct Combined<O, I> {
    outer: O,
    inner: I,
}

/// Puts `inner` behind `outer`.
pub fn combine<O: Filter, I: Filter>(outer: O, inner: I) -> Combined<O, I> {
    Combined { outer, inner }
}

impl<O: Filter, I: Filter> Filter for Combined<O, I> {
    type Context = (O::Context, I::Context);

    fn before(&mut self, command: &Entry<'_>) -> Verdict<Self::Context> {
        match self.outer.before(command) {
            Verdict::Skip => Verdict::Skip,
            Verdict::Pass(outer) => match self.inner.before(command) {
                Verdict::Skip => Verdict::Skip,
                Verdict::Pass(inner) => Verdict::Pass((outer, inner)),
                Verdict::Replace(args, inner) => Verdict::Replace(args, (outer, inner)),
            },
            Verdict::Replace(args, outer) => self.replaced(command, args, outer),
        }
    }

    fn after(&mut self, (outer, inner): Self::Context, outcome: Result<(), &HandlerError>) {
        self.inner.after(inner, outcome);
        self.outer.after(outer, outcome);
    }
}

impl<O: Filter, I: Filter> Combined<O, I> {
    fn replaced(
        &mut self,
        command: &Entry<'_>,
        args: Vec<Vec<u8>>,
        outer: O::Context,
    ) -> Verdict<(O::Context, I::Context)> {
        let mut batch = Batch::new(command.phase());
        batch.push(command.whereabouts(), args.iter().map(Vec::as_slice));
        // Replaced by nothing is skipped.
        let Some(shown) = batch.iter().next() else { return Verdict::Skip };
        match self.inner.before(&shown) {
            Verdict::Skip => Verdict::Skip,
            Verdict::Pass(inner) => Verdict::Replace(args, (outer, inner)),
            Verdict::Replace(args, inner) => Verdict::Replace(args, (outer, inner)),
        }
    }
}

/// A handler behind a filter.
#[derive(Debug)]
pub struct Filtered<F: Filter, H> {
    filter: F,
    handler: H,
    passed: Batch,
    contexts: Vec<F::Context>,
}

impl<F: Filter, H: Handler> Filtered<F, H> {
    /// Delivers to `handler` what `filter` lets pass.
    pub fn new(filter: F, handler: H) -> Self {
        Filtered { filter, handler, passed: Batch::new(super::Phase::Snapshot), contexts: Vec::new() }
    }

    /// The handler.
    pub fn handler_mut(&mut self) -> &mut H {
        &mut self.handler
    }

    /// The filter and the handler.
    pub fn into_parts(self) -> (F, H) {
        (self.filter, self.handler)
    }

    fn sift(&mut self, batch: &Batch) {
        self.passed.clear(batch.phase());
        self.contexts.clear();
        for command in batch.iter() {
            let before = self.passed.len();
            let context = match self.filter.before(&command) {
                Verdict::Skip => continue,
                Verdict::Pass(context) => {
                    self.passed.push(command.whereabouts(), command.args());
                    context
                }
                Verdict::Replace(args, context) => {
                    self.passed.push(command.whereabouts(), args.iter().map(Vec::as_slice));
                    context
                }
            };
            if self.passed.len() > before {
                self.contexts.push(context);
            }
        }
    }
}

impl<F: Filter, H: Handler> Handler for Filtered<F, H> {
    fn init(&mut self) -> Result<(), HandlerError> {
        self.handler.init()
    }

    fn replication_start(&mut self, replid: Option<ReplId>, offset: u64) -> Result<(), HandlerError> {
        self.handler.replication_start(replid, offset)
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        self.sift(batch);
        if self.passed.is_empty() {
            return Ok(());
        }
        let outcome = self.handler.batch(&self.passed);
        while let Some(context) = self.contexts.pop() {
            self.filter.after(context, outcome.as_ref().copied());
        }
        outcome
    }

    fn command(&mut self, command: &Entry<'_>) -> Result<Handled, HandlerError> {
        self.handler.command(command)
    }

    fn unhandled(&mut self, command: &Entry<'_>) -> Result<(), HandlerError> {
        self.handler.unhandled(command)
    }

    fn left_out(&mut self, db: u32, key: &[u8], what: LeftOut) -> Result<(), HandlerError> {
        self.handler.left_out(db, key, what)
    }

    fn streaming_start(&mut self, position: Option<Position>) -> Result<(), HandlerError> {
        self.handler.streaming_start(position)
    }

    fn resumed(&mut self, position: Position) -> Result<(), HandlerError> {
        self.handler.resumed(position)
    }

    fn message(&mut self, message: Message) -> Result<(), HandlerError> {
        self.handler.message(message)
    }

    fn closed(&mut self, reason: &(dyn Error + 'static), retry_in: Option<Duration>) {
        self.handler.closed(reason, retry_in);
    }

    fn destroy(&mut self) -> Result<(), HandlerError> {
        self.handler.destroy()
    }

    fn note(&mut self, what: &dyn Display) {
        self.handler.note(what);
    }
}
