//! Keyspace events and server events.

use redis_context::events::{self, FlushDbEvent, LoadingEvent, PersistenceEvent};
use redis_context::{Error, KeyspaceEvent, LoadContext, NotificationContext, NotifyFlags};

use crate::journal::{note, text};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let classes = NotifyFlags::GENERIC | NotifyFlags::STRING | NotifyFlags::EXPIRED | NotifyFlags::HASH;
    load.subscribe(classes, heard)?;
    load.subscribe(NotifyFlags::STRING, |ctx, event| {
        assert!(event.key.as_bytes() != b"panic:keyspace", "in a keyspace event of {}", ctx.flags().bits());
    })?;
    load.subscribe(NotifyFlags::LOADED, |ctx, event| {
        if event.key.as_bytes().starts_with(b"loaded:") {
            let len = ctx.open_read(event.key).map(|key| key.value_len());
            note(ctx, format!("{} of {len:?}", text(event.key)));
        }
    })?;
    load.subscribe(NotifyFlags::STRING, |ctx, event| {
        if event.key.as_bytes().starts_with(b"read:") {
            let read = ctx.open_read(event.key).and_then(|key| Ok(key.string()?.map(|bytes| bytes.len())));
            note(ctx, format!("{} {} read {read:?}", event.name.to_string_lossy(), text(event.key)));
        }
    })?;
    on_replication(load)?;
    on_data(load)?;
    on_server(load)
}

fn heard(ctx: &NotificationContext<'_>, event: &KeyspaceEvent<'_>) {
    let name = event.name.to_string_lossy();
    note(ctx, format!("key {name} {} db {}", text(event.key), event.db));
    if event.key.as_bytes().starts_with(b"copy:") && &*name == "set" {
        let copied = format!("copied:{}", text(event.key));
        let queued = ctx.after(move |ctx| match ctx.may_write_now() {
            Ok(write) => {
                let flags = redis_context::CallFlags::REPLICATE;
                let done = write.call(c"SET", flags, &[copied.as_bytes(), b"1"]).is_ok();
                note(ctx, format!("after {copied} {done}"));
            }
            Err(error) => note(ctx, format!("after {copied} refused: {error}")),
        });
        if let Err(error) = queued {
            note(ctx, format!("not queued: {error}"));
        }
    }
    if event.key.as_bytes() == b"panic:after" {
        let _ = ctx.after(|_| panic!("in a job after a keyspace event"));
    }
}

fn on_replication(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<events::ReplicationRole>(|ctx, event| {
        let id = event.replication_id.map_or(0, <[u8]>::len);
        note(ctx, format!("role {:?} id {id} primary {}", event.role, event.primary.is_some()));
    })?;
    load.on::<events::ReplicaChange>(|ctx, event| note(ctx, format!("replica {event:?}")))?;
    load.on::<events::PrimaryLink>(|ctx, event| note(ctx, format!("link {event:?}")))?;
    load.on::<events::ReplAsyncLoad>(|ctx, event| note(ctx, format!("async load {event:?}")))
}

fn on_data(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<events::FlushDb>(|ctx, event| {
        note(ctx, format!("flush {event:?} writes {:?}", ctx.may_write_now().err()));
        assert!(event != (FlushDbEvent::Started { db: Some(7) }), "in a server event");
    })?;
    load.on::<events::FlushDb>(|ctx, event| {
        if event == (FlushDbEvent::Started { db: Some(7) }) {
            note(ctx, "the second listener of a flush");
        }
    })?;
    load.on::<events::SwapDb>(|ctx, event| note(ctx, format!("swap {:?}", event.dbs)))?;
    let keys = load.on::<events::Key>(|ctx, event| {
        let (name, held) = (event.name().map(text).unwrap_or_default(), event.key_type());
        let string = event.key().and_then(|key| key.string().ok().flatten()).map(text);
        if name.starts_with("gone:") {
            note(ctx, format!("lost {name} {:?} {held:?} {string:?}", event.fate));
        }
    });
    match keys {
        Err(Error::Unsupported { .. }) => Ok(()),
        other => other,
    }
}

fn on_server(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<events::Loading>(|ctx, event| {
        if event != LoadingEvent::Ended {
            crate::data::forget(ctx);
        }
        note(ctx, format!("loading {event:?}"));
    })?;
    load.on::<events::Persistence>(|ctx, event| {
        if event != PersistenceEvent::Ended {
            note(ctx, format!("persistence {event:?}"));
        }
    })?;
    load.on::<events::ClientChange>(|ctx, event| {
        if let events::ClientChangeEvent::Connected(Some(client)) = event {
            note(ctx, format!("client {} db {}", text(client.address), client.db));
        }
    })?;
    load.on::<events::Config>(|ctx, event| {
        note(ctx, format!("config {:?}", event.names().map(text).collect::<Vec<_>>()));
    })?;
    load.on::<events::ModuleChange>(|ctx, event| note(ctx, format!("module {event:?}")))?;
    load.on::<events::ForkChild>(|ctx, event| note(ctx, format!("fork {event:?}")))?;
    load.on::<events::LoadingProgress>(|ctx, event| note(ctx, format!("progress {event:?}")))?;
    load.on::<events::Shutdown>(|ctx, ()| {
        ctx.log(redis_context::LogLevel::Notice, "hello_events: shutdown")
    })?;
    load.on::<events::CronLoop>(|_, event| {
        // Fires all the time: nothing to note.
        let _ = event.hz;
    })
}
