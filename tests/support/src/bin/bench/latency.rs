use std::time::{Duration, Instant};

use redis_mirror_test_support::sets::STREAMS;
use redis_mirror_test_support::{Result, cmd};

use crate::options::Plan;
use crate::peer::{Follower, Kind, offset, source};
use crate::report::percentile;

const BUDGETS_US: [u32; 3] = [100, 250, 500];
/// The probe asks a thousand times a second, and waits for each answer.
const PROBE_PAUSE: Duration = Duration::from_millis(1);

/// What a local reader feels while the follower applies at full speed: a GET a millisecond from the moment a
/// stopped follower goes on until it has caught up with a million SETs.
pub fn run(plan: &Plan) -> Result<()> {
    if !plan.wants("latency") {
        return Ok(());
    }
    if plan.kinds.contains(&Kind::Ours) {
        for budget in BUDGETS_US {
            print(&format!("ours budget={budget}us"), &rounds(plan, Kind::Ours, Some(budget))?);
        }
    }
    print("native", &rounds(plan, Kind::Native, None)?);
    Ok(())
}

fn rounds(plan: &Plan, kind: Kind, budget: Option<u32>) -> Result<Vec<Duration>> {
    let rounds: Result<Vec<_>> = (0..plan.rounds).map(|_| measure(plan, kind, budget)).collect();
    Ok(rounds?.concat())
}

fn measure(plan: &Plan, kind: Kind, budget: Option<u32>) -> Result<Vec<Duration>> {
    let source = source(plan)?;
    let follower = Follower::start(plan, kind)?;
    if let Some(budget) = budget {
        follower.server.client().call(cmd!("CONFIG SET", "mirror.apply-budget-us", budget))?;
    }
    follower.follow_live(&source)?;
    follower.server.freeze();
    STREAMS[0].load(&mut source.client(), plan.scale)?;
    let end = offset(&source);
    follower.server.thaw();
    probe(&follower, end)
}

fn probe(follower: &Follower, end: i64) -> Result<Vec<Duration>> {
    let mut client = follower.server.client();
    let mut samples = Vec::new();
    // Asking for the offset costs more than a GET: only now and then.
    while samples.len() % 20 != 0 || follower.applied(&mut client)? < end {
        let sent = Instant::now();
        client.call("GET probe")?;
        samples.push(sent.elapsed());
        std::thread::sleep(PROBE_PAUSE.saturating_sub(sent.elapsed()));
    }
    Ok(samples)
}

fn print(name: &str, samples: &[Duration]) {
    let at = |share| percentile(samples.to_vec(), share).as_micros();
    let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), at(1.0));
    println!("bench latency {name} p50={p50}us p99={p99}us p99.9={p999}us max={max}us n={}", samples.len());
}
