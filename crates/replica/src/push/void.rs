//! The processor of connections without handlers.

use std::sync::Arc;

use crate::resp::Decoder;

use super::processor::{take_pending, unreadable};
use super::{
    Handler, HandlerContext, Operation, Processed, Processor, ProcessorKind, Protection, PushError, Reason,
};

/// Throws pushes away and counts them, and has no handlers: for RESP2, where servers send none, and for RESP3 clients that
/// want none. Like every processor it stops at replies, and leaves the reserved names where they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct VoidProcessor;

impl VoidProcessor {
    fn refuse(operation: Operation, name: &str) -> PushError {
        PushError::of_processor(ProcessorKind::VoidProcessor, operation, Some(name), Reason::PushesDisabled)
    }
}

impl Processor for VoidProcessor {
    fn get_handler(&self, _: &str) -> Option<Arc<dyn Handler>> {
        None
    }

    fn register(&self, name: &str, _: Option<Arc<dyn Handler>>, _: Protection) -> Result<(), PushError> {
        Err(Self::refuse(Operation::Register, name))
    }

    fn unregister(&self, name: &str) -> Result<(), PushError> {
        Err(Self::refuse(Operation::Unregister, name))
    }

    fn process_pending(&self, frames: &mut Decoder, _: &HandlerContext<'_>) -> Result<Processed, PushError> {
        let mut done = Processed::default();
        while take_pending(frames).map_err(|error| unreadable(ProcessorKind::VoidProcessor, error))?.is_some()
        {
            done.discarded += 1;
        }
        Ok(done)
    }
}
