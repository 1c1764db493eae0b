//! Measures a snapshot over TLS beside the same one over plain TCP, from a running server: the time it takes, and the
//! time this process computes (Linux tells it; 0 elsewhere).
//!
//! ```text
//! cargo run --release -p redis-replica --features tls --example tls_speed -- HOST PORT TLS-PORT CA-FILE
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use redis_replica::transport::tls::{Roots, TlsConfig, TlsConnector};
use redis_replica::transport::{Driver, DriverConfig, Endpoint, Observer, ObserverError, StopHandle};
use redis_replica::{Command, Position, ReplId, rdb};

const ROUNDS: usize = 5;

/// Times the snapshot: from its first byte to the stream.
struct Stopwatch {
    stop: StopHandle,
    began: Instant,
    took: Duration,
    bytes: usize,
}

impl Observer for Stopwatch {
    fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), ObserverError> {
        self.began = Instant::now();
        Ok(())
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        if let rdb::Item::Entry(entry) = item {
            self.bytes += entry.key.len() + entry.object.body().len();
        }
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), ObserverError> {
        self.took = self.began.elapsed();
        self.stop.stop();
        Ok(())
    }

    fn command(&mut self, _: Command<'_>) -> Result<(), ObserverError> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, tls_port, authority] = args.as_slice() else {
        return Err("usage: tls_speed HOST PORT TLS-PORT CA-FILE".into());
    };
    let began = Instant::now();
    let system = TlsConnector::new(TlsConfig::default()).map(|_| began.elapsed());
    println!("the system's authorities: {system:?}");
    let roots = Roots::Pem(std::fs::read(authority)?);
    let connector = TlsConnector::new(TlsConfig { roots, ..TlsConfig::default() })?;
    for _ in 0..ROUNDS {
        report("plain", host, port, None)?;
        report("TLS", host, tls_port, Some(connector.clone()))?;
    }
    Ok(())
}

fn report(name: &str, host: &str, port: &str, tls: Option<TlsConnector>) -> Result<(), Box<dyn Error>> {
    let mut config = DriverConfig::new(Endpoint::new(host, port.parse()?));
    config.tls = tls;
    let mut driver = Driver::new(config);
    let stop = driver.stop_handle();
    let mut watch = Stopwatch { stop, began: Instant::now(), took: Duration::ZERO, bytes: 0 };
    let before = computed();
    driver.run(&mut watch)?;
    let computed = computed().saturating_sub(before);
    let megabytes = watch.bytes as f64 / 1e6;
    let rate = megabytes / watch.took.as_secs_f64();
    let took = watch.took.as_secs_f64();
    println!("{name}: {megabytes:.0} MB in {took:.3} s, {rate:.0} MB/s, computing {computed:?}");
    Ok(())
}

/// The time this thread has had on a processor.
fn computed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}
