use std::collections::BTreeMap;
use std::time::Duration;

use crate::wait::wait_within;
use crate::{Client, Error, Result, Value, cmd};

/// What MIRROR.STATUS says about one mirror.
#[derive(Debug, Clone, Default)]
pub struct Status {
    fields: BTreeMap<String, Value>,
}

impl Status {
    /// Asks for the status of a mirror.
    ///
    /// # Errors
    /// Those of [`Client::call`]; [`Error::Unexpected`] when the answer is no map.
    pub fn read(client: &mut Client, name: &str) -> Result<Self> {
        let command = cmd!("MIRROR.STATUS", name);
        let value = client.call(&command)?;
        let pairs = value.pairs().and_then(|pairs| {
            pairs.into_iter().map(|(name, value)| Some((name.as_text()?, value.clone()))).collect()
        });
        let fields = pairs.ok_or_else(|| Error::Unexpected {
            command: command.to_string(),
            expected: "a map",
            got: value.to_string(),
        })?;
        Ok(Status { fields })
    }

    /// Waits until a mirror is in a state.
    ///
    /// # Errors
    /// [`Error::TimedOut`] with the last state and error.
    pub fn wait_state(client: &mut Client, name: &str, state: &str, patience: Duration) -> Result<Self> {
        wait_within(patience, &format!("mirror {name} to be {state}"), || {
            let status = Status::read(client, name).map_err(|error| error.to_string())?;
            if status.state() == state { Ok(status) } else { Err(status.summary()) }
        })
    }

    fn summary(&self) -> String {
        format!("state {}, last_error {:?}", self.state(), self.text("last_error"))
    }

    /// The field `state`: `streaming`, `loading`, ..
    pub fn state(&self) -> String {
        self.text("state")
    }

    /// A field as text; empty when it isn't there.
    pub fn text(&self, field: &str) -> String {
        match self.fields.get(field) {
            Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Some(Value::Int(n)) => n.to_string(),
            Some(Value::Nil) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// A field as a number; 0 when it isn't there or is none.
    pub fn number(&self, field: &str) -> i64 {
        self.fields.get(field).and_then(Value::as_int).unwrap_or(0)
    }

    /// The items of a field; none when it isn't there or is no array.
    pub fn list(&self, field: &str) -> &[Value] {
        self.fields.get(field).and_then(Value::as_array).unwrap_or_default()
    }

    /// The pairs of a field; none when it isn't there or is no map.
    pub fn map(&self, field: &str) -> Vec<(String, Value)> {
        let pairs = self.fields.get(field).and_then(Value::pairs).unwrap_or_default();
        pairs.into_iter().filter_map(|(name, value)| Some((name.as_text()?, value.clone()))).collect()
    }

    /// The names of the fields, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }
}
