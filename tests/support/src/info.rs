use std::collections::HashMap;

use crate::{Client, Result};

/// A section of INFO.
#[derive(Debug, Clone, Default)]
pub struct Info {
    fields: HashMap<String, String>,
}

impl Info {
    /// Asks a server for one section (`"everything"` for all, modules included).
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub fn read(client: &mut Client, section: &str) -> Result<Self> {
        let text = client.call(crate::cmd!("INFO", section))?.as_text().unwrap_or_default();
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Ok(Info { fields: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() })
    }

    /// A field's text.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    /// A field's number.
    pub fn number(&self, field: &str) -> Option<i64> {
        self.get(field)?.parse().ok()
    }
}
