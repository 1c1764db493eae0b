//! `INFO mirror`. The writer is also called in a crash report, on the thread that crashed: there it writes nothing.

use redis_context::{Error, InfoSection, InfoWriter, LoadContext};

use crate::fault::{self, Site};
use crate::gate;
use crate::mirror::Mirror;
use crate::records;
use crate::registry::REGISTRY;

/// Registers the section.
pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.info(write)
}

fn write(info: &mut InfoWriter<'_>) {
    if info.for_crash_report() {
        return;
    }
    info.section("", |section| {
        // A section is written on the main thread; without a context there is nothing safe to read.
        let Some(ctx) = section.context() else { return };
        let Ok(registry) = REGISTRY.try_borrow(ctx) else { return };
        let mirrors: Vec<(String, Line)> = registry.mirrors.iter().map(line).collect();
        drop(registry);
        let gate = gate::state(ctx);
        fault::hit(Site::Info);
        section.uint("count", mirrors.len() as u64);
        section.text("gate", gate);
        records::write_info(ctx, section);
        for (name, line) in mirrors {
            write_line(section, &name, &line);
        }
    });
}

struct Line {
    state: &'static str,
    source: String,
    applied: u64,
    full: u64,
    partial: u64,
    operations: u64,
    consistent: bool,
    backpressure: bool,
    lag_ms: u64,
    quarantined: u64,
    refused: u64,
}

fn line(mirror: &Mirror) -> (String, Line) {
    let totals = mirror.stored.checkpoint.totals;
    let planned = mirror.link.as_ref().map(|link| link.shared.planned()).unwrap_or_default();
    let line = Line {
        state: mirror.shown().word(),
        source: mirror.stored.definition.source.to_string(),
        applied: mirror.applied().unwrap_or(0),
        full: totals.full_resyncs,
        partial: totals.partial_resyncs,
        operations: mirror.counts.operations,
        consistent: mirror.is_consistent(),
        backpressure: mirror.has_backpressure(),
        lag_ms: mirror.lag_ms(),
        quarantined: planned.losses + mirror.quarantine.count,
        refused: planned.refused_total,
    };
    (mirror.name(), line)
}

fn write_line(section: &mut InfoSection<'_>, name: &str, line: &Line) {
    section.dict(name, |fields| {
        fields.text("state", line.state);
        fields.text("source", &line.source);
        fields.uint("applied_offset", line.applied);
        fields.uint("full_resyncs", line.full);
        fields.uint("partial_resyncs", line.partial);
        fields.uint("operations", line.operations);
        fields.uint("lag_ms", line.lag_ms);
        fields.uint("quarantined", line.quarantined);
        fields.uint("refused", line.refused);
        fields.text("consistent", yes_no(line.consistent));
        fields.text("backpressure", yes_no(line.backpressure));
    });
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
