//! Very many clients that wait, and end in every way there is.

use std::io::{Read, Write};
use std::net::TcpStream;

use redis_mirror_test_support::wait::{wait_for, wait_until};
use redis_mirror_test_support::{Client, Family, Installed, Random, Server, cmd, raise_file_limit, servers};

use crate::{everything_is_dropped, options};

/// Sockets that the test program needs besides those of the crowd.
const SPARE: u64 = 500;

#[test]
fn of_ten_thousand_clients_that_wait_none_is_leaked() {
    let room = raise_file_limit().saturating_sub(SPARE);
    let mut valkeys = 0;
    for installed in servers() {
        let is_large = match installed.version.family {
            Family::Valkey => std::mem::replace(&mut valkeys, 1) == 0,
            Family::Redis => (installed.version.major, installed.version.minor) == (7, 0),
        };
        let count = room.min(if is_large { 10_000 } else { 1000 });
        println!("on {installed}: {count} clients");
        crowd(installed, count as usize);
    }
}

fn crowd(installed: &Installed, count: usize) {
    let server = Server::start(installed, options().set("maxclients", 12_000).set("timeout", 0));
    let mut client = server.client();
    let mut random = Random::new(count as u64);
    let mut crowd: Vec<Option<(TcpStream, i64)>> =
        (0..count).map(|at| Some(join(&server, at, &mut random))).collect();
    wait_until("some wait", || server.info("clients").number("blocked_clients").is_some_and(|n| n > 0));
    for _ in 0..count / 2 {
        end_one(&mut client, &mut crowd, &mut random);
    }
    client.run("HW.END 3 some");
    client.run("HW.GIVEUP");
    for _ in 0..count / 4 {
        end_one(&mut client, &mut crowd, &mut random);
    }
    client.run("HW.END 1 all");
    client.run("HW.GIVEUP");
    client.run("HW.END 1 all");
    let waiting = || server.info("clients").number("blocked_clients");
    wait_for("nobody waits", || match waiting() {
        Some(0) => Ok(()),
        // A client whose command came only just now.
        other => Err(format!(
            "{other:?}: {:?}",
            (server.client().run("HW.END 1 late"), server.client().run("HW.GIVEUP"))
        )),
    });
    server.client().run("HW.END 1 last");
    let made = everything_is_dropped(&mut client);
    assert!(made as usize >= count, "{made} of {count}");
    drop(crowd);
    println!("  {made} values were made, and as many dropped");
}

/// A client that waits: four in five for anything, one for a key; some with a time-out.
fn join(server: &Server, at: usize, random: &mut Random) -> (TcpStream, i64) {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.write_all(b"CLIENT ID\r\n").expect("sent");
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a reply");
        reply.push(byte[0]);
    }
    let id = String::from_utf8_lossy(&reply[1..reply.len() - 2]).parse().expect("a number");
    let millis = if random.one_in(4) { 1 + random.below(2000) } else { 0 };
    let command = match at % 5 {
        0 => format!("HW.KEYS {millis} POP crowd\r\n"),
        _ => format!("HW.WAIT {millis}\r\n"),
    };
    stream.write_all(command.as_bytes()).expect("sent");
    (stream, id)
}

fn end_one(client: &mut Client, crowd: &mut [Option<(TcpStream, i64)>], random: &mut Random) {
    let at = random.below(crowd.len());
    let Some((_, id)) = &crowd[at] else { return };
    match random.below(6) {
        0 => drop(crowd[at].take()),
        1 => drop(client.call(cmd!("CLIENT", "KILL", "ID", *id))),
        2 => drop(client.call(cmd!("CLIENT", "UNBLOCK", *id, "ERROR"))),
        3 => drop(client.call(cmd!("CLIENT", "UNBLOCK", *id, "TIMEOUT"))),
        4 => drop(client.run(cmd!("RPUSH", "crowd", "x"))),
        _ => drop(client.run("HW.END 50 random")),
    }
}
