//! Who is told, and of what connection.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::Notification;

/// Any error of a handler. It is logged and counted; the pushes behind it are handed out all the same.
pub type HandlerFailure = Box<dyn std::error::Error + Send + Sync>;

/// Is told the pushes of the names it is registered for.
///
/// It runs on the thread that reads the connection, between replies: while it runs, nothing is read. A handler may
/// register and unregister handlers, also itself.
pub trait Handler: Send + Sync {
    /// A push arrived: all its elements, the name first.
    ///
    /// # Errors
    /// It could not be handled. Also what a panic becomes.
    fn handle(&self, notification: &Notification, context: &HandlerContext<'_>)
    -> Result<(), HandlerFailure>;

    /// The connection ended, once for each handler: what it pushed until then may not be all.
    fn disconnected(&self, context: &HandlerContext<'_>) {
        let _ = context;
    }
}

/// Makes a handler of a closure.
pub fn handler<F>(function: F) -> Arc<dyn Handler>
where
    F: Fn(&Notification, &HandlerContext<'_>) -> Result<(), HandlerFailure> + Send + Sync + 'static,
{
    struct Function<F>(F);
    impl<F> Handler for Function<F>
    where
        F: Fn(&Notification, &HandlerContext<'_>) -> Result<(), HandlerFailure> + Send + Sync,
    {
        fn handle(
            &self,
            notification: &Notification,
            context: &HandlerContext<'_>,
        ) -> Result<(), HandlerFailure> {
            (self.0)(notification, context)
        }
    }
    Arc::new(Function(function))
}

type Handle = dyn Any + Send + Sync;

/// Where a push came from, as far as the connection's owner says: handles of its own types, each given out as the type
/// it is and as no other.
///
/// `transport::Client` gives a `ClientHandle`, a `ConnectionHandle` and its
/// [`Subscriptions`](super::Subscriptions); it has no pool.
#[derive(Clone, Copy, Default)]
pub struct HandlerContext<'a> {
    client: Option<&'a Handle>,
    pool: Option<&'a Handle>,
    subscriptions: Option<&'a Handle>,
    connection: Option<&'a Handle>,
    blocking: bool,
}

impl<'a> HandlerContext<'a> {
    /// A context that says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the client that the connection belongs to.
    #[must_use]
    pub fn with_client<T: Any + Send + Sync>(self, client: &'a T) -> Self {
        HandlerContext { client: Some(client), ..self }
    }

    /// With the pool that the connection comes from.
    #[must_use]
    pub fn with_pool<T: Any + Send + Sync>(self, pool: &'a T) -> Self {
        HandlerContext { pool: Some(pool), ..self }
    }

    /// With the subscriptions of the connection.
    #[must_use]
    pub fn with_subscriptions<T: Any + Send + Sync>(self, subscriptions: &'a T) -> Self {
        HandlerContext { subscriptions: Some(subscriptions), ..self }
    }

    /// With the connection itself.
    #[must_use]
    pub fn with_connection<T: Any + Send + Sync>(self, connection: &'a T) -> Self {
        HandlerContext { connection: Some(connection), ..self }
    }

    /// For a call that waits for the server: a slow handler makes somebody wait longer.
    #[must_use]
    pub fn blocking(self) -> Self {
        HandlerContext { blocking: true, ..self }
    }

    /// The client, if there is one and it is a `T`.
    pub fn client<T: Any>(&self) -> Option<&'a T> {
        self.client?.downcast_ref()
    }

    /// The pool, if there is one and it is a `T`.
    pub fn pool<T: Any>(&self) -> Option<&'a T> {
        self.pool?.downcast_ref()
    }

    /// The subscriptions, if there are any and they are a `T`.
    pub fn subscriptions<T: Any>(&self) -> Option<&'a T> {
        self.subscriptions?.downcast_ref()
    }

    /// The connection, if it is named and it is a `T`.
    pub fn connection<T: Any>(&self) -> Option<&'a T> {
        self.connection?.downcast_ref()
    }

    /// Whether the call that read the push waits for the server: for a reply, or for pushes.
    pub fn is_blocking(&self) -> bool {
        self.blocking
    }
}

impl fmt::Debug for HandlerContext<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HandlerContext")
            .field("client", &self.client.is_some())
            .field("pool", &self.pool.is_some())
            .field("subscriptions", &self.subscriptions.is_some())
            .field("connection", &self.connection.is_some())
            .field("blocking", &self.blocking)
            .finish()
    }
}
