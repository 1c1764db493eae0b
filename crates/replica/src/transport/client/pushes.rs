//! The way of a client's pushes: first the processor, then the subscription table.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::push::{HandlerContext, Notification, Processed, Processor, Subscriptions};
use crate::resp::{Decoder, Frame, Value};

use super::{ClientError, ClientHandle};

/// One connection of a client, as handlers get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionHandle {
    /// Which connection of its client, from 1; a move makes a new one.
    pub number: u64,
    /// The address connected to.
    pub peer: Option<SocketAddr>,
    /// The server's id of this client, as CLIENT ID gives it; None with RESP2.
    pub client_id: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Pushes {
    pub(super) processor: Arc<dyn Processor>,
    pub(super) subscriptions: Subscriptions,
    pub(super) client: ClientHandle,
    pub(super) connection: ConnectionHandle,
    pub(super) processed: Processed,
}

impl Pushes {
    /// The next reply, after all pushes before it went where they belong; None until more bytes are received.
    pub(super) fn next_reply(&mut self, decoder: &mut Decoder) -> Result<Option<Value>, ClientError> {
        self.drain(decoder, Mode::Blocking)?;
        match decoder.poll_frame()? {
            Some(Frame::Reply(value)) => Ok(Some(value)),
            Some(Frame::Push(_)) | None => Ok(None),
        }
    }

    /// Hands out the pushes that stand before the next reply.
    pub(super) fn drain(&mut self, decoder: &mut Decoder, mode: Mode) -> Result<(), ClientError> {
        loop {
            self.process(decoder, mode)?;
            if !matches!(decoder.peek_frame()?, Some(Frame::Push(_))) {
                return Ok(());
            }
            if let Some(Frame::Push(items)) = decoder.poll_frame()? {
                self.take_left(Notification::new(items));
            }
        }
    }

    fn process(&mut self, decoder: &mut Decoder, mode: Mode) -> Result<(), ClientError> {
        let context = HandlerContext::new()
            .with_client(&self.client)
            .with_connection(&self.connection)
            .with_subscriptions(&self.subscriptions);
        let context = if mode == Mode::Blocking { context.blocking() } else { context };
        self.processed += self.processor.process_pending(decoder, &context)?;
        Ok(())
    }

    /// What the processor left: a reserved push, or one that a processor of the user's own did not want.
    fn take_left(&mut self, notification: Notification) {
        if notification.is_reserved() {
            self.subscriptions.accept(notification);
        } else {
            self.processed.unhandled += 1;
        }
    }

    /// Tells the handlers that their connection has ended.
    pub(super) fn tell_handlers_disconnected(&self) {
        self.processor.disconnected(
            &HandlerContext::new()
                .with_client(&self.client)
                .with_connection(&self.connection)
                .with_subscriptions(&self.subscriptions),
        );
    }
}

/// Whether somebody waits for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Blocking,
    Passing,
}
