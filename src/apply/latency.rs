//! Slices that held the main thread for long, as `LATENCY` shows them.

use std::time::Duration;

use redis_context::{CallFlags, ReplyView, WriteContext};

/// Below this nothing is asked: no threshold is shorter, and most slices are.
const SHORTEST: Duration = Duration::from_millis(1);

/// Adds a sample if the server's latency monitor is on and the slice took as long as it asks for.
pub fn sample(ctx: &WriteContext<'_>, took: Duration) {
    if took < SHORTEST {
        return;
    }
    if threshold(ctx).is_some_and(|threshold| !threshold.is_zero() && took >= threshold) {
        ctx.add_latency_sample(c"mirror-apply", took);
    }
}

fn threshold(ctx: &WriteContext<'_>) -> Option<Duration> {
    let args: [&[u8]; 2] = [b"GET", b"latency-monitor-threshold"];
    let reply = ctx.call(c"config", CallFlags::ERRORS_AS_REPLIES, &args).ok()?;
    let ReplyView::Array(mut items) = reply.view() else { return None };
    let millis = std::str::from_utf8(items.nth(1)?.as_bytes()?).ok()?.parse().ok()?;
    Some(Duration::from_millis(millis))
}
