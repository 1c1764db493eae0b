//! `INFO mirror`. The writer also runs in a crash report: it takes no lock and asks the server nothing.

use redis_context::{Error, InfoSection, InfoWriter, LoadContext};

use crate::mirror::Mirror;
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
        let mirrors: Vec<(String, Line)> = match section.context().map(|ctx| REGISTRY.try_borrow(ctx)) {
            Some(Ok(registry)) => registry.mirrors.iter().map(line).collect(),
            _ => return,
        };
        section.uint("count", mirrors.len() as u64);
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
}

fn line(mirror: &Mirror) -> (String, Line) {
    let totals = mirror.stored.checkpoint.totals;
    let line = Line {
        state: mirror.shown().word(),
        source: mirror.stored.definition.source.to_string(),
        applied: mirror.applied().unwrap_or(0),
        full: totals.full_resyncs,
        partial: totals.partial_resyncs,
        operations: mirror.counts.operations,
        consistent: mirror.is_consistent(),
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
        fields.text("consistent", if line.consistent { "yes" } else { "no" });
    });
}
