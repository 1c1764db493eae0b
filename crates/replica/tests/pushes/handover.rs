//! p08: a server that moves. Only managed services announce it, so peers here do; the way over is tried on real servers
//! too.

use std::sync::Arc;
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Options, Server, cmd, survey};
use redis_replica::push::{
    Event, HandlerContext, Processor, Protection, Push, RegistryProcessor, SubscriptionKind, handler,
};
use redis_replica::resp::Value;
use redis_replica::transport::{
    Client, ClientConfig, ClientError, ClientHandle, ConnectError, Endpoint, Mover, Protocol, PushConfig,
    Stream, TrackedKeys, Tracking, connect, resolve,
};

use crate::peer::{Journal, Peer};
use crate::support::{Recorder, push};

const PATIENCE: Duration = Duration::from_secs(60);

/// Goes wherever it is told; None leads to the endpoint it has.
#[derive(Debug)]
struct Anywhere(Option<Endpoint>);

impl Mover for Anywhere {
    fn connect(&self, to: Option<&Endpoint>, timeout: Duration) -> Result<Stream, ConnectError> {
        let to = to.or(self.0.as_ref()).ok_or(ConnectError::NoAddress)?;
        connect(&resolve(to, timeout)?, timeout)
    }
}

fn config(processor: Arc<RegistryProcessor>, own: Option<Endpoint>) -> ClientConfig {
    let pushes = PushConfig { processor, mover: Some(Arc::new(Anywhere(own))), ..PushConfig::default() };
    ClientConfig { protocol: Protocol::Resp3(pushes), timeout: PATIENCE, ..ClientConfig::default() }
}

fn endpoint(address: std::net::SocketAddr) -> Endpoint {
    Endpoint::new(address.ip().to_string(), address.port())
}

/// What a server says to a client that subscribes to one channel and tracks.
fn answer(words: &str, out: &mut Vec<u8>) {
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    match name {
        "HELLO" => out.extend_from_slice(b"%1\r\n+id\r\n:7\r\n"),
        "SUBSCRIBE" => {
            let len = rest.len();
            out.extend_from_slice(format!(">3\r\n+subscribe\r\n${len}\r\n{rest}\r\n:1\r\n").as_bytes());
        }
        _ => out.extend_from_slice(b"+OK\r\n"),
    }
}

/// Announces a move in front of the reply to `ANNOUNCE`.
fn announcing(moving: String) -> impl Fn(&str, &mut Vec<u8>) + Send + 'static {
    move |words, out| {
        if words == "ANNOUNCE" {
            out.extend_from_slice(moving.as_bytes());
        }
        answer(words, out);
    }
}

fn moving_to(peer: &Peer) -> String {
    let to = peer.address().to_string();
    format!(">4\r\n+MOVING\r\n:1\r\n:30\r\n${}\r\n{to}\r\n", to.len())
}

#[test]
fn p08_the_new_address_listens_before_the_old_one_is_closed() {
    let journal = Journal::default();
    let new = Peer::named("new", journal.clone(), answer);
    let announced = moving_to(&new);
    let old = Peer::named("old", journal.clone(), move |words, out| {
        // What is published between the new subscription and the end of the old one.
        if words == "PING" {
            out.extend(push(&["message", "news", "the last one"]));
        }
        announcing(announced.clone())(words, out);
    });
    let (processor, recorder) = (Arc::new(RegistryProcessor::new()), Recorder::new());
    processor.register("invalidate", Some(recorder.clone()), Protection::Removable).unwrap();
    let mut client = old.client(&config(processor, None));
    client.subscribe(SubscriptionKind::Channel, &[b"news"]).unwrap();
    client
        .track(Tracking { keys: TrackedKeys::Broadcast(vec![b"u:".to_vec()]), ..Tracking::default() })
        .unwrap();
    client.command(&[b"SELECT", b"3"]).unwrap();
    assert_eq!(client.command(&[b"ANNOUNCE"]).unwrap(), Value::Simple(b"OK".to_vec()));
    assert_eq!(client.moves(), 1, "{:?}", client.move_failure());
    assert_eq!(client.stream().peer_addr().unwrap(), new.address());
    assert_eq!((client.connection().number, client.connection().client_id), (2, Some(7)));
    client.command(&[b"AFTER"]).unwrap();
    wait_until("the end of the old connection", || new.journal().iter().any(|heard| heard == "old: closed"));
    let journal = new.journal();
    let at = |line: &str| {
        journal.iter().position(|heard| heard == line).unwrap_or_else(|| panic!("no {line} in {journal:#?}"))
    };
    let order = [
        "old: ANNOUNCE",
        "new: HELLO 3",
        "new: CLIENT MAINT_NOTIFICATIONS ON",
        "new: SELECT 3",
        "new: SUBSCRIBE news",
        "new: CLIENT TRACKING ON BCAST PREFIX u:",
        "old: PING",
        "old: closed",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{journal:#?}");
    assert!(at("old: PING") < at("new: AFTER"));
    let events: Vec<_> = std::iter::from_fn(|| client.take_event()).collect();
    let [Event::Push(first), Event::Push(again), Event::Push(last)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(first, again, "confirmed by both");
    assert_eq!(last.read(), Ok(Push::Message { channel: b"news", payload: b"the last one" }));
    assert_eq!(recorder.breaks(), 1, "keys that were read before are tracked by nobody");
}

/// Nothing listens there: the old connection goes on, and the reason is told.
#[test]
fn p08_a_move_that_fails_leaves_the_old_connection() {
    let closed = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string() };
    let announced = format!(">4\r\n+MOVING\r\n:1\r\n:30\r\n${}\r\n{closed}\r\n", closed.len());
    let old = Peer::start(announcing(announced));
    let mut client = old.client(&config(Arc::new(RegistryProcessor::new()), None));
    client.command(&[b"ANNOUNCE"]).unwrap();
    assert!(matches!(client.move_failure(), Some(ClientError::Move(_))), "{:?}", client.move_failure());
    assert_eq!(client.moves(), 0);
    assert_eq!(client.command(&[b"PING"]).unwrap(), Value::Simple(b"OK".to_vec()));
}

/// Another connection knows nothing of watched keys: EXEC would run there what must be aborted.
#[test]
fn p08_a_client_stays_while_keys_are_watched() {
    let new = Peer::start(answer);
    let old = Peer::start(announcing(moving_to(&new)));
    let mut client = old.client(&config(Arc::new(RegistryProcessor::new()), None));
    client.command(&[b"WATCH", b"k"]).unwrap();
    client.command(&[b"ANNOUNCE"]).unwrap();
    assert_eq!(client.next_event(Duration::ZERO).unwrap(), None);
    assert_eq!(client.moves(), 0);
    client.command(&[b"EXEC"]).unwrap();
    assert_eq!(client.moves(), 1);
}

#[test]
fn p08_without_an_address_it_connects_anew_to_its_own_after_half_the_time() {
    let new = Peer::start(answer);
    // Half of no time is now; half of an hour is not.
    let old = Peer::start(move |words, out| match words {
        "LATER" => announcing(String::from(">4\r\n+MOVING\r\n:1\r\n:3600\r\n_\r\n"))("ANNOUNCE", out),
        _ => announcing(String::from(">4\r\n+MOVING\r\n:1\r\n:0\r\n_\r\n"))(words, out),
    });
    let mut client = old.client(&config(Arc::new(RegistryProcessor::new()), Some(endpoint(new.address()))));
    client.command(&[b"LATER"]).unwrap();
    assert_eq!(client.moves(), 0);
    client.command(&[b"ANNOUNCE"]).unwrap();
    assert_eq!((client.moves(), client.stream().peer_addr().unwrap()), (1, new.address()));
}

/// A number of seconds is the peer's word.
#[test]
fn p08_any_number_of_seconds_is_harmless() {
    let old = Peer::start(announcing(format!(">4\r\n+MOVING\r\n:1\r\n:{}\r\n_\r\n", i64::MAX)));
    let mut client = old.client(&config(Arc::new(RegistryProcessor::new()), None));
    client.command(&[b"ANNOUNCE"]).unwrap();
    assert_eq!((client.moves(), client.move_failure().is_none()), (0, true));
    assert_eq!((client.processed().handled, client.processed().failed), (1, 0), "it was understood");
}

#[test]
fn p08_moves_are_left_to_the_user_who_wants_them() {
    let (processor, recorder) = (Arc::new(RegistryProcessor::new()), Recorder::new());
    processor.register("MOVING", Some(recorder.clone()), Protection::Removable).unwrap();
    let new = Peer::start(answer);
    let old = Peer::start(announcing(moving_to(&new)));
    let mut client = old.client(&config(processor, None));
    client.command(&[b"ANNOUNCE"]).unwrap();
    assert_eq!((client.moves(), recorder.told().len()), (0, 1));
    assert!(new.journal().is_empty());
}

/// From one real server to the next of the list, while both publish.
#[test]
fn p08_subscriptions_go_along_between_real_servers() {
    let servers: Vec<_> =
        survey().0.iter().map(|installed| Server::start(installed, Options::new())).collect();
    for pair in servers.windows(2) {
        let [from, to] = pair else { continue };
        let target = endpoint(to.address());
        let go = handler(move |_, context: &HandlerContext<'_>| {
            let client = context.client::<ClientHandle>().ok_or("no client")?;
            client.request_move(Some(target.clone()), PATIENCE);
            Ok(())
        });
        let processor = Arc::new(RegistryProcessor::new());
        processor.register("invalidate", Some(go), Protection::Removable).unwrap();
        let stream = connect(&[from.address()], PATIENCE).unwrap();
        let mut client = Client::new(stream, &config(processor, None)).unwrap();
        client.subscribe(SubscriptionKind::Channel, &[b"a", b"b"]).unwrap();
        client.subscribe(SubscriptionKind::Pattern, &[b"p*"]).unwrap();
        client.subscribe(SubscriptionKind::Shard, &[b"s"]).unwrap();
        client.track(Tracking::default()).unwrap();
        client.command(&[b"GET", b"go"]).unwrap();
        let mut source = from.client();
        source.run(cmd!("SET", "go", "now"));
        // Said by the old one after it was left for the new one, and before it is left for good.
        source.run(cmd!("PUBLISH", "a", "from the old"));
        while client.moves() == 0 {
            client.command(&[b"PING"]).unwrap();
            assert!(client.move_failure().is_none(), "{:?}", client.move_failure());
        }
        assert_eq!(client.stream().peer_addr().unwrap(), to.address());
        let mut target = to.client();
        for (command, channel) in [("PUBLISH", "b"), ("PUBLISH", "pq"), ("SPUBLISH", "s")] {
            assert_eq!(target.int(cmd!(command, channel, "from the new")), 1);
        }
        let mut messages = Vec::new();
        while messages.len() < 4 {
            let Some(Event::Push(push)) = client.next_event(PATIENCE).unwrap() else {
                panic!("{messages:?}")
            };
            if let Ok(
                Push::Message { channel, payload }
                | Push::PatternMessage { channel, payload, .. }
                | Push::ShardMessage { channel, payload },
            ) = push.read()
            {
                messages.push((channel.to_vec(), payload.to_vec()));
            }
        }
        let expected =
            [("a", "from the old"), ("b", "from the new"), ("pq", "from the new"), ("s", "from the new")];
        let expected =
            expected.map(|(channel, payload)| (channel.as_bytes().to_vec(), payload.as_bytes().to_vec()));
        assert_eq!(messages, expected);
    }
}
