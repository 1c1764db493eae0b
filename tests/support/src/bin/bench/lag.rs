use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use redis_mirror_test_support::{Client, Command, Result, cmd};

use crate::options::Plan;
use crate::peer::{Follower, Kind, alternate, source};
use crate::report::{median, percentile};

const TIME: Duration = Duration::from_secs(10);
/// The steady load: so many commands every so often, 100,000 a second.
const BURST: usize = 500;
const BURST_PAUSE: Duration = Duration::from_millis(5);
/// A stamp is written this often: the finest lag that shows.
const STAMP_PAUSE: Duration = Duration::from_millis(1);
const SAMPLE_PAUSE: Duration = Duration::from_millis(5);

/// How old the newest stamp is that a reader finds at the follower, while 100,000 commands a second are
/// written to the source.
pub fn run(plan: &Plan) -> Result<()> {
    if !plan.wants("lag") {
        return Ok(());
    }
    let [ours, native] = alternate(plan, |kind| measure(plan, kind))?.map(|rounds| rounds.concat());
    for (name, samples) in [("ours", ours), ("native", native)].into_iter().filter(|(_, all)| !all.is_empty())
    {
        let max = percentile(samples.clone(), 1.0);
        println!("bench lag {name} median={:.1}ms max={:.1}ms", millis(median(samples)), millis(max));
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn measure(plan: &Plan, kind: Kind) -> Result<Vec<Duration>> {
    let source = source(plan)?;
    let follower = Follower::start(plan, kind)?;
    follower.follow_live(&source)?;
    let epoch = Instant::now();
    let stop = Arc::<AtomicBool>::default();
    let threads = [
        repeat(source.address(), Arc::clone(&stop), BURST_PAUSE, |_| burst()),
        repeat(source.address(), Arc::clone(&stop), STAMP_PAUSE, move |_| vec![stamp(epoch)]),
    ];
    let samples = sample(&follower, epoch, plan);
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    }
    samples
}

fn burst() -> Vec<Command> {
    (0..BURST).map(|number| cmd!("SET", format!("key:{number}"), "x".repeat(64))).collect()
}

fn stamp(epoch: Instant) -> Command {
    cmd!("SET", "stamp", epoch.elapsed().as_micros().to_string())
}

fn sample(follower: &Follower, epoch: Instant, plan: &Plan) -> Result<Vec<Duration>> {
    let mut client = follower.server.client();
    let mut samples = Vec::new();
    let start = Instant::now();
    while start.elapsed() < TIME.mul_f64(plan.scale.min(1.0)) {
        let stamp = client.call("GET stamp")?.as_int().and_then(|micros| u64::try_from(micros).ok());
        if let Some(micros) = stamp {
            samples.push(epoch.elapsed().saturating_sub(Duration::from_micros(micros)));
        }
        sleep(SAMPLE_PAUSE);
    }
    Ok(samples)
}

/// Sends commands at a steady pace from a thread of its own.
fn repeat(
    server: SocketAddr,
    stop: Arc<AtomicBool>,
    pause: Duration,
    commands: impl Fn(usize) -> Vec<Command> + Send + 'static,
) -> JoinHandle<Result<()>> {
    spawn(move || {
        let mut client = Client::connect(server)?;
        let start = Instant::now();
        for turn in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            client.pipeline(&commands(turn))?;
            let due = pause * u32::try_from(turn).unwrap_or(u32::MAX);
            sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(())
    })
}
