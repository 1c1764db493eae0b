//! `MIRROR.STATUS [name]`

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use mirror_engine::Definition;
use mirror_engine::checkpoint::State;
use mirror_engine::definition::Scheme;
use redis_context::{Arg, Args, CommandContext, CommandInfo, Context, ErrorReply, Reply};

use super::no_such_mirror;
use crate::gate;
use crate::link::Shared;
use crate::mirror::{Mirror, Shown};
use crate::registry::REGISTRY;
use crate::rights;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(c"How far a mirror is: a map of fields, or with no name a map of all mirrors."),
    complexity: Some(c"O(1) for each mirror"),
    since: Some(c"0.1.0"),
    arity: -1,
    args: &[Arg::string(c"name").optional()],
    ..CommandInfo::EMPTY
};

pub fn run(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, ErrorReply> {
    let name = args.next();
    args.finish()?;
    let user = ctx.user_name();
    let may_see = |key: &[u8]| rights::may_see(ctx, user.as_ref().map(|name| name.as_bytes()), key);
    let registry = REGISTRY.try_borrow(ctx)?;
    let Some(name) = name else {
        let all = registry
            .mirrors
            .iter()
            .map(|mirror| (Reply::bulk(&mirror.stored.definition.name), status(ctx, mirror, &may_see)));
        return Ok(Reply::Map(all.collect()));
    };
    let found = registry.mirrors.iter().find(|mirror| mirror.stored.definition.name == name.as_bytes());
    found.map(|mirror| status(ctx, mirror, &may_see)).ok_or_else(no_such_mirror)
}

fn status(ctx: &Context<'_>, mirror: &Mirror, may_see: &dyn Fn(&[u8]) -> bool) -> Reply {
    let shared = mirror.link.as_ref().map(|link| &*link.shared);
    let mut fields = place(mirror, shared);
    fields.extend(progress(mirror, shared));
    fields.extend(figures(mirror, shared, may_see));
    fields.push(("consistent", yes_no(mirror.is_consistent())));
    fields.push(("gate", text(gate::state(ctx))));
    fields.push(("backpressure", yes_no(mirror.has_backpressure())));
    fields.push(("last_error", text(&last_error(mirror, shared))));
    Reply::map(fields)
}

fn place(mirror: &Mirror, shared: Option<&Shared>) -> Vec<(&'static str, Reply)> {
    let checkpoint = &mirror.stored.checkpoint;
    let since = SystemTime::now() - mirror.changed.since.elapsed();
    let since_ms = since.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let id = checkpoint.position.map_or_else(String::new, |position| position.replid.to_string());
    let applied = mirror.applied().unwrap_or(0);
    let received = shared.map_or(applied, |shared| shared.figures.received_offset.load(Ordering::Relaxed));
    let received = if checkpoint.state == State::Streaming { received.max(applied) } else { received };
    vec![
        ("state", text(mirror.shown().word())),
        ("state_since", number(u64::try_from(since_ms).unwrap_or(0))),
        ("source", text(&mirror.stored.definition.source.to_string())),
        ("tls", text(tls(&mirror.stored.definition))),
        ("credentials", text(mirror.stored.definition.credentials.word())),
        ("source_id", text(&id)),
        ("source_offset", number(received)),
        ("applied_offset", number(applied)),
        ("lag_bytes", number(lag_bytes(mirror, shared, received, applied))),
        ("lag_ms", number(mirror.lag_ms())),
    ]
}

fn tls(definition: &Definition) -> &'static str {
    match (definition.source.scheme, definition.tls.insecure) {
        (Scheme::Tls, true) => "insecure",
        (Scheme::Tls, false) => "verified",
        _ => "no",
    }
}

/// What was received and not applied, planned or not.
fn lag_bytes(mirror: &Mirror, shared: Option<&Shared>, received: u64, applied: u64) -> u64 {
    let spooled = shared.map_or(0, |shared| shared.figures.spooled.load(Ordering::Relaxed));
    let is_behind = mirror.shown() == Shown::Streaming;
    spooled + if is_behind { received.saturating_sub(applied) } else { 0 }
}

fn progress(mirror: &Mirror, shared: Option<&Shared>) -> Vec<(&'static str, Reply)> {
    let total = shared.map_or(0, |shared| shared.figures.keys_total.load(Ordering::Relaxed));
    let done = mirror.counts.keys_done;
    let (ops, keys) = (mirror.rates.operations(), mirror.rates.keys());
    let left = total.saturating_sub(done);
    let eta = if mirror.run.is_loading() && keys > 0 { left / keys } else { 0 };
    vec![
        ("keys_done", number(done)),
        ("keys_total_est", number(total.max(done))),
        ("ops_per_sec", number(ops)),
        ("keys_per_sec", number(keys)),
        ("bytes_read", number(shared.map_or(0, |s| s.figures.bytes_read.load(Ordering::Relaxed)))),
        ("eta_sec", number(eta)),
    ]
}

/// Keys are named to users who may read them.
fn figures(
    mirror: &Mirror,
    shared: Option<&Shared>,
    may_see: &dyn Fn(&[u8]) -> bool,
) -> Vec<(&'static str, Reply)> {
    let totals = mirror.stored.checkpoint.totals;
    let planned = shared.map(Shared::planned).unwrap_or_default();
    let lost = planned.lost.iter().chain(&mirror.quarantine.keys).filter(|lost| may_see(&lost.key));
    let lost = lost.map(|key| {
        Reply::map([
            ("db", number(key.db.into())),
            ("key", Reply::bulk(&key.key)),
            ("reason", text(&key.reason)),
        ])
    });
    let refused = planned.refused.iter().map(|(name, count)| (text(name), number(*count)));
    vec![
        ("full_resyncs", number(totals.full_resyncs)),
        ("partial_resyncs", number(totals.partial_resyncs)),
        ("history_forked", number(totals.history_forks)),
        ("disconnects", number(shared.map_or(0, |s| s.figures.disconnects.load(Ordering::Relaxed)))),
        ("operations", number(mirror.counts.operations)),
        ("filtered", number(planned.filtered)),
        ("looped", number(planned.looped)),
        ("refused", number(planned.refused_total)),
        ("refused_commands", Reply::Map(refused.collect())),
        ("quarantined", number(planned.losses + mirror.quarantine.count)),
        ("quarantined_keys", Reply::array(lost)),
        ("under_repair", number(mirror.repairs.len() as u64)),
        ("repaired", number(mirror.counts.repaired)),
        ("local_writes", number(mirror.counts.local_writes)),
        ("swept", number(mirror.counts.swept)),
        ("largest_unit_us", number(mirror.counts.largest_unit_us)),
    ]
}

fn last_error(mirror: &Mirror, shared: Option<&Shared>) -> String {
    let link = shared.and_then(Shared::last_error);
    let newest = link.into_iter().chain(mirror.last_refusal.clone()).max_by_key(|(at, _)| *at);
    mirror.failure.clone().or(newest.map(|(_, text)| text)).unwrap_or_default()
}

fn text(text: &str) -> Reply {
    Reply::bulk(text)
}

fn number(number: u64) -> Reply {
    Reply::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn yes_no(yes: bool) -> Reply {
    text(if yes { "yes" } else { "no" })
}
