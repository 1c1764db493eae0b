use std::time::{Duration, Instant};

use redis_mirror_test_support::Result;
use redis_mirror_test_support::sets::{STREAMS, Set};

use crate::options::Plan;
use crate::peer::{Follower, Kind, alternate, offset, source};
use crate::report;

/// Catching up with a million commands. Both followers are stopped in their tracks (SIGSTOP) while the source
/// takes the commands, and timed from SIGCONT until their offset is the source's: neither reconnects, the
/// source does nothing but send, and what it sends it has ready.
pub fn run(plan: &Plan) -> Result<()> {
    for stream in STREAMS.iter().filter(|stream| plan.wants(stream.name)) {
        report::print(stream.name, alternate(plan, |kind| catch_up(plan, stream, kind))?);
    }
    Ok(())
}

fn catch_up(plan: &Plan, stream: &Set, kind: Kind) -> Result<Duration> {
    let source = source(plan)?;
    let follower = Follower::start(plan, kind)?;
    follower.follow_live(&source)?;
    follower.server.freeze();
    stream.load(&mut source.client(), plan.scale)?;
    let end = offset(&source);
    follower.server.thaw();
    follower.catch_up(end, Instant::now())
}
