//! Pushes of every server version of this machine: subscriptions, tracking, and connections that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Options, Server, cmd, survey};
use redis_replica::push::{
    Event, HandlerContext, Inbox, InboxLimits, Invalidated, Notification, Processor, Protection, Push,
    RegistryProcessor, SubscriptionKind, Subscriptions, handler,
};
use redis_replica::resp::Value;
use redis_replica::transport::{
    Client, ClientConfig, ClientError, ClientHandle, ConnectionHandle, OwnChanges, Protocol, PushConfig,
    TrackedKeys, Tracking, connect,
};
use redis_replica::{Credentials, Error};

use crate::support::Recorder;

/// Long enough for a machine with other things to do; nothing waits it out when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn with_each_server(options: &dyn Fn() -> Options, test: impl Fn(&Server)) {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    for installed in &servers {
        println!("with {installed}");
        test(&Server::start(installed, options()));
    }
}

fn config(pushes: PushConfig) -> ClientConfig {
    ClientConfig { protocol: Protocol::Resp3(pushes), timeout: PATIENCE, ..ClientConfig::default() }
}

fn open(server: &Server, config: &ClientConfig) -> Result<Client, ClientError> {
    Client::new(connect(&[server.address()], PATIENCE).unwrap(), config)
}

fn resp3(server: &Server) -> Client {
    open(server, &config(PushConfig::default())).unwrap()
}

/// A client, and the inbox of its pushes of these names.
fn with_inbox(server: &Server, names: &[&str]) -> (Client, Inbox) {
    let client = resp3(server);
    let inbox = Inbox::new(InboxLimits::default());
    for name in names {
        client.processor().register(name, Some(Arc::new(inbox.clone())), Protection::Removable).unwrap();
    }
    (client, inbox)
}

#[track_caller]
fn next(client: &mut Client) -> Notification {
    match client.next_event(PATIENCE) {
        Ok(Some(Event::Push(notification))) => notification,
        other => panic!("{other:?} is no push"),
    }
}

/// Until the handlers were told something: pushes have no time at which they come.
#[track_caller]
fn wait_for(client: &mut Client, inbox: &Inbox) -> Notification {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match inbox.take() {
            Some(Event::Push(notification)) => return notification,
            Some(other) => panic!("{other:?} is no push"),
            None => assert_eq!(client.next_event(Duration::from_millis(20)).unwrap(), None),
        }
    }
    panic!("the handlers were told nothing");
}

fn run(server: &Server, words: &str) {
    server.client().run(Command::new(words));
}

fn keys(push: &Notification) -> Vec<Vec<u8>> {
    match push.read() {
        Ok(Push::Invalidate(Invalidated::Keys(keys))) => keys.iter().map(<[u8]>::to_vec).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn p08_tracked_keys_are_invalidated_and_a_flush_is_null() {
    with_each_server(&Options::new, |server| {
        let (mut client, inbox) = with_inbox(server, &["invalidate"]);
        client.track(Tracking::default()).unwrap();
        run(server, "SET k v");
        assert_eq!(client.command(&[b"GET", b"k"]).unwrap(), Value::Bulk(b"v".to_vec()));
        run(server, "SET k w");
        assert_eq!(keys(&wait_for(&mut client, &inbox)), [b"k"]);
        run(server, "FLUSHALL");
        let flushed = wait_for(&mut client, &inbox);
        assert_eq!(flushed.read(), Ok(Push::Invalidate(Invalidated::Everything)));
        client.untrack().unwrap();
        client.command(&[b"GET", b"k"]).unwrap();
        run(server, "SET k x");
        client.command(&[b"PING"]).unwrap();
        assert!(inbox.is_empty(), "no longer tracked");
    });
}

#[test]
fn p08_prefixes_are_tracked_whoever_reads_and_own_changes_may_be_hidden() {
    with_each_server(&Options::new, |server| {
        let (mut client, inbox) = with_inbox(server, &["invalidate"]);
        let keys_of = TrackedKeys::Broadcast(vec![b"user:".to_vec(), b"item:".to_vec()]);
        let own_changes = OwnChanges::Hidden;
        client.track(Tracking { keys: keys_of, own_changes, redirect_to: None }).unwrap();
        client.command(&[b"SET", b"user:own", b"x"]).unwrap();
        run(server, "SET other x");
        run(server, "SET user:1 x");
        assert_eq!(keys(&wait_for(&mut client, &inbox)), [b"user:1"]);
        let refused = client.track(Tracking {
            keys: TrackedKeys::Broadcast(vec![b"user:1".to_vec()]),
            ..Tracking::default()
        });
        assert!(matches!(refused, Err(ClientError::Refused { .. })), "overlapping prefixes: {refused:?}");
        client.command(&[b"PING"]).unwrap();
    });
}

/// Changes of a transaction's own, and replies of every shape around them: nothing changes places.
#[test]
fn p04_a_push_never_takes_a_replys_place_on_real_servers() {
    with_each_server(&Options::new, |server| {
        let (mut client, inbox) = with_inbox(server, &["invalidate"]);
        client.track(Tracking::default()).unwrap();
        client.subscribe(SubscriptionKind::Channel, &[b"news"]).unwrap();
        next(&mut client);
        let mut writer = server.client();
        for round in 0..50 {
            let value = round.to_string();
            writer.run(cmd!("SET", "a", &value));
            let replies = client
                .transaction(&[
                    &[b"GET", b"a"],
                    &[b"SET", b"a", b"mine"],
                    &[b"PUBLISH", b"news", value.as_bytes()],
                    &[b"GET", b"a"],
                    &[b"LRANGE", b"none", b"0", b"-1"],
                ])
                .unwrap();
            assert_eq!(
                replies,
                [
                    Value::Bulk(value.clone().into_bytes()),
                    Value::Simple(b"OK".to_vec()),
                    Value::Integer(1),
                    Value::Bulk(b"mine".to_vec()),
                    Value::Array(vec![]),
                ]
            );
            let news = next(&mut client);
            let payload = value.as_bytes();
            assert_eq!(news.read(), Ok(Push::Message { channel: b"news", payload }));
        }
        wait_until("an invalidation for each round", || {
            client.process_pending().unwrap();
            inbox.len() >= 50
        });
    });
}

#[test]
fn p03_messages_go_to_the_subscriptions() {
    with_each_server(&Options::new, |server| {
        let mut client = resp3(server);
        client.subscribe(SubscriptionKind::Channel, &[b"a", b"b"]).unwrap();
        client.subscribe(SubscriptionKind::Pattern, &[b"p*"]).unwrap();
        client.subscribe(SubscriptionKind::Shard, &[b"shard"]).unwrap();
        let subscriptions = client.subscriptions().clone();
        assert_eq!(subscriptions.names(SubscriptionKind::Channel), [b"a", b"b"]);
        let (channel, pattern, shard) =
            (SubscriptionKind::Channel, SubscriptionKind::Pattern, SubscriptionKind::Shard);
        for (kind, name, count) in
            [(channel, "a", 1), (channel, "b", 2), (pattern, "p*", 3), (shard, "shard", 1)]
        {
            let name = name.as_bytes();
            assert_eq!(next(&mut client).read(), Ok(Push::Subscribed { kind, name, count }));
        }
        for words in ["PUBLISH a 1", "PUBLISH c 2", "PUBLISH pq 3", "SPUBLISH shard 4"] {
            run(server, words);
        }
        let message = |channel, payload| Ok(Push::Message { channel, payload });
        assert_eq!(next(&mut client).read(), message(b"a", b"1"));
        assert_eq!(
            next(&mut client).read(),
            Ok(Push::PatternMessage { pattern: b"p*", channel: b"pq", payload: b"3" })
        );
        assert_eq!(next(&mut client).read(), Ok(Push::ShardMessage { channel: b"shard", payload: b"4" }));
        client.unsubscribe(channel, &[b"a", b"never"]).unwrap();
        assert_eq!(subscriptions.names(channel), [b"b"]);
        for kind in SubscriptionKind::ALL {
            client.unsubscribe(kind, &[]).unwrap();
            assert!(subscriptions.names(kind).is_empty());
        }
        let left: Vec<_> = std::iter::from_fn(|| client.take_event()).collect();
        assert_eq!(left.len(), 4, "one confirmation for each: {left:?}");
        assert_eq!(client.command(&[b"PING"]).unwrap(), Value::Simple(b"PONG".to_vec()));
        assert_eq!(client.processed().unhandled, 0);
    });
}

#[test]
fn p03_a_refused_subscription_leaves_the_client_in_step() {
    with_each_server(&Options::new, |server| {
        run(server, "ACL SETUSER narrow on >pw ~* +@all resetchannels &open");
        let credentials = Some(Credentials::user("narrow", "pw"));
        let mut client =
            open(server, &ClientConfig { credentials, ..config(PushConfig::default()) }).unwrap();
        let refused = client.subscribe(SubscriptionKind::Channel, &[b"open", b"closed"]);
        let Err(ClientError::Refused { reply, .. }) = &refused else { panic!("{refused:?}") };
        assert!(reply.is_error_code("NOPERM"));
        assert!(client.subscriptions().is_settled(SubscriptionKind::Channel, &[b"open", b"closed"]));
        client.subscribe(SubscriptionKind::Channel, &[b"open"]).unwrap();
        run(server, "PUBLISH open x");
        next(&mut client);
        assert_eq!(next(&mut client).read(), Ok(Push::Message { channel: b"open", payload: b"x" }));
    });
}

/// Nobody asked: the slot of a shard channel left the node (removeChannelsInSlot, cluster code of both families).
#[test]
fn p03_a_subscription_that_the_server_ends_is_noted_and_told() {
    with_each_server(&|| Options::new().set("cluster-enabled", "yes"), |server| {
        run(server, "CLUSTER ADDSLOTSRANGE 0 16383");
        let mut client = resp3(server);
        let kind = SubscriptionKind::Shard;
        wait_until("the cluster", || client.subscribe(kind, &[b"shard"]).is_ok());
        assert_eq!(next(&mut client).read(), Ok(Push::Subscribed { kind, name: b"shard", count: 1 }));
        run(server, "CLUSTER DELSLOTSRANGE 0 16383");
        assert_eq!(next(&mut client).read(), Ok(Push::Unsubscribed { kind, name: Some(b"shard"), count: 0 }));
        assert!(!client.subscriptions().contains(kind, b"shard"));
    });
}

#[test]
fn p08_a_broken_redirection_is_told() {
    with_each_server(&Options::new, |server| {
        let (mut told, told_inbox) = with_inbox(server, &["invalidate"]);
        let (mut client, inbox) = with_inbox(server, &["invalidate", "tracking-redir-broken"]);
        let target = told.connection().client_id.unwrap();
        client.track(Tracking { redirect_to: Some(target), ..Tracking::default() }).unwrap();
        client.command(&[b"GET", b"k"]).unwrap();
        run(server, "SET k 1");
        assert_eq!(keys(&wait_for(&mut told, &told_inbox)), [b"k"]);
        assert!(inbox.is_empty(), "the other one is told");
        client.command(&[b"GET", b"k"]).unwrap();
        run(server, &format!("CLIENT KILL ID {target}"));
        run(server, "SET k 2");
        let broken = wait_for(&mut client, &inbox);
        assert_eq!(broken.read(), Ok(Push::TrackingRedirectionBroken { client_id: target }));
    });
}

#[test]
fn p07_a_connection_that_ends_is_told_once() {
    with_each_server(&Options::new, |server| {
        let recorder = Recorder::new();
        let mut client = resp3(server);
        for name in ["invalidate", "other"] {
            client.processor().register(name, Some(recorder.clone()), Protection::Removable).unwrap();
        }
        client.subscribe(SubscriptionKind::Channel, &[b"a"]).unwrap();
        next(&mut client);
        run(server, &format!("CLIENT KILL ID {}", client.connection().client_id.unwrap()));
        assert!(client.next_event(PATIENCE).is_err());
        assert_eq!(client.take_event(), Some(Event::Disconnected));
        assert!(matches!(client.command(&[b"PING"]), Err(ClientError::Broken)));
        assert!(matches!(client.next_event(PATIENCE), Err(ClientError::Broken)));
        let inbox = client.subscriptions().inbox().clone();
        drop(client);
        assert!(inbox.is_empty());
        assert_eq!(recorder.breaks(), 1);
        // One that is dropped has ended too.
        let inbox = resp3(server).subscriptions().inbox().clone();
        assert_eq!(inbox.take(), Some(Event::Disconnected));
    });
}

#[test]
fn p07_messages_that_nobody_takes_leave_a_gap() {
    with_each_server(&Options::new, |server| {
        let inbox = InboxLimits { pushes: 10, ..InboxLimits::default() };
        let mut client = open(server, &config(PushConfig { inbox, ..PushConfig::default() })).unwrap();
        client.subscribe(SubscriptionKind::Channel, &[b"a"]).unwrap();
        next(&mut client);
        let mut publisher = server.client();
        for number in 0..100 {
            publisher.run(cmd!("PUBLISH", "a", number));
        }
        wait_until("all messages", || {
            client.command(&[b"PING"]).unwrap();
            client.subscriptions().inbox().lost() == 90
        });
        for number in 0..10 {
            let payload = number.to_string();
            let payload = payload.as_bytes();
            assert_eq!(next(&mut client).read(), Ok(Push::Message { channel: b"a", payload }));
        }
        assert_eq!(client.take_event(), Some(Event::Gap { lost: 90 }));
        publisher.run(cmd!("PUBLISH", "a", "after"));
        assert_eq!(next(&mut client).read(), Ok(Push::Message { channel: b"a", payload: b"after" }));
    });
}

/// What a handler sees of the client that called it.
#[test]
fn p09_handlers_get_the_clients_handles() {
    with_each_server(&Options::new, |server| {
        let seen: Arc<[AtomicU64; 2]> = Arc::default();
        let counts = seen.clone();
        let look = handler(move |_, context: &HandlerContext<'_>| {
            context.client::<ClientHandle>().ok_or("no client")?;
            context.subscriptions::<Subscriptions>().ok_or("no subscriptions")?;
            let connection = context.connection::<ConnectionHandle>().ok_or("no connection")?;
            assert!(connection.client_id.is_some() && connection.peer.is_some() && connection.number == 1);
            counts[usize::from(context.is_blocking())].fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let processor = Arc::new(RegistryProcessor::with_log(|error| panic!("{error}")));
        processor.register("invalidate", Some(look), Protection::Protected).unwrap();
        let pushes = PushConfig { processor, ..PushConfig::default() };
        let mut client = open(server, &config(pushes)).unwrap();
        client.track(Tracking { keys: TrackedKeys::Broadcast(vec![]), ..Tracking::default() }).unwrap();
        run(server, "SET k 1");
        wait_until("a push in passing", || {
            client.process_pending().unwrap();
            seen[0].load(Ordering::SeqCst) == 1
        });
        run(server, "SET k 2");
        wait_until("a push waited for", || {
            client.next_event(Duration::from_millis(20)).unwrap();
            seen[1].load(Ordering::SeqCst) == 1
        });
        assert_eq!((client.processed().handled, client.processed().failed), (2, 0));
    });
}

#[test]
fn resp3_is_begun_with_credentials() {
    with_each_server(&|| Options::new().set("requirepass", "secret"), |server| {
        run_with_password(server, "ACL SETUSER reader on >pw ~* +@all");
        let with = |credentials| ClientConfig { credentials, ..config(PushConfig::default()) };
        for good in [Credentials::password("secret"), Credentials::user("reader", "pw")] {
            let mut client = open(server, &with(Some(good))).unwrap();
            assert!(matches!(client.command(&[b"CONFIG", b"GET", b"port"]), Ok(Value::Map(_))));
        }
        for bad in [Credentials::password("wrong"), Credentials::user("reader", "wrong")] {
            let refused = open(server, &with(Some(bad)));
            assert!(matches!(refused, Err(ClientError::Auth(Error::WrongPassword))), "{refused:?}");
        }
        let refused = open(server, &with(None));
        assert!(matches!(refused, Err(ClientError::Auth(Error::AuthRequired))), "{refused:?}");
    });
}

fn run_with_password(server: &Server, words: &str) {
    let mut client = server.client();
    // The server's own client has logged in if it was told the password.
    let _ = client.call(cmd!("AUTH", "secret"));
    client.run(Command::new(words));
}

/// Where the protocol has no pushes there is nothing to subscribe to, and commands that answer otherwise are refused.
#[test]
fn p06_a_client_without_pushes_says_so() {
    with_each_server(&Options::new, |server| {
        let mut client = open(server, &ClientConfig::default()).unwrap();
        let needs = |refused| assert!(matches!(refused, Err(ClientError::NeedsResp3)), "{refused:?}");
        needs(client.subscribe(SubscriptionKind::Channel, &[b"a"]));
        needs(client.unsubscribe(SubscriptionKind::Channel, &[]));
        needs(client.track(Tracking::default()));
        needs(client.untrack());
        let refused = client.processor().register("x", Some(Recorder::new()), Protection::Removable);
        assert!(redis_replica::push::is_void_processor(&refused.unwrap_err()));
        for mut client in [client, resp3(server)] {
            for command in ["SUBSCRIBE a", "punsubscribe", "HELLO 3", "RESET", "MONITOR"] {
                let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
                let refused = client.command(&args);
                assert!(matches!(refused, Err(ClientError::NotACall { .. })), "{command}: {refused:?}");
            }
            assert_eq!(client.command(&[b"PING"]).unwrap(), Value::Simple(b"PONG".to_vec()));
        }
    });
}
