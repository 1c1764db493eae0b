//! How commands come.

use std::sync::Arc;

use redis_mirror_test_support::{Options as ServerOptions, Server, any_server, cmd};
use redis_replica::Place;
use redis_replica::callback::{
    Batch, Entry, Filter, Filtered, Handled, Handler, HandlerError, Phase, Verdict, Whereabouts,
};
use redis_replica::transport::{DriverError, Replica, ReplicaState, Start, Transactions};

use super::recorder::{Log, options, run, start, with_each_server, words};
use super::scripted::{Answer, accept_psync, command, full_sync, serve, usual};

#[test]
fn v08_transactions_are_one_batch_and_nothing_internal_is_told() {
    with_each_server(|installed| {
        let options_of_source = ServerOptions::new().set("repl-ping-replica-period", 1);
        let server = Server::start(installed, options_of_source);
        let mut client = server.client();
        for (transactions, expected) in [
            (Transactions::Grouped, "live [2] incr a | [2] incr b"),
            (Transactions::Raw, "live [2] multi | [2] incr a | [2] incr b | [2] exec"),
        ] {
            let log = Log::default();
            let replica = start(options(server.address()).transactions(transactions), &log);
            log.wait("streaming");
            let began = replica.offset();
            // The source's pings.
            redis_mirror_test_support::wait::wait_until("a ping", || replica.offset() > began);
            for words in ["SELECT 2", "MULTI", "INCR a", "INCR b", "EXEC", "WAIT 1 1", "SET last 1"] {
                run(&mut client, words);
            }
            log.wait("live [2] set last 1");
            replica.stop().unwrap().1.unwrap();
            assert_eq!(log.batches("live "), [&expected[5..], "[2] set last 1"], "{installed}");
        }
    });
}

#[test]
fn n21_names_are_small_letters_and_arguments_binary() {
    with_each_server(|installed| {
        let server = Server::start(installed, ServerOptions::new());
        let log = Log::default();
        let replica = start(options(server.address()), &log);
        log.wait("streaming");
        server.client().run(cmd!("SeT", b"k\0\r\n\xff".as_slice(), b"".as_slice()));
        log.wait("live [0] set k\\x00\\r\\n\\xff ");
        replica.stop().unwrap().1.unwrap();
    });
}

#[test]
fn n21_several_commands_in_a_packet_and_split_ones_come_in_order() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let stream = [command("SET a 1"), command("SET b 2"), command("SET c 3")].concat();
    for cut in 0..stream.len() {
        let (first, rest) = (full_sync(&stream[..cut]), stream[cut..].to_vec());
        // The acknowledgement of its whole commands tells that the first part has been read; one less by default.
        let whole = cut - cut % command("SET a 1").len();
        let (read, is_answered) = (format!("REPLCONF ACK {}", 99 + whole), AtomicBool::new(false));
        let (address, _) = serve(Arc::new(move |_, request| match request {
            request if request == read && !is_answered.swap(true, Ordering::SeqCst) => {
                Answer::Bytes(rest.clone())
            }
            _ => usual(request, &first),
        }));
        let log = Log::default();
        let mut options = options(address);
        options.driver.connection.timeouts.ack_interval = std::time::Duration::from_millis(5);
        let replica = start(options, &log);
        log.wait("live [0] set c 3");
        assert_eq!(log.batches("live "), ["[0] set a 1", "[0] set b 2", "[0] set c 3"], "{cut}");
        replica.stop().unwrap().1.unwrap();
    }
}

#[test]
fn v15_nothing_is_read_while_a_callback_runs() {
    struct Slow(Arc<std::sync::Mutex<()>>, Log);
    impl Handler for Slow {
        fn batch(&mut self, _: &Batch) -> Result<(), HandlerError> {
            self.1.push("entered");
            drop(self.0.lock().unwrap());
            Ok(())
        }
    }
    // Far more than the sockets and one read hold.
    let big = command(&format!("SET k {}", "x".repeat(1 << 20)));
    let written = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pouring = std::thread::spawn(move || {
        use std::io::Write;
        let mut socket = accept_psync(&listener);
        socket.write_all(&full_sync(b"")).unwrap();
        for _ in 0..64 {
            if socket.write_all(&big).is_err() {
                break;
            }
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        // Closed with acknowledgements unread, it would take back what it sent.
        socket
    });
    let gate = Arc::new(std::sync::Mutex::new(()));
    let closed = gate.lock().unwrap();
    let log = Log::default();
    let replica =
        redis_replica::transport::Replica::start(options(address), Slow(Arc::clone(&gate), log.clone()))
            .unwrap();
    log.wait("entered");
    // Whoever can write no more has stopped at the same count for a while.
    let mut before = usize::MAX;
    redis_mirror_test_support::wait::wait_until("the source to stand still", || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now = written.load(std::sync::atomic::Ordering::SeqCst);
        std::mem::replace(&mut before, now) == now
    });
    let entered = log.count("entered");
    // Before anything can fail: the replica's end waits for the callback.
    drop(closed);
    assert!(before < 64, "the source could send everything");
    assert_eq!(entered, 1);
    let _socket = pouring.join().unwrap();
    redis_mirror_test_support::wait::wait_until("the rest", || log.count("entered") == 64);
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn v18_a_command_tells_db_arguments_keys_and_offset() {
    use redis_replica::keys::Access;
    let mut batch = Batch::new(Phase::Streaming);
    let at = Whereabouts { db: 3, offset: 77, place: Place::Alone };
    for words in [
        "SINTERSTORE to a b",
        "MSET k1 v1 k2 v2",
        "GEORADIUS from 1 2 3 km STORE to",
        "NOSUCH x",
        "ZUNIONSTORE to 9 a",
    ] {
        batch.push(at, words.split(' ').map(str::as_bytes));
    }
    let keys: Vec<_> = batch.iter().map(|entry| entry.keys().map(Iterator::collect::<Vec<_>>)).collect();
    let named = |names: &[(&'static str, Access)]| {
        Some(names.iter().map(|(name, access)| (name.as_bytes(), *access)).collect::<Vec<_>>())
    };
    assert_eq!(keys[0], named(&[("to", Access::Overwrite), ("a", Access::Read), ("b", Access::Read)]));
    assert_eq!(keys[1], named(&[("k1", Access::Overwrite), ("k2", Access::Overwrite)]));
    assert_eq!(keys[2], named(&[("from", Access::Read), ("to", Access::Overwrite)]));
    assert_eq!((&keys[3], &keys[4]), (&None, &None), "unknown, and a count that is not kept");
    let first = batch.iter().next().unwrap();
    assert_eq!((first.db(), first.offset(), first.name()), (3, 77, b"sinterstore".as_slice()));
    assert_eq!(first.to_vec(), [b"sinterstore".as_slice(), b"to", b"a", b"b"]);
}

/// Takes SET alone, and tells what is left.
struct OnlySet(Log);

impl Handler for OnlySet {
    fn command(&mut self, command: &Entry<'_>) -> Result<Handled, HandlerError> {
        if command.name() != b"set" {
            return Ok(Handled::No);
        }
        self.0.push(format!("set {}", words(command)));
        Ok(Handled::Yes)
    }

    fn unhandled(&mut self, command: &Entry<'_>) -> Result<(), HandlerError> {
        self.0.push(format!("unhandled {}", words(command)));
        if command.name() == b"del" { Err("no deletion".into()) } else { Ok(()) }
    }
}

#[test]
fn n24_a_command_that_nobody_handles_is_told_also_behind_a_filter() {
    struct All;
    impl Filter for All {
        type Context = ();
        fn before(&mut self, _: &Entry<'_>) -> Verdict<()> {
            Verdict::Pass(())
        }
    }
    let server = Server::start(any_server(), ServerOptions::new());
    run(&mut server.client(), "RPUSH l a");
    let log = Log::default();
    let handler = Filtered::new(All, OnlySet(log.clone()));
    let replica = Replica::start(options(server.address()).start(Start::AFTER_LOAD), handler).unwrap();
    let mut client = server.client();
    for words in ["SET a 1", "MULTI", "INCR a", "SET b 1", "EXEC", "DEL a", "SET c 1"] {
        run(&mut client, words);
    }
    redis_mirror_test_support::wait::wait_until("the end", || replica.state() == ReplicaState::Ended);
    let (mut handler, result) = replica.stop().unwrap();
    assert!(matches!(&result, Err(DriverError::Observer(error)) if error.to_string() == "no deletion"));
    assert_eq!(
        log.all(),
        [
            "unhandled [0] rpush l a",
            "set [0] set a 1",
            "unhandled [0] incr a",
            "set [0] set b 1",
            "unhandled [0] del a"
        ]
    );
    // Also of what stands before the filter and calls for one command.
    let mut batch = Batch::new(Phase::Streaming);
    batch.push(Whereabouts { db: 0, offset: 1, place: Place::Alone }, [b"other".as_slice()]);
    let entry = batch.iter().next().unwrap();
    assert_eq!(handler.command(&entry).unwrap(), Handled::No);
    handler.unhandled(&entry).unwrap();
    assert_eq!(log.count("unhandled [0] other"), 1);
}

#[test]
fn n24_whoever_handles_nothing_learns_of_it() {
    struct Nothing(Vec<String>);
    impl Handler for Nothing {
        fn note(&mut self, what: &dyn std::fmt::Display) {
            self.0.push(what.to_string());
        }
    }
    let mut batch = Batch::new(Phase::Streaming);
    let at = Whereabouts { db: 0, offset: 1, place: Place::Alone };
    batch.push(at, [b"SET".as_slice(), b"k", b"v"]);
    let mut handler = Nothing(Vec::new());
    handler.batch(&batch).unwrap();
    assert_eq!(handler.0, ["nobody handles set"]);
}
