//! What the server tells the module, translated for the registry.

use redis_context::events::{
    Config, EventLoop, FlushDb, FlushDbEvent, ForkChild, ForkChildEvent, Loading, LoadingEvent,
    ReplAsyncLoad, ReplAsyncLoadEvent, ReplicaChange, ReplicationRole, Shutdown, SwapDb,
};
use redis_context::{
    Context, ContextFlags, Error, EventContext, KeyspaceEvent, LoadContext, NotificationContext, NotifyFlags,
    WriteContext,
};

use crate::apply::{self, Noted};
use crate::fault::{self, Site};
use crate::gate;
use crate::propagation;
use crate::registry::{REGISTRY, Registry};

/// Subscribes to everything but keyspace events, which cost local clients something and are only needed
/// once there is a mirror.
pub fn subscribe(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<EventLoop>(apply::turn)?;
    load.on::<Loading>(on_loading)?;
    // Servers that don't load beside their data have no such event.
    let _ = load.on::<ReplAsyncLoad>(on_async_load);
    load.on::<ReplicationRole>(|ctx, _| {
        propagation::forget(ctx);
        with_registry(ctx, |registry| registry.role_changed(ctx));
    })?;
    load.on::<ForkChild>(on_fork)?;
    load.on::<Config>(|ctx, _| gate::forget(ctx))?;
    load.on::<ReplicaChange>(|ctx, _| {
        propagation::forget(ctx);
        with_registry(ctx, |registry| registry.ids_looked_at = None);
    })?;
    load.on::<FlushDb>(on_flush)?;
    load.on::<Config>(|ctx, _| with_registry(ctx, |registry| registry.note_unit_limits(ctx)))?;
    load.on::<SwapDb>(|ctx, event| {
        let dbs = event.dbs;
        local_accident(ctx, "SWAPDB was run on this server", move |db| {
            dbs.is_none_or(|(a, b)| u32::try_from(a) == Ok(db) || u32::try_from(b) == Ok(db))
        });
    })?;
    load.on::<Shutdown>(|ctx, _| with_registry(ctx, |registry| registry.stop_links("the server shuts down")))
}

/// Subscribes to keyspace events; to be done once.
pub fn watch_keys(ctx: &WriteContext<'_>) -> Result<(), Error> {
    ctx.subscribe(NotifyFlags::ALL, on_key)
}

fn on_key(ctx: &NotificationContext<'_>, event: &KeyspaceEvent<'_>) {
    let is_gone = event.class.intersects(NotifyFlags::EXPIRED | NotifyFlags::EVICTED)
        || event.name.to_bytes() == b"hexpired";
    // On a replica it is the primary that writes.
    if !is_gone && (apply::is_ours(ctx) || ctx.flags().contains(ContextFlags::REPLICA)) {
        return;
    }
    let Ok(db) = u32::try_from(event.db) else { return };
    let noted = Noted { db, key: event.key.as_bytes().to_vec(), is_gone };
    match REGISTRY.try_borrow_mut(ctx) {
        Ok(mut registry) => apply::note_here(&mut registry, &noted),
        Err(_) => apply::note(ctx, noted),
    }
}

fn with_registry(ctx: &EventContext<'_>, act: impl FnOnce(&mut Registry)) {
    // Events of our own making find it in use: they tell nothing new.
    if let Ok(mut registry) = REGISTRY.try_borrow_mut(ctx) {
        registry.contain("in a server event", act);
    }
}

fn on_fork(ctx: &EventContext<'_>, event: ForkChildEvent) {
    propagation::forget(ctx);
    if event == ForkChildEvent::Born && ctx.flags().contains(ContextFlags::PRIMARY) {
        with_registry(ctx, |registry| registry.tell_all(ctx));
    }
}

fn on_loading(ctx: &EventContext<'_>, event: LoadingEvent) {
    with_registry(ctx, |registry| match event {
        LoadingEvent::Started(_) => registry.staged = Some(Vec::new()),
        LoadingEvent::Ended => registry.commit_staged(),
        LoadingEvent::Failed => {
            registry.staged = None;
            // The data set was emptied for a load that brought nothing.
            if !ctx.flags().contains(ContextFlags::ASYNC_LOADING) {
                registry.mirrors.iter_mut().for_each(|mirror| mirror.forget_position());
            }
        }
        _ => {}
    });
}

fn on_async_load(ctx: &EventContext<'_>, event: ReplAsyncLoadEvent) {
    with_registry(ctx, |registry| match event {
        ReplAsyncLoadEvent::Started => registry.staged = Some(Vec::new()),
        ReplAsyncLoadEvent::Aborted => registry.staged = None,
        ReplAsyncLoadEvent::Completed => registry.commit_staged(),
        _ => {}
    });
}

fn on_flush(ctx: &EventContext<'_>, event: FlushDbEvent) {
    let FlushDbEvent::Ended { db } = event else { return };
    local_accident(ctx, "FLUSHALL or FLUSHDB was run on this server", move |own| {
        db.is_none_or(|db| u32::try_from(db) == Ok(own))
    });
}

/// Somebody removed or moved the mirror's keys wholesale: it starts over.
fn local_accident(ctx: &EventContext<'_>, what: &str, touches: impl Fn(u32) -> bool) {
    let flags = ctx.flags();
    if apply::is_ours(ctx) || flags.intersects(ContextFlags::LOADING | ContextFlags::REPLICA) {
        return;
    }
    with_registry(ctx, |registry| {
        for mirror in &mut registry.mirrors {
            mirror.contain("in a server event", |mirror| {
                fault::hit(Site::Event);
                if apply::dbs(ctx, &mirror.scope).into_iter().any(&touches) {
                    mirror.start_over.get_or_insert_with(|| what.to_owned());
                    mirror.is_fresh = false;
                }
            });
        }
        registry.wake();
    });
}

impl Registry {
    /// Has the state told to an AOF that may have been rewritten without it.
    fn tell_all(&mut self, ctx: &Context<'_>) {
        if ctx.flags().contains(ContextFlags::AOF) && gate::may_lack_preamble(ctx) {
            self.has_forked = !self.mirrors.is_empty();
            self.wake();
        }
    }

    fn role_changed(&mut self, ctx: &Context<'_>) {
        self.note_own_replids(ctx);
        if ctx.flags().contains(ContextFlags::REPLICA) {
            self.stop_links("this server became a replica");
            // Dropping them answers the clients that wait.
            self.jobs.clear();
            self.has_forked = false;
            self.mirrors.iter_mut().for_each(|mirror| {
                mirror.is_dropping = false;
                // From here on the primary says where the mirror is.
                mirror.loss_to_tell = false;
            });
        } else {
            self.tell_all(ctx);
        }
        // What expired while we only followed, the primary knew.
        self.mirrors.iter_mut().for_each(|mirror| mirror.forgot_expired = true);
        self.wake();
    }
}
