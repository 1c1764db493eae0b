//! Slots: where they are, what happens when they move.

use redis_context::events::{
    self, AtomicSlotMigrationEvent, ClusterSlotMigrationEvent, ClusterSlotMigrationTrimEvent, SlotRanges,
};
use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, MainCell, ModuleOptions, NotifyFlags,
    Reply, SlotPropagator, TrimPause,
};

use crate::{cluster, note};

static PAUSE: MainCell<Option<TrimPause>> = MainCell::new(None);

/// Whether the end of the next migration pauses trimming.
static ARMED: MainCell<bool> = MainCell::new(false);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    if !load.args().take_keyword("fixed") {
        load.set_options(ModuleOptions::HANDLE_ATOMIC_SLOT_MIGRATION);
    }
    load.command(Command::new(c"cp.slot"), slot)?;
    load.command(Command::new(c"cp.local"), local)?;
    load.command(Command::new(c"cp.access"), access)?;
    load.command(Command::new(c"cp.pause"), pause)?;
    load.command(Command::new(c"cp.moved").flags(CommandFlags::WRITE), moved)?;
    if_supported(load.on::<events::ClusterSlotMigration>(|ctx, event| {
        use ClusterSlotMigrationEvent as Event;
        let (what, task) = match event {
            Event::ImportStarted(task) => ("import started", task),
            Event::ImportFailed(task) => ("import failed", task),
            Event::ImportCompleted(task) => ("import completed", task),
            Event::MigrateStarted(task) => ("migrate started", task),
            Event::MigrateFailed(task) => ("migrate failed", task),
            Event::MigrateCompleted(task) => ("migrate completed", task),
            Event::MigratePropagate(task, propagator) => return propagate(ctx, task.slots, &propagator),
            _ => return note(ctx, "unknown".to_owned()),
        };
        if what == "migrate completed" && ARMED.take(ctx) == Ok(true) {
            let pause = ctx.cluster().and_then(|cluster| cluster.pause_trimming().ok());
            note(ctx, format!("paused {}", pause.is_some()));
            let _ = PAUSE.replace(ctx, pause);
        }
        let known = [task.id.is_some(), task.source.is_some(), task.destination.is_some()];
        note(ctx, format!("{what} {} {known:?}", shown(task.slots)));
    }))?;
    if_supported(load.on::<events::ClusterSlotMigrationTrim>(|ctx, event| match event {
        ClusterSlotMigrationTrimEvent::Started(slots) => note(ctx, format!("trim started {}", shown(slots))),
        ClusterSlotMigrationTrimEvent::Completed(slots) => {
            note(ctx, format!("trim completed {}", shown(slots)))
        }
        ClusterSlotMigrationTrimEvent::InBackground(slots) => note(ctx, format!("trim {}", shown(slots))),
        _ => note(ctx, "unknown".to_owned()),
    }))?;
    if_supported(load.on::<events::AtomicSlotMigration>(|ctx, event| {
        use AtomicSlotMigrationEvent as Event;
        let (what, job) = match event {
            Event::ImportStarted(job) => ("import started", job),
            Event::ExportStarted(job) => ("export started", job),
            Event::ImportAborted(job) => ("import aborted", job),
            Event::ExportAborted(job) => ("export aborted", job),
            Event::ImportCompleted(job) => ("import completed", job),
            Event::ExportCompleted(job) => ("export completed", job),
            _ => return note(ctx, "unknown".to_owned()),
        };
        note(ctx, format!("{what} {} {}", shown(job.slots), job.name.map_or(0, <[u8]>::len)));
    }))?;
    if load.args().take_keyword("trimmed") {
        if_supported(load.subscribe(NotifyFlags::KEY_TRIMMED, |ctx, event| {
            note(ctx, format!("trimmed {}", event.key.as_bytes().escape_ascii()));
        }))?;
    }
    Ok(())
}

fn if_supported(result: Result<(), Error>) -> Result<(), Error> {
    if matches!(result, Err(Error::Unsupported { .. })) { Ok(()) } else { result }
}

fn shown(slots: SlotRanges<'_>) -> String {
    let ranges: Vec<String> =
        slots.iter().map(|range| format!("{}-{}", range.start(), range.end())).collect();
    ranges.join(",")
}

/// In the child that sends the slots' keys.
fn propagate(ctx: &redis_context::Context<'_>, slots: SlotRanges<'_>, propagator: &SlotPropagator<'_>) {
    let first = slots.iter().next().map_or(0, |range| *range.start());
    let name = ctx.canonical_key_in_slot(first).unwrap_or_default();
    let key = [b"{", name, b"}sent"].concat();
    let outside = if slots.contains(16_383) { b"".as_slice() } else { b"6ZJ" };
    let results = [
        propagator.propagate(c"cp.moved", &[]),
        propagator.propagate(c"set", &[&key, b"a\0\r\n%s"]),
        propagator.propagate(c"nonesuch", &[]),
        propagator.propagate(c"set", &[&key]),
        propagator.propagate(c"eval", &[b"return 1"]),
        propagator.propagate(c"set", &[outside, b"1"]),
        propagator.propagate(c"mset", &[&key, b"1", outside, b"1"]),
    ];
    for (at, result) in results.iter().enumerate() {
        let said = result.as_ref().err().map_or("sent".to_owned(), ToString::to_string);
        ctx.log_fmt(redis_context::LogLevel::Warning, format_args!("propagate {at}: {said}"));
    }
}

/// CP.SLOT key: by string, by bytes, and a canonical key of that slot.
fn slot<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = args.next_arg()?;
    let slot = ctx.key_slot(key)?;
    let of_bytes = ctx.key_slot_of(key.as_bytes())?;
    let name = ctx.canonical_key_in_slot(slot)?;
    assert!(ctx.canonical_key_in_slot(16_384).is_err());
    Ok(Reply::array([Reply::Int(slot.into()), Reply::Int(of_bytes.into()), Reply::bulk(name)]))
}

/// CP.LOCAL: the ranges of slots that are here.
fn local<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let slots = cluster(ctx)?.local_slots()?;
    Ok(Reply::array(slots.iter().map(|range| format!("{}-{}", range.start(), range.end()))))
}

/// CP.ACCESS slot
fn access<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let slot = u16::try_from(args.next_u64()?).map_err(|_| Error::NotAnInteger)?;
    Ok(cluster(ctx)?.can_access_slot(slot)?.into())
}

/// CP.PAUSE ON | OFF | ARM: trimming, now or when the next migration has ended.
fn pause<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    if args.take_keyword("arm") {
        ARMED.replace(ctx, true)?;
        return Ok(Reply::OK);
    }
    let guard = if args.take_keyword("on") { Some(cluster(ctx)?.pause_trimming()?) } else { None };
    let old = PAUSE.replace(ctx, guard)?;
    drop(old);
    Ok(Reply::OK)
}

/// CP.MOVED: what the other node says of its own accord.
fn moved<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    note(ctx, "told by the other node".to_owned());
    Ok(Reply::OK)
}
