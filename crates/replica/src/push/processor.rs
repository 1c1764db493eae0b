//! Handing out pushes.

use std::fmt;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::resp::{Decoder, Frame, ProtocolError};

use super::{
    Handler, HandlerContext, Notification, Operation, ProcessorKind, Protection, PushError, Reason, Registry,
};

/// What became of the pushes of one or more calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Processed {
    /// Told to a handler, which returned.
    pub handled: u64,
    /// Told to a handler, which failed or panicked.
    pub failed: u64,
    /// Of a name without a handler, or without a name (`>0`, or no string in front).
    pub unhandled: u64,
    /// Thrown away by a processor without handlers.
    pub discarded: u64,
}

impl AddAssign for Processed {
    fn add_assign(&mut self, more: Self) {
        self.handled += more.handled;
        self.failed += more.failed;
        self.unhandled += more.unhandled;
        self.discarded += more.discarded;
    }
}

/// Hands out the pushes of any number of connections. [`RegistryProcessor`] is the usual one,
/// [`VoidProcessor`](super::VoidProcessor) that of RESP2; a program may bring its own.
pub trait Processor: fmt::Debug + Send + Sync {
    /// The handler of this name.
    fn get_handler(&self, name: &str) -> Option<Arc<dyn Handler>>;

    /// Registers a handler for pushes of exactly this name.
    ///
    /// # Errors
    /// There is none (`None`), the name has one already, or it can have none.
    fn register(
        &self,
        name: &str,
        handler: Option<Arc<dyn Handler>>,
        protection: Protection,
    ) -> Result<(), PushError>;

    /// Takes a handler away; a name that has none is fine.
    ///
    /// # Errors
    /// It is protected, or there are no handlers here at all.
    fn unregister(&self, name: &str) -> Result<(), PushError>;

    /// Hands out the pushes that stand before the next reply in `frames`, and returns when there is a reply, a push of
    /// a reserved name (both stay where they are), or no complete frame. [`take_pending`] does the choosing.
    ///
    /// # Errors
    /// The input can't be read; the connection is of no use afterwards. A handler that fails is no error here.
    fn process_pending(
        &self,
        frames: &mut Decoder,
        context: &HandlerContext<'_>,
    ) -> Result<Processed, PushError>;

    /// The connection ended; called once for each.
    fn disconnected(&self, context: &HandlerContext<'_>) {
        let _ = context;
    }
}

/// Takes the next push out of `frames` if it stands before the next reply and its name is not reserved.
///
/// # Errors
/// The input can't be read.
pub fn take_pending(frames: &mut Decoder) -> Result<Option<Notification>, ProtocolError> {
    if !frames.peek_frame()?.is_some_and(is_for_processors) {
        return Ok(None);
    }
    match frames.poll_frame()? {
        Some(Frame::Push(items)) => Ok(Some(Notification::new(items))),
        _ => Ok(None),
    }
}

fn is_for_processors(frame: &Frame) -> bool {
    match frame {
        Frame::Push(items) => {
            !items.first().and_then(|name| name.as_bytes()).is_some_and(super::notification::is_reserved)
        }
        Frame::Reply(_) => false,
    }
}

/// Is told each failure of a handler.
type Log = Arc<dyn Fn(&PushError) + Send + Sync>;

/// A processor with a [`Registry`].
#[derive(Default)]
pub struct RegistryProcessor {
    registry: Registry,
    log: Option<Log>,
}

impl RegistryProcessor {
    /// Without handlers. Failures are counted, and told nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without handlers; each failure of one is told to `log`: operation `process`, the name, the handler's error as the
    /// cause.
    pub fn with_log(log: impl Fn(&PushError) + Send + Sync + 'static) -> Self {
        RegistryProcessor { registry: Registry::new(), log: Some(Arc::new(log)) }
    }

    fn dispatch(&self, notification: &Notification, context: &HandlerContext<'_>, done: &mut Processed) {
        let name = notification.name().and_then(|name| std::str::from_utf8(name).ok());
        let found = name.and_then(|name| Some((name, self.registry.get_handler(name)?)));
        let Some((name, handler)) = found else {
            done.unhandled += 1;
            return;
        };
        match call(&*handler, notification, context) {
            Ok(()) => done.handled += 1,
            Err((reason, cause)) => {
                done.failed += 1;
                self.report(name, reason, cause);
            }
        }
    }

    fn report(&self, name: &str, reason: Reason, cause: Option<super::HandlerFailure>) {
        let Some(log) = &self.log else { return };
        let error = PushError::of_handler(Operation::Process, name, reason);
        log(&match cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        });
    }
}

/// Turns a panic of a handler into a failure: the push is consumed, and the connection goes on.
fn call(
    handler: &dyn Handler,
    notification: &Notification,
    context: &HandlerContext<'_>,
) -> Result<(), (Reason, Option<super::HandlerFailure>)> {
    match catch_unwind(AssertUnwindSafe(|| handler.handle(notification, context))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(cause)) => Err((Reason::HandlerFailed, Some(cause))),
        Err(_) => Err((Reason::HandlerPanicked, None)),
    }
}

impl Processor for RegistryProcessor {
    fn get_handler(&self, name: &str) -> Option<Arc<dyn Handler>> {
        self.registry.get_handler(name)
    }

    fn register(
        &self,
        name: &str,
        handler: Option<Arc<dyn Handler>>,
        protection: Protection,
    ) -> Result<(), PushError> {
        self.registry.register(name, handler, protection)
    }

    fn unregister(&self, name: &str) -> Result<(), PushError> {
        self.registry.unregister(name)
    }

    fn process_pending(
        &self,
        frames: &mut Decoder,
        context: &HandlerContext<'_>,
    ) -> Result<Processed, PushError> {
        let mut done = Processed::default();
        while let Some(notification) =
            take_pending(frames).map_err(|error| unreadable(ProcessorKind::Processor, error))?
        {
            self.dispatch(&notification, context, &mut done);
        }
        Ok(done)
    }

    fn disconnected(&self, context: &HandlerContext<'_>) {
        for handler in self.registry.distinct() {
            if catch_unwind(AssertUnwindSafe(|| handler.disconnected(context))).is_err() {
                self.report("disconnected", Reason::HandlerPanicked, None);
            }
        }
    }
}

impl fmt::Debug for RegistryProcessor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RegistryProcessor").field("registry", &self.registry).finish_non_exhaustive()
    }
}

pub(super) fn unreadable(kind: ProcessorKind, error: ProtocolError) -> PushError {
    PushError::of_processor(kind, Operation::Process, None, Reason::Unreadable).caused_by(error)
}
