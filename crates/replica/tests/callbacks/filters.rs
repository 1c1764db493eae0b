//! Filters.

use redis_mirror_test_support::{Options as ServerOptions, Server, any_server};
use redis_replica::callback::{
    Batch, Entry, Filter, Filtered, Handler, HandlerError, Phase, Verdict, Whereabouts, combine,
};
use redis_replica::{Place, transport::Replica};

use super::recorder::{Log, Recorder, options, run, words};

/// Skips keys that begin with `no`, doubles values of keys that begin with `twice`, and tells all it does.
struct Told(&'static str, Log);

impl Filter for Told {
    type Context = String;

    fn before(&mut self, command: &Entry<'_>) -> Verdict<String> {
        self.1.push(format!("{} before {}", self.0, words(command)));
        let key = command.arg(1).unwrap_or_default();
        let context = String::from_utf8_lossy(key).into_owned();
        if key.starts_with(format!("no-{}", self.0).as_bytes()) {
            return Verdict::Skip;
        }
        if key.starts_with(b"twice") && self.0 == "outer" {
            let mut args = command.to_vec();
            let value = args[2].repeat(2);
            args[2] = value;
            return Verdict::Replace(args, context);
        }
        Verdict::Pass(context)
    }

    fn after(&mut self, context: String, outcome: Result<(), &HandlerError>) {
        self.1.push(format!("{} after {context} {}", self.0, outcome.is_ok()));
    }
}

fn batch(lines: &[&str]) -> Batch {
    let mut batch = Batch::new(Phase::Streaming);
    for line in lines {
        let at = Whereabouts { db: 0, offset: 1, place: Place::InTransaction };
        batch.push(at, line.split(' ').map(str::as_bytes));
    }
    batch
}

#[test]
fn v12_filters_see_commands_in_order_and_outcomes_in_reverse() {
    for fails in [false, true] {
        let log = Log::default();
        let filter = combine(Told("outer", log.clone()), Told("inner", log.clone()));
        let mut handler = Recorder::new(&log);
        handler.fail_at = fails.then_some("live [0] set a 1 | [0] set twice 22");
        let mut filtered = Filtered::new(filter, handler);
        let outcome = filtered.batch(&batch(&["SET a 1", "SET no-outer x", "SET no-inner x", "SET twice 2"]));
        assert_eq!(outcome.is_err(), fails);
        let done = !fails;
        assert_eq!(
            log.all(),
            [
                "outer before [0] set a 1".into(),
                "inner before [0] set a 1".into(),
                "outer before [0] set no-outer x".into(),
                "outer before [0] set no-inner x".into(),
                "inner before [0] set no-inner x".into(),
                "outer before [0] set twice 2".into(),
                // What the outer replaced is what the inner sees.
                "inner before [0] set twice 22".into(),
                "live [0] set a 1 | [0] set twice 22".to_owned(),
                format!("inner after twice {done}"),
                format!("outer after twice {done}"),
                format!("inner after a {done}"),
                format!("outer after a {done}"),
            ]
        );
    }
}

#[test]
fn v07_a_batch_that_a_filter_empties_is_not_delivered() {
    let log = Log::default();
    let mut filtered = Filtered::new(Told("outer", log.clone()), Recorder::new(&log));
    filtered.batch(&batch(&["SET no-outer 1"])).unwrap();
    assert_eq!(log.all(), ["outer before [0] set no-outer 1"]);
}

#[test]
fn v07_v12_filters_stand_between_a_server_and_the_handler() {
    let server = Server::start(any_server(), ServerOptions::new());
    let log = Log::default();
    let handler = Filtered::new(Told("outer", Log::default()), Recorder::new(&log));
    let replica = Replica::start(options(server.address()), handler).unwrap();
    log.wait("streaming");
    let mut client = server.client();
    for words in ["SET no-outer 1", "MULTI", "SET no-outer 2", "SET twice ab", "EXEC", "SET last 1"] {
        run(&mut client, words);
    }
    log.wait("live [0] set last 1");
    replica.stop().unwrap().1.unwrap();
    assert_eq!(log.batches("live "), ["[0] set twice abab", "[0] set last 1"]);
}
