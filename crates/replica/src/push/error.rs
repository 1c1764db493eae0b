//! What can go wrong with handlers and processors.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Handing out pushes.
    Process,
    /// Registering a handler.
    Register,
    /// Taking a handler away.
    Unregister,
    /// Something that only a custom processor knows.
    Unknown,
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Operation::Process => "process",
            Operation::Register => "register",
            Operation::Unregister => "unregister",
            Operation::Unknown => "unknown",
        })
    }
}

/// Which kind of processor an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessorKind {
    /// One with handlers, such as [`RegistryProcessor`](super::RegistryProcessor).
    Processor,
    /// A [`VoidProcessor`](super::VoidProcessor).
    VoidProcessor,
    /// A user's own.
    Custom,
}

impl fmt::Display for ProcessorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ProcessorKind::Processor => "processor",
            ProcessorKind::VoidProcessor => "void_processor",
            ProcessorKind::Custom => "custom",
        })
    }
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There was no handler to register.
    HandlerNil,
    /// The name has a handler: take it away first.
    HandlerExists,
    /// The handler was registered for good.
    HandlerProtected,
    /// The name is one of those that go to the subscription table.
    NameReserved,
    /// The connection has no handlers: it speaks RESP2, or its pushes are turned off.
    PushesDisabled,
    /// The handler returned the error that is the cause.
    HandlerFailed,
    /// The handler panicked.
    HandlerPanicked,
    /// The input is no RESP, or larger than the limits; the connection is of no use afterwards.
    Unreadable,
    /// What a custom processor says.
    Other(Cow<'static, str>),
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Reason::HandlerNil => "handler cannot be nil",
            Reason::HandlerExists => "cannot overwrite existing handler",
            Reason::HandlerProtected => "handler is protected",
            Reason::NameReserved => "the name is reserved for the subscription table",
            Reason::PushesDisabled => "push notifications are disabled",
            Reason::HandlerFailed => "the handler returned an error",
            Reason::HandlerPanicked => "the handler panicked",
            Reason::Unreadable => "the input can't be read",
            Reason::Other(text) => text,
        })
    }
}

/// An operation on handlers or pushes that failed.
///
/// The functions beside it ([`is_handler_nil`] and the others) find it in any chain of [`Error::source`]s.
#[derive(Debug)]
pub struct PushError {
    operation: Operation,
    name: Option<String>,
    reason: Reason,
    processor: Option<ProcessorKind>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl PushError {
    /// An error that concerns the handler of one name.
    pub fn of_handler(operation: Operation, name: impl Into<String>, reason: Reason) -> Self {
        PushError { operation, name: Some(name.into()), reason, processor: None, cause: None }
    }

    /// An error of a processor, about one name or about all.
    pub fn of_processor(
        kind: ProcessorKind,
        operation: Operation,
        name: Option<&str>,
        reason: Reason,
    ) -> Self {
        PushError { operation, name: name.map(String::from), reason, processor: Some(kind), cause: None }
    }

    /// The same with what brought it about.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        PushError { cause: Some(cause.into()), ..self }
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The name of the push, if it is about one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Why it failed.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The kind of the processor; None for errors about a handler.
    pub fn processor(&self) -> Option<ProcessorKind> {
        self.processor
    }

    /// What brought it about.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.processor {
            None => write!(out, "handler {} failed", self.operation)?,
            Some(kind) => write!(out, "{kind} {} failed", self.operation)?,
        }
        if let Some(name) = &self.name {
            write!(out, " for '{}'", name.escape_debug())?;
        }
        write!(out, ": {}", self.reason)?;
        match &self.cause {
            Some(cause) => write!(out, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl Error for PushError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// Whether `error` is, or was brought about by, registering no handler at all.
pub fn is_handler_nil(error: &(dyn Error + 'static)) -> bool {
    any(error, |error| error.reason == Reason::HandlerNil)
}

/// Whether `error` is, or was brought about by, registering a name that has a handler.
pub fn is_handler_exists(error: &(dyn Error + 'static)) -> bool {
    any(error, |error| error.operation == Operation::Register && error.reason == Reason::HandlerExists)
}

/// Whether `error` is, or was brought about by, taking away a protected handler.
pub fn is_handler_protected(error: &(dyn Error + 'static)) -> bool {
    any(error, |error| error.operation == Operation::Unregister && error.reason == Reason::HandlerProtected)
}

/// Whether `error` is, or was brought about by, a void processor that was asked for handlers.
pub fn is_void_processor(error: &(dyn Error + 'static)) -> bool {
    any(error, |error| {
        error.processor == Some(ProcessorKind::VoidProcessor) && error.reason == Reason::PushesDisabled
    })
}

fn any(error: &(dyn Error + 'static), is: impl Fn(&PushError) -> bool) -> bool {
    chain(error).any(|error| error.downcast_ref::<PushError>().is_some_and(&is))
}

/// The error and all that brought it about.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| wrapped(*error))
}

/// An `io::Error` made from another error gives that one's source as its own, and would hide it.
fn wrapped<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
