//! A mirror at work: data of every type copied while it changes, a link cut, a server killed, and the proof
//! that both hold the same.
#![forbid(unsafe_code)]

mod screen;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use redis_mirror_test_support::digest::{Mapping, compare};
use redis_mirror_test_support::workload::{Abilities, Dataset, Live, Writer};
use redis_mirror_test_support::{
    Error, Installed, Options, Result, Status, Topology, server, servers, wait::wait_within,
};
use screen::Screen;

const NAME: &str = "demo";
const KEYS: usize = 6_000;
const WRITERS: u64 = 2;
/// Between two bursts of a writer: a few thousand commands a second in all.
const WRITER_PAUSE: Duration = Duration::from_millis(150);
/// How long each act of the play is shown.
const ACT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);

const USAGE: &str = "usage: demo [SOURCE [LOCAL]]   names of installed servers, such as redis70 valkey9";

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let Some((source, local)) = choose(&names) else {
        eprintln!("{USAGE}\ninstalled: {}", installed());
        return ExitCode::from(2);
    };
    match Demo::start(source, local).and_then(|mut demo| demo.run()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\ndemo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// By default the oldest server is the source and the newest of the other family the copy: the pair native
/// replication likes least.
fn choose(names: &[String]) -> Option<(&'static Installed, &'static Installed)> {
    let all = servers();
    match names {
        [] => Some((all.first()?, all.last()?)),
        [one] if !one.starts_with('-') => Some((server(one)?, server(one)?)),
        [source, local] => Some((server(source)?, server(local)?)),
        _ => None,
    }
}

fn installed() -> String {
    servers().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

struct Demo {
    topology: Topology,
    writers: Vec<Writer>,
    screen: Screen,
}

impl Demo {
    fn start(source: &Installed, local: &Installed) -> Result<Self> {
        let screen = Screen::new();
        screen.say(&format!("source  {source}"));
        screen.say(&format!("mirror  {local}, with the module and an append-only file"));
        let options = Options::new().set("repl-backlog-size", "256mb");
        let topology = Topology::start_with(source, options, local, Options::new().durable())?;
        Ok(Demo { topology, writers: Vec::new(), screen })
    }

    fn run(&mut self) -> Result<bool> {
        let (abilities, dataset) = self.load()?;
        for seed in 0..WRITERS {
            let live = Live::over(seed, &abilities, &dataset);
            self.writers.push(Writer::start_with_pause(self.topology.source.address(), live, WRITER_PAUSE));
        }
        self.copy()?;
        self.cut_the_link()?;
        self.kill_the_server()?;
        self.prove()
    }

    /// What both servers can hold: nothing is to be left out.
    fn load(&mut self) -> Result<(Abilities, Dataset)> {
        let mut source = self.topology.source.client();
        let local = Abilities::of(&mut self.topology.local.client())?;
        let abilities = Abilities::of(&mut source)?.shared_with(&local);
        let dataset = Dataset::new(1, KEYS);
        dataset.load_with(&mut source, &abilities)?;
        self.screen.say(&format!("the source holds {KEYS} keys of every type and keeps writing"));
        Ok((abilities, dataset))
    }

    fn copy(&mut self) -> Result<()> {
        self.screen.say(&format!("> MIRROR.CREATE {NAME} {}", self.topology.link.url()));
        let start = Instant::now();
        self.topology.create(NAME, "")?;
        self.watch_until(|status| status.state() == "streaming")?;
        self.screen.say(&format!(
            "the copy is complete after {:.2} s and follows live",
            start.elapsed().as_secs_f64()
        ));
        self.watch_for(ACT)
    }

    fn cut_the_link(&mut self) -> Result<()> {
        let before = self.status()?;
        self.screen.say("cutting the link");
        self.topology.link.cut();
        self.watch_until(|status| recovered(status, &before))?;
        self.tell_recovery(&before)?;
        self.watch_for(ACT)
    }

    fn kill_the_server(&mut self) -> Result<()> {
        let before = self.status()?;
        self.screen.say("killing the mirror's server with kill -9");
        self.topology.local.kill();
        std::thread::sleep(Duration::from_secs(1));
        self.topology.local.try_resume()?;
        self.screen.say("it is back; the position was stored with the data");
        self.watch_until(|status| recovered(status, &before))?;
        self.tell_recovery(&before)?;
        self.watch_for(ACT)
    }

    fn tell_recovery(&self, before: &Status) -> Result<()> {
        let now = self.status()?;
        let gained = |field: &str| now.number(field) - before.number(field);
        let (full, partial) = (gained("full_resyncs"), gained("partial_resyncs"));
        self.screen.say(&format!("streaming again: {partial} partial resync, {full} full ones"));
        Ok(())
    }

    fn prove(&mut self) -> Result<bool> {
        let sent: usize = self.writers.drain(..).map(|writer| writer.stop().commands).sum();
        self.screen.say(&format!("writers stopped after {sent} commands; waiting with MIRROR.WAIT"));
        self.topology.wait_applied(NAME)?;
        let (mut source, mut local) = (self.topology.source.client(), self.topology.local.client());
        let report = compare(&mut source, &mut local, &Mapping::identity())?;
        if report.is_equal() {
            self.screen
                .say(&format!("equal: {} keys, values, expiries, stream groups, all", report.compared));
        } else {
            self.screen.say(&format!("NOT equal: {report}"));
        }
        Ok(report.is_equal())
    }

    fn status(&self) -> Result<Status> {
        Status::read(&mut self.topology.local.client(), NAME)
    }

    fn watch_until(&mut self, done: impl Fn(&Status) -> bool) -> Result<()> {
        let watched = wait_within(PATIENCE, "the mirror", || {
            let status = self.status().map_err(|error| error.to_string())?;
            self.screen.show(&status);
            if done(&status) {
                return Ok(());
            }
            std::thread::sleep(TICK);
            Err(format!("state {} {}", status.state(), status.text("last_error")))
        });
        self.screen.settle();
        watched.map_err(|error| self.explain(error))
    }

    fn watch_for(&mut self, time: Duration) -> Result<()> {
        let start = Instant::now();
        self.watch_until(|_| start.elapsed() >= time)
    }

    fn explain(&self, error: Error) -> Error {
        let name = self.topology.local.installed().to_string();
        Error::Start { name, reason: error.to_string(), log: self.topology.local.log_tail() }
    }
}

/// A new link after the break, and streaming over it.
fn recovered(now: &Status, before: &Status) -> bool {
    let resyncs = |status: &Status| status.number("full_resyncs") + status.number("partial_resyncs");
    now.state() == "streaming" && resyncs(now) > resyncs(before)
}
