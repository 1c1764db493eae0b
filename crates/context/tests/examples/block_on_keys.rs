//! `examples/block_on_keys`.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Family, Server, Value, cmd, servers};

use crate::harness::{self, Subject, on_each_server};

pub const SUBJECT: Subject = Subject { packages: &["block_on_keys"], drive };

fn drive(server: &Server, client: &mut Client) {
    let mut one = blocked(server, client, "KEYS.POP jobs 2 0");
    client.run("RPUSH jobs a");
    client.run("RPUSH jobs b");
    assert_eq!(answer(&mut one), texts(&["a", "b"]));
    assert_eq!(client.bytes("KEYS.POP jobs 2 50"), None);

    let mut two = blocked(server, client, "KEYS.GET answer 0");
    client.run("KEYS.SET answer 42");
    assert_eq!(answer(&mut two).as_text().as_deref(), Some("42"));

    if is_since_7_2(server) {
        client.run("RPUSH todo x");
        let mut three = blocked(server, client, "KEYS.GONE todo 0");
        client.run("LPOP todo");
        assert_eq!(answer(&mut three).as_text().as_deref(), Some("OK"));
    } else {
        assert!(client.refusal("KEYS.GONE answer 0").contains("came with Redis 7.2"));
    }

    let mut four = blocked(server, client, "KEYS.GET never 0");
    assert_eq!(client.int("KEYS.GIVEUP"), 1);
    assert_eq!(answer(&mut four).error(), Some("GIVENUP nobody will set never"));
    assert_eq!(client.int("KEYS.GIVEUP"), 0);
}

fn is_since_7_2(server: &Server) -> bool {
    let version = &server.installed().version;
    version.family == Family::Valkey || (version.major, version.minor) >= (7, 2)
}

fn texts(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::Bytes(text.as_bytes().to_vec())).collect())
}

/// A client that sent a command and waits.
fn blocked(server: &Server, client: &mut Client, command: impl Into<Command>) -> Client {
    let mut one = server.client();
    let id = one.int("CLIENT ID");
    one.send(&command.into()).expect("sent");
    wait_until("the client waits", || {
        let line = client.text(cmd!("CLIENT", "LIST", "ID", id));
        line.split(' ').any(|field| field.starts_with("flags=") && field.contains('b'))
    });
    one
}

#[track_caller]
fn answer(client: &mut Client) -> Value {
    client.receive().expect("an answer")
}

/// What a replica hears is that elements were popped, of the first client's wait as of any other's.
#[test]
fn what_a_served_client_writes_reaches_the_replica_and_the_aof() {
    for installed in servers() {
        println!("on {installed}");
        let options = || harness::options(&["block_on_keys"]);
        let primary = Server::start(installed, options().durable());
        let replica = Server::start(installed, options());
        replica.replicate(primary.address());
        let mut client = primary.client();
        let mut waiting = blocked(&primary, &mut client, "KEYS.POP jobs 2 0");
        client.run("RPUSH jobs a b c");
        assert_eq!(answer(&mut waiting), texts(&["a", "b"]));
        assert_eq!(client.int("WAIT 1 20000"), 1);
        assert_eq!(replica.client().texts("LRANGE jobs 0 -1"), ["c"]);
        let mut primary = primary;
        primary.kill_and_resume();
        assert_eq!(primary.client().texts("LRANGE jobs 0 -1"), ["c"]);
    }
}

#[test]
fn clients_are_served_in_their_order_as_with_blpop() {
    on_each_server(&["block_on_keys"], |server, client| {
        let mut ours: Vec<Client> = (0..3).map(|_| blocked(server, client, "KEYS.POP jobs 1 0")).collect();
        let mut native: Vec<Client> = (0..3).map(|_| blocked(server, client, "BLPOP other 0")).collect();
        client.run("RPUSH jobs a b");
        client.run("RPUSH other a b");
        for (place, wanted) in ["a", "b"].iter().enumerate() {
            assert_eq!(answer(&mut ours[place]), texts(&[wanted]));
            assert_eq!(answer(&mut native[place]), texts(&["other", wanted]));
        }
        client.run("RPUSH jobs c");
        assert_eq!(answer(&mut ours[2]), texts(&["c"]));
    });
}

#[test]
fn a_value_of_any_bytes_and_size_reaches_who_waits() {
    on_each_server(&["block_on_keys"], |server, client| {
        let big = vec![b'x'; 1 << 20];
        for value in [&b""[..], b"\0%s%n\r\n\xff", &big] {
            let key = &b"k\0%n\xff\r\n"[..];
            client.run(cmd!("DEL", key));
            let mut waiting = blocked(server, client, cmd!("KEYS.GET", key, 0));
            client.run(cmd!("KEYS.SET", key, value));
            assert_eq!(answer(&mut waiting), Value::Bytes(value.to_vec()));
        }
    });
}
