//! RESP3 over TLS: pushes come between the replies, and alone; also such as lie decrypted already while the socket is silent.

use redis_mirror_test_support::{Authority, Command, Installed, Server, cmd};
use redis_replica::push::{
    Event, Inbox, InboxLimits, Invalidated, Notification, Protection, Push, SubscriptionKind,
};
use redis_replica::resp::Value;
use redis_replica::transport::{
    Client, ClientConfig, ClientError, Protocol, PushConfig, TrackedKeys, Tracking,
};
use std::sync::Arc;

use super::{PATIENCE, VERSIONS, good_port, secure, start, trusting, with_each_server};

/// A server that speaks this version of TLS, and a client of it that knows pushes.
fn connected(installed: &Installed, version: &str) -> (Server, Client) {
    let authority = Authority::new("ca");
    let server = start(installed, good_port(&authority), version);
    let stream = secure(server.tls_address(), "localhost", trusting(&authority)).unwrap();
    let protocol = Protocol::Resp3(PushConfig::default());
    let config = ClientConfig { protocol, timeout: PATIENCE, ..ClientConfig::default() };
    let client = Client::new(stream, &config).unwrap();
    (server, client)
}

fn with_each_version(test: impl Fn(Server, Client)) {
    with_each_server(|installed| {
        for version in VERSIONS {
            let (server, client) = connected(installed, version);
            test(server, client);
        }
    });
}

#[track_caller]
fn next(client: &mut Client) -> Notification {
    match client.next_event(PATIENCE) {
        Ok(Some(Event::Push(notification))) => notification,
        other => panic!("{other:?} is no push"),
    }
}

#[test]
fn messages_come_between_replies_and_alone() {
    with_each_version(|server, mut client| {
        client.subscribe(SubscriptionKind::Channel, &[b"news"]).unwrap();
        next(&mut client);
        let mut publisher = server.client();
        for round in 0..50 {
            let payload = round.to_string();
            publisher.run(cmd!("PUBLISH", "news", &payload));
            assert_eq!(client.command(&[b"ECHO", b"a reply"]).unwrap(), Value::Bulk(b"a reply".to_vec()));
            let payload = payload.as_bytes();
            assert_eq!(next(&mut client).read(), Ok(Push::Message { channel: b"news", payload }));
        }
    });
}

/// A transaction's pushes come in one write of the server, and so as one record or a few: what the first read brings
/// shows nowhere on the socket afterwards.
#[test]
fn what_is_decrypted_already_is_not_waited_for() {
    with_each_version(|server, mut client| {
        client.subscribe(SubscriptionKind::Channel, &[b"news"]).unwrap();
        next(&mut client);
        let mut publisher = server.client();
        let long = "x".repeat(40_000);
        for _ in 0..20 {
            publisher.run(Command::new("MULTI"));
            for payload in ["first", long.as_str(), "last"] {
                publisher.run(cmd!("PUBLISH", "news", payload));
            }
            publisher.run(Command::new("EXEC"));
            for payload in ["first", long.as_str(), "last"] {
                let payload = payload.as_bytes();
                assert_eq!(next(&mut client).read(), Ok(Push::Message { channel: b"news", payload }));
            }
        }
    });
}

#[test]
fn no_invalidation_is_lost_among_many() {
    const KEYS: usize = 2000;
    with_each_version(|server, mut client| {
        let inbox = Inbox::new(InboxLimits { pushes: KEYS, ..InboxLimits::default() });
        client
            .processor()
            .register("invalidate", Some(Arc::new(inbox.clone())), Protection::Removable)
            .unwrap();
        client.track(Tracking { keys: TrackedKeys::Broadcast(Vec::new()), ..Tracking::default() }).unwrap();
        let mut writer = server.client();
        for number in 0..KEYS {
            writer.run(cmd!("SET", format!("key {number}"), "v"));
        }
        let mut told = Vec::new();
        while told.len() < KEYS {
            assert_eq!(client.command(&[b"PING"]).unwrap(), Value::Simple(b"PONG".to_vec()));
            while let Some(event) = inbox.take() {
                let Event::Push(push) = event else { panic!("{event:?}") };
                let Ok(Push::Invalidate(Invalidated::Keys(keys))) = push.read() else { panic!("{push:?}") };
                told.extend(keys.iter().map(<[u8]>::to_vec));
            }
        }
        told.sort();
        told.dedup();
        assert_eq!(told.len(), KEYS, "each key once");
    });
}

#[test]
fn a_connection_that_ends_is_told_once() {
    with_each_version(|server, mut client| {
        client.subscribe(SubscriptionKind::Channel, &[b"a"]).unwrap();
        next(&mut client);
        let id = client.connection().client_id.unwrap();
        server.client().run(cmd!("CLIENT", "KILL", "ID", id));
        assert!(client.next_event(PATIENCE).is_err());
        assert_eq!(client.take_event(), Some(Event::Disconnected));
        assert!(matches!(client.command(&[b"PING"]), Err(ClientError::Broken)));
    });
}
