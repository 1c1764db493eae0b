//! One push, as it came.

use crate::resp::Value;

use super::form::{FormError, Push, read};

/// The names that go to the subscription table and never to a handler.
const RESERVED: [&[u8]; 9] = [
    b"message",
    b"pmessage",
    b"smessage",
    b"subscribe",
    b"psubscribe",
    b"ssubscribe",
    b"unsubscribe",
    b"punsubscribe",
    b"sunsubscribe",
];

/// Whether pushes of this name go to the subscription table. Names are compared exactly.
pub fn is_reserved(name: impl AsRef<[u8]>) -> bool {
    RESERVED.contains(&name.as_ref())
}

/// One push: all its elements, the name first.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    items: Vec<Value>,
}

impl Notification {
    /// The push with these elements, as [`Frame::Push`](crate::resp::Frame::Push) holds them.
    pub fn new(items: Vec<Value>) -> Self {
        Notification { items }
    }

    /// All elements, the name first.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// All elements, owned.
    pub fn into_items(self) -> Vec<Value> {
        self.items
    }

    /// The name; None if there is no element, or the first one is no string.
    pub fn name(&self) -> Option<&[u8]> {
        self.items.first()?.as_bytes()
    }

    /// Whether it goes to the subscription table.
    pub fn is_reserved(&self) -> bool {
        self.name().is_some_and(is_reserved)
    }

    /// What it says. A name that this crate does not know is [`Push::Other`].
    ///
    /// # Errors
    /// It has no name, or a name that is known and other elements than that asks for.
    pub fn read(&self) -> Result<Push<'_>, FormError> {
        read(&self.items)
    }

    /// About how much memory it takes, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.items.iter().map(size_bytes).sum::<usize>() + size_of::<Self>()
    }
}

fn size_bytes(value: &Value) -> usize {
    let held = match value {
        Value::Simple(bytes) | Value::Error(bytes) | Value::Bulk(bytes) | Value::BigNumber(bytes) => {
            bytes.len()
        }
        Value::Verbatim { text, .. } => text.len(),
        Value::Array(items) | Value::Set(items) => items.iter().map(size_bytes).sum(),
        Value::Map(pairs) => pairs.iter().map(|(key, value)| size_bytes(key) + size_bytes(value)).sum(),
        Value::Integer(_) | Value::Null | Value::Double(_) | Value::Boolean(_) => 0,
    };
    size_of::<Value>() + held
}
