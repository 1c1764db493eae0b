use redis_mirror_test_support::Result;
use redis_mirror_test_support::sets::SETS;

use crate::options::Plan;
use crate::peer::{Follower, alternate, source};
use crate::report;

/// From MIRROR.CREATE until the state is `streaming`, against REPLICAOF until the link is up (diskless), each
/// with an empty server.
pub fn run(plan: &Plan) -> Result<()> {
    for set in SETS.iter().filter(|set| plan.wants(set.name)) {
        let source = source(plan)?;
        set.load(&mut source.client(), plan.scale)?;
        let times = alternate(plan, |kind| Follower::start(plan, kind)?.follow(&source))?;
        report::print(set.name, times);
    }
    Ok(())
}
