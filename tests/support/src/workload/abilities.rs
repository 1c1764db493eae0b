use std::collections::BTreeSet;

use crate::{Client, Result};

/// The commands a server has; subcommands are written `xgroup|create`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Abilities {
    commands: BTreeSet<String>,
}

impl Abilities {
    /// Asks a server.
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub fn of(client: &mut Client) -> Result<Self> {
        let Ok(reply) = client.call("COMMAND LIST") else { return Self::of_old(client) };
        let names = reply.as_array().unwrap_or_default().iter().filter_map(crate::Value::as_text);
        Ok(Abilities { commands: names.map(|name| name.to_lowercase()).collect() })
    }

    /// Before 7.0 there is no COMMAND LIST, and no command lists its subcommands.
    fn of_old(client: &mut Client) -> Result<Self> {
        const SUBCOMMANDS: [&str; 5] = ["create", "setid", "createconsumer", "delconsumer", "destroy"];
        let reply = client.call("COMMAND")?;
        let rows = reply.as_array().unwrap_or_default();
        let names = rows.iter().filter_map(|row| row.as_array()?.first()?.as_text());
        let of_groups = SUBCOMMANDS.iter().map(|name| format!("xgroup|{name}"));
        Ok(Abilities { commands: names.chain(of_groups).collect() })
    }

    /// What both servers have: data that one can send and the other hold.
    #[must_use]
    pub fn shared_with(&self, other: &Abilities) -> Self {
        Abilities { commands: self.commands.intersection(&other.commands).cloned().collect() }
    }

    /// All but one command.
    #[must_use]
    pub fn without(mut self, command: &str) -> Self {
        self.commands.remove(&command.to_lowercase());
        self
    }

    /// Whether the command is there.
    pub fn has(&self, command: &str) -> bool {
        self.commands.contains(&command.to_lowercase())
    }
}
