//! How state reaches the AOF and the replicas: commands of the module's own, replicated with the data.
//!
//! `MIRROR.CHECKPOINT` (its format is `mirror_engine::checkpoint`'s) is the last command of each unit.
//! `MIRROR.STATE format DEFINE .. | DROP name | IDS id ..` tells of definitions and of this server's own
//! replication ids. Both are accepted from the primary and from the AOF alone.

use mirror_engine::checkpoint::names_added_keys;
use mirror_engine::repair::Untold;
use mirror_engine::{Checkpoint, Definition, ReplId};
use redis_context::{
    Args, CommandContext, ContextFlags, ErrorReply, LogLevel, ReplicateFlags, Reply, WriteContext,
};

use crate::mirror::{Mirror, Stored};
use crate::registry::{REGISTRY, Registry};

const FORMAT: &[u8] = b"1";

/// The client id of commands that come from the AOF (`RM_GetClientId`, module.c).
const AOF_CLIENT: u64 = u64::MAX;

/// Propagates a mirror's position, in the unit that is being written.
pub fn replicate(ctx: &WriteContext<'_>, stored: &Stored) {
    send(ctx, c"MIRROR.CHECKPOINT", &stored.checkpoint.encode(&stored.definition.name));
}

/// The same, with what has changed of the keys under repair: there may be thousands, in each of a thousand units a
/// second.
pub fn replicate_change(ctx: &WriteContext<'_>, stored: &Stored, untold: &Untold) {
    match untold {
        Untold::Added(keys) if !stored.checkpoint.pending.is_empty() => {
            let args = stored.checkpoint.encode_added(&stored.definition.name, keys);
            send(ctx, c"MIRROR.CHECKPOINT", &args);
        }
        _ => replicate(ctx, stored),
    }
}

/// Propagates a definition; followers keep the position they have.
pub fn replicate_definition(ctx: &WriteContext<'_>, definition: &Definition) {
    let mut args = vec![FORMAT.to_vec(), b"DEFINE".to_vec()];
    args.extend(definition.encode());
    send(ctx, c"MIRROR.STATE", &args);
}

/// Propagates the end of a mirror.
pub fn replicate_drop(ctx: &WriteContext<'_>, name: &[u8]) {
    send(ctx, c"MIRROR.STATE", &[FORMAT.to_vec(), b"DROP".to_vec(), name.to_vec()]);
}

/// Propagates this server's own replication ids.
pub fn replicate_ids(ctx: &WriteContext<'_>, ids: &[ReplId]) {
    let mut args = vec![FORMAT.to_vec(), b"IDS".to_vec()];
    args.extend(ids.iter().map(|id| id.as_bytes().to_vec()));
    send(ctx, c"MIRROR.STATE", &args);
}

/// Propagates all there is. An AOF that was rewritten without a preamble holds keys and nothing else; what is
/// propagated after the fork stands behind them.
pub fn replicate_all(ctx: &WriteContext<'_>, registry: &Registry) {
    replicate_ids(ctx, &registry.own_replids);
    for mirror in &registry.mirrors {
        replicate_definition(ctx, &mirror.stored.definition);
        replicate(ctx, &mirror.stored);
    }
}

fn send(ctx: &WriteContext<'_>, command: &'static std::ffi::CStr, args: &[Vec<u8>]) {
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    if let Err(error) = ctx.replicate(command, ReplicateFlags::ALL, &args) {
        ctx.log(LogLevel::Warning, format!("a checkpoint could not be propagated: {error}"));
    }
}

/// `MIRROR.CHECKPOINT`.
pub fn checkpoint(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, ErrorReply> {
    refuse_strangers(ctx)?;
    let args: Vec<Vec<u8>> = args.map(|arg| arg.as_bytes().to_vec()).collect();
    let (name, checkpoint) = Checkpoint::decode(&args).map_err(|error| ErrorReply::err(error.to_string()))?;
    let keeps = names_added_keys(&args);
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    registry.set_checkpoint(&name, checkpoint, keeps);
    ctx.replicate_verbatim()?;
    Ok(Reply::OK)
}

/// `MIRROR.STATE`.
pub fn state(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, ErrorReply> {
    refuse_strangers(ctx)?;
    let format = args.next_arg()?;
    if format.as_bytes() != FORMAT {
        return Err(ErrorReply::err("a state of a newer format: load the module version that wrote it"));
    }
    let what = args.next_arg()?.as_bytes().to_ascii_uppercase();
    let rest: Vec<Vec<u8>> = args.map(|arg| arg.as_bytes().to_vec()).collect();
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    match (what.as_slice(), rest.as_slice()) {
        (b"DEFINE", items) => {
            let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
            let definition =
                Definition::decode(&items).map_err(|error| ErrorReply::err(error.to_string()))?;
            registry.set_definition(definition);
        }
        (b"DROP", [name]) => registry.forget(name),
        (b"IDS", ids) => {
            registry.own_replids = ids.iter().filter_map(|id| ReplId::from_bytes(id).ok()).collect();
        }
        _ => return Err(ErrorReply::err("an unknown state")),
    }
    ctx.replicate_verbatim()?;
    Ok(Reply::OK)
}

/// Whether a command comes from the primary, the node that gives a slot away, or the AOF.
pub fn is_replicated(ctx: &CommandContext<'_>) -> bool {
    ctx.flags().contains(ContextFlags::REPLICATED) || is_from_aof(ctx)
}

/// Whether a command comes from the AOF.
pub fn is_from_aof(ctx: &CommandContext<'_>) -> bool {
    ctx.client_id() == AOF_CLIENT
}

/// Clients may not say how far a mirror is.
fn refuse_strangers(ctx: &CommandContext<'_>) -> Result<(), ErrorReply> {
    if is_replicated(ctx) {
        Ok(())
    } else {
        Err(ErrorReply::err("this command is internal to the mirror module"))
    }
}

/// What followers (replicas, and a server that loads its AOF) learn.
impl Registry {
    fn set_checkpoint(&mut self, name: &[u8], mut checkpoint: Checkpoint, keeps_pending: bool) {
        if let Some(staged) = &mut self.staged {
            let Some(stored) = staged.iter_mut().find(|stored| stored.definition.name == name) else {
                return;
            };
            if keeps_pending {
                checkpoint.keep_pending(&stored.checkpoint);
            }
            stored.checkpoint = checkpoint;
        } else if let Some(mirror) = self.find(name) {
            if keeps_pending && checkpoint.pending.is_empty() {
                return mirror.follow_on(checkpoint);
            }
            if keeps_pending {
                checkpoint.keep_pending(&mirror.stored.checkpoint);
            }
            mirror.follow(checkpoint);
        }
    }

    fn set_definition(&mut self, definition: Definition) {
        if let Some(staged) = &mut self.staged {
            match staged.iter_mut().find(|stored| stored.definition.name == definition.name) {
                Some(stored) => stored.definition = definition,
                None => staged.push(Stored { definition, checkpoint: Checkpoint::default() }),
            }
        } else if let Some(mirror) = self.find(&definition.name) {
            mirror.stored.definition = definition;
        } else {
            self.add(Mirror::new(Stored { definition, checkpoint: Checkpoint::default() }, None));
        }
    }

    fn forget(&mut self, name: &[u8]) {
        match &mut self.staged {
            Some(staged) => staged.retain(|stored| stored.definition.name != name),
            None => drop(self.remove(name)),
        }
    }
}
