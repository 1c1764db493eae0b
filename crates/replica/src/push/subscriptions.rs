//! What one connection is subscribed to, and what arrives for it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Event, Inbox, InboxLimits, Notification, Push};

/// Of what a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubscriptionKind {
    /// A channel: SUBSCRIBE.
    Channel,
    /// Every channel that matches a pattern: PSUBSCRIBE.
    Pattern,
    /// A shard channel: SSUBSCRIBE (Redis 7.0 and newer, Valkey).
    Shard,
}

impl SubscriptionKind {
    /// All of them.
    pub const ALL: [SubscriptionKind; 3] =
        [SubscriptionKind::Channel, SubscriptionKind::Pattern, SubscriptionKind::Shard];

    /// The command that subscribes.
    pub fn subscribe_command(self) -> &'static str {
        match self {
            SubscriptionKind::Channel => "SUBSCRIBE",
            SubscriptionKind::Pattern => "PSUBSCRIBE",
            SubscriptionKind::Shard => "SSUBSCRIBE",
        }
    }

    /// The command that ends subscriptions.
    pub fn unsubscribe_command(self) -> &'static str {
        match self {
            SubscriptionKind::Channel => "UNSUBSCRIBE",
            SubscriptionKind::Pattern => "PUNSUBSCRIBE",
            SubscriptionKind::Shard => "SUNSUBSCRIBE",
        }
    }
}

type Names = BTreeSet<(SubscriptionKind, Vec<u8>)>;

#[derive(Debug, Default)]
struct Table {
    /// Asked for, and neither confirmed nor refused.
    asked: Names,
    active: Names,
}

/// The subscriptions of one connection, and the inbox of all pushes of reserved names. Clones are the same table.
///
/// A server's word alone does not make it grow: a confirmation of what was not asked for is told and not noted.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    table: Arc<Mutex<Table>>,
    inbox: Inbox,
}

impl Subscriptions {
    /// Without subscriptions.
    pub fn new(limits: InboxLimits) -> Self {
        Subscriptions { table: Arc::default(), inbox: Inbox::new(limits) }
    }

    /// Whether a subscription is confirmed, and has not ended.
    pub fn contains(&self, kind: SubscriptionKind, name: &[u8]) -> bool {
        self.lock().active.contains(&(kind, name.to_vec()))
    }

    /// The confirmed subscriptions of one kind, in order. When the connection has ended: those it had.
    pub fn names(&self, kind: SubscriptionKind) -> Vec<Vec<u8>> {
        let table = self.lock();
        table.active.iter().filter(|(of, _)| *of == kind).map(|(_, name)| name.clone()).collect()
    }

    /// The oldest event that nobody took yet: messages, and what began and ended, as the server told it.
    pub fn take(&self) -> Option<Event> {
        self.inbox.take()
    }

    /// Where events wait.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Notes that a command asks for these; to be called before it is sent.
    pub fn ask(&self, kind: SubscriptionKind, names: &[&[u8]]) {
        self.lock().asked.extend(names.iter().map(|name| (kind, name.to_vec())));
    }

    /// Notes that what was asked for is refused.
    pub fn refuse(&self, kind: SubscriptionKind, names: &[&[u8]]) {
        let mut table = self.lock();
        for name in names {
            table.asked.remove(&(kind, name.to_vec()));
        }
    }

    /// Whether none of these is asked for and not yet confirmed.
    pub fn is_settled(&self, kind: SubscriptionKind, names: &[&[u8]]) -> bool {
        let table = self.lock();
        !names.iter().any(|name| table.asked.contains(&(kind, name.to_vec())))
    }

    /// Takes a push of a reserved name: notes what it says and keeps it for who takes it, also when it is malformed.
    pub fn accept(&self, notification: Notification) {
        match notification.read() {
            Ok(Push::Subscribed { kind, name, .. }) => self.begun(kind, name),
            Ok(Push::Unsubscribed { kind, name: Some(name), .. }) => {
                self.lock().active.remove(&(kind, name.to_vec()));
            }
            _ => {}
        }
        self.inbox.put(notification);
    }

    /// Says that the connection ended. What is asked for will not be confirmed.
    pub fn disconnected(&self) {
        self.lock().asked.clear();
        self.inbox.put_disconnected();
    }

    fn begun(&self, kind: SubscriptionKind, name: &[u8]) {
        let mut table = self.lock();
        if let Some(asked) = table.asked.take(&(kind, name.to_vec())) {
            table.active.insert(asked);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
