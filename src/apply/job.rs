//! Walks over a scope that a client waits for: the check before CREATE, and DROP .. PURGE.

use std::sync::Arc;

use mirror_engine::Scope;
use mirror_engine::checkpoint::Checkpoint;
use mirror_engine::definition::Parsed;
use redis_context::{Context, Error, ErrorReply, LogLevel, Unblocker, WriteContext};

use super::load;
use super::ops::Writer;
use super::scan::ScopeScan;
use crate::checkpoint;
use crate::commands::create::refuse_beside;
use crate::mirror::{Mirror, Stored};
use crate::registry::{REGISTRY, Registry};

/// A walk that a client waits for.
pub enum Job {
    /// Are there keys in the way of a new mirror?
    Check(Box<Check>),
    /// Delete the keys of a mirror that goes.
    Purge(Purge),
}

/// Counts the keys in the scope of a mirror to be.
pub struct Check {
    parsed: Parsed,
    scan: ScopeScan,
    found: u64,
    client: Unblocker<Result<(), ErrorReply>>,
}

/// Deletes the keys of a mirror's scope, then the mirror.
pub struct Purge {
    name: Vec<u8>,
    scan: ScopeScan,
    deleted: u64,
    client: Unblocker<Result<u64, ErrorReply>>,
}

impl Check {
    /// Begins.
    pub fn new(ctx: &Context<'_>, parsed: Parsed, client: Unblocker<Result<(), ErrorReply>>) -> Self {
        let scope = Arc::new(Scope::new(&parsed.definition));
        Self { parsed, scan: ScopeScan::new(ctx, &scope), found: 0, client }
    }
}

impl Purge {
    /// Begins.
    pub fn new(
        ctx: &Context<'_>,
        name: Vec<u8>,
        scope: &Arc<Scope>,
        client: Unblocker<Result<u64, ErrorReply>>,
    ) -> Self {
        Self { name, scan: ScopeScan::new(ctx, scope), deleted: 0, client }
    }
}

impl Job {
    /// Whether it deletes the keys of the mirror of that name.
    pub fn purges(&self, name: &[u8]) -> bool {
        matches!(self, Self::Purge(purge) if purge.name == name)
    }

    /// Takes a step. Gives the job back unless it is done.
    pub fn step(self, ctx: &WriteContext<'_>, registry: &mut Registry) -> Option<Job> {
        match self {
            Self::Check(check) => check.step(ctx, registry).map(|check| Self::Check(Box::new(check))),
            Self::Purge(purge) => purge.step(ctx, registry).map(Self::Purge),
        }
    }
}

impl Check {
    fn step(mut self, ctx: &WriteContext<'_>, registry: &mut Registry) -> Option<Self> {
        let mut met = Vec::new();
        if self.scan.step(ctx, &mut met).is_some() {
            self.found += met.len() as u64;
            return Some(self);
        }
        let outcome = match self.found {
            0 => {
                let scope = Scope::new(&self.parsed.definition);
                // Somebody may have written behind the scan: the first resync sweeps.
                refuse_beside(registry, &self.parsed, &scope).map(|()| add(ctx, registry, self.parsed, false))
            }
            found => Err(ErrorReply::err(format!(
                "the scope holds {found} keys that the mirror would take over: move them, choose another \
                 scope by DB or PREFIX, or say ADOPT"
            ))),
        };
        self.client.unblock(outcome);
        None
    }
}

impl Purge {
    fn step(mut self, ctx: &WriteContext<'_>, registry: &mut Registry) -> Option<Self> {
        // A load brings other mirrors, perhaps one of that name.
        if !registry.find(&self.name).is_some_and(|mirror| mirror.is_dropping) {
            let why = "this server loaded other data meanwhile: MIRROR.DROP the mirror again";
            self.client.unblock(Err(ErrorReply::err(why)));
            return None;
        }
        let (mut met, writer) = (Vec::new(), Writer::new(ctx));
        if let Some(db) = self.scan.step(ctx, &mut met) {
            for key in met {
                self.deleted += u64::from(load::delete(&writer, db, &key).is_ok());
            }
            return Some(self);
        }
        registry.remove(&self.name);
        checkpoint::replicate_drop(ctx, &self.name);
        self.client.unblock(Ok(self.deleted));
        None
    }
}

/// Adds a mirror, from a command.
pub fn create(ctx: &WriteContext<'_>, parsed: Parsed, is_fresh: bool) -> Result<(), Error> {
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    add(ctx, &mut registry, parsed, is_fresh);
    Ok(())
}

fn add(ctx: &WriteContext<'_>, registry: &mut Registry, parsed: Parsed, is_fresh: bool) {
    let Parsed { definition, password } = parsed;
    registry.note_own_replids(ctx);
    checkpoint::replicate_ids(ctx, &registry.own_replids);
    checkpoint::replicate_definition(ctx, &definition);
    let mut mirror = Mirror::new(Stored { definition, checkpoint: Checkpoint::default() }, password);
    mirror.is_fresh = is_fresh;
    mirror.forgot_expired = false;
    mirror.fields_may_expire = false;
    let name = mirror.name();
    ctx.log(
        LogLevel::Notice,
        format!("mirror {name}: created; every replica of this server needs this module"),
    );
    if !ctx.flags().contains(redis_context::ContextFlags::AOF) {
        ctx.log(
            LogLevel::Notice,
            format!("mirror {name}: without appendonly a crash falls back to the last RDB; created after it, the mirror is gone"),
        );
    }
    registry.add(mirror);
    registry.wake();
}
