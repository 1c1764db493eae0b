//! MEMORY USAGE beside what the server has given out.

use redis_mirror_test_support::{Command, Server, cmd, wait};

use crate::on_every;

const RECORDS: usize = 10_000;

/// What `used_memory` is once the buffers of other clients are gone.
fn used(server: &Server) -> i64 {
    wait::wait_until("this client is alone", || {
        server.info("clients").number("connected_clients") == Some(1)
    });
    server.info("memory").number("used_memory").expect("a number")
}

/// Puts from a client of its own, which is gone afterwards.
fn fill(server: &Server, put: impl Fn(usize) -> Command) {
    let mut client = server.client();
    let commands: Vec<Command> = (0..RECORDS).map(put).collect();
    for part in commands.chunks(100) {
        client.pipeline(part).expect("puts");
    }
}

/// The estimate is within a twentieth.
#[track_caller]
fn check(server: &Server, empty: i64, what: &str) {
    let taken = used(server) - empty;
    let told = server.client().int("MEMORY USAGE s");
    let each = |bytes: i64| bytes as f64 / RECORDS as f64;
    println!("{}: {what}: {:.1} each, told {:.1}", server.installed(), each(taken), each(told));
    assert!((told - taken).abs() * 20 <= taken, "{what}: {taken} bytes are taken, {told} are told");
}

#[test]
fn usage_is_what_the_server_has_given_out() {
    on_every(|server| {
        // A server with a store and a client of its own: what it makes once is made.
        server.client().run("RECORD.PUT warm SET t 1 x");
        for (bytes, types) in [(0, 1), (16, 1), (17, 1), (100, 40), (1000, 1), (5000, 3)] {
            let put = |number: usize, more: &str| {
                let data = "x".repeat(bytes);
                let type_name = format!("type:{}", number % types);
                let command = cmd!("RECORD.PUT", "s", "SET", type_name, format!("id:{number:06}"), data);
                command.args(more.split_whitespace())
            };
            let what = |kind: &str| format!("{bytes} bytes of data, {types} types, {kind}");
            let empty = used(server);
            fill(server, |number| put(number, ""));
            check(server, empty, &what("all in the log"));
            fill(server, |number| put(number * 7 % RECORDS, ""));
            check(server, empty, &what("put twice"));
            server.client().run("RECORD.TRIM s KEEP 0");
            check(server, empty, &what("trimmed"));
            fill(server, |number| put(number, "PX 100000000"));
            server.client().run("RECORD.TRIM s KEEP 0");
            check(server, empty, &what("with an end"));
            server.client().run("FLUSHALL SYNC");
        }
    });
}

/// Names that are long count too.
#[test]
fn names_of_leases_cursors_and_types_count() {
    on_every(|server| {
        server.client().run("RECORD.PUT warm SET t 1 x");
        let long = |number: usize| format!("{number:0>500}");
        let empty = used(server);
        fill(server, |number| match number % 3 {
            0 => cmd!("RECORD.LEASE", "s", long(number), "ACQUIRE", long(number), "PX", 100_000_000),
            1 => cmd!("RECORD.CURSOR", "s", long(number), "SET", 0, 0),
            _ => cmd!("RECORD.SETOPTIONS", "s", long(number), "TTL", 5),
        });
        check(server, empty, "names of 500 bytes");
    });
}
