//! Rights of clients that wait: they may be taken meanwhile. The servers ask again when they serve a client that waited
//! (`handleClientsBlockedOnKey` runs the command anew, blocked.c, Redis 7.2), and so do we, on every version.

use redis_context::{CommandContext, Context, Error, ErrorReply, Permission};

/// A client and the command that it waits with.
pub struct Waiting {
    client: u64,
    db: u32,
    /// The name of the command and what it needs to be one, the key included.
    command: Vec<Box<[u8]>>,
}

impl Waiting {
    /// The client of this command.
    pub fn new(ctx: &CommandContext<'_>, command: &[&[u8]]) -> Waiting {
        let command = command.iter().copied().map(Box::from).collect();
        Waiting { client: ctx.client_id(), db: ctx.selected_db(), command }
    }

    /// Whether the client's user may still do it.
    ///
    /// # Errors
    /// NOPERM.
    pub fn check(&self, ctx: &Context<'_>) -> Result<(), ErrorReply> {
        // One that has gone is told nothing, whatever the answer is.
        let Some(user) = ctx.client_user_name(self.client) else { return Ok(()) };
        let command: Vec<&[u8]> = self.command.iter().map(AsRef::as_ref).collect();
        let user = user.as_bytes();
        let is_allowed = match ctx.check_command_in_db(user, self.db, &command) {
            Err(Error::Unsupported { .. }) => ctx.check_command(user, &command) == Ok(Permission::Allowed),
            lacks => lacks == Ok(None),
        };
        const TAKEN: &str = "the rights to this command or key were taken while the client waited";
        if is_allowed { Ok(()) } else { Err(ErrorReply::new("NOPERM", TAKEN)) }
    }
}
