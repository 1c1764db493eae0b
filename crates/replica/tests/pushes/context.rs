//! p09: what handlers get, and processors of a user's own.

use std::sync::Arc;

use redis_replica::push::{
    Handler, HandlerContext, Operation, Processed, Processor, ProcessorKind, Protection, PushError, Reason,
    RegistryProcessor, take_pending,
};
use redis_replica::resp::Decoder;
use redis_replica::transport::{ClientConfig, ClientError, Protocol, PushConfig};

use crate::peer::Peer;
use crate::support::{Recorder, push};

#[derive(Debug, PartialEq)]
struct MyClient(&'static str);
#[derive(Debug, PartialEq)]
struct MyPool(u32);
#[derive(Debug, PartialEq)]
struct MyPubSub;
#[derive(Debug, PartialEq)]
struct MyConnection(u64);

#[test]
fn p09_a_context_gives_each_handle_as_the_type_it_is() {
    let (client, pool, pub_sub, connection) = (MyClient("c"), MyPool(1), MyPubSub, MyConnection(7));
    let context = HandlerContext::new()
        .with_client(&client)
        .with_pool(&pool)
        .with_subscriptions(&pub_sub)
        .with_connection(&connection)
        .blocking();
    assert_eq!(context.client::<MyClient>(), Some(&client));
    assert_eq!(context.pool::<MyPool>(), Some(&pool));
    assert_eq!(context.subscriptions::<MyPubSub>(), Some(&pub_sub));
    assert_eq!(context.connection::<MyConnection>(), Some(&connection));
    assert!(context.is_blocking());
    assert_eq!(context.client::<MyPool>(), None, "another type is none");
}

#[test]
fn p09_a_context_may_say_nothing() {
    let context = HandlerContext::new();
    assert_eq!(context.client::<MyClient>(), None);
    assert_eq!(context.pool::<MyPool>(), None);
    assert_eq!(context.subscriptions::<MyPubSub>(), None);
    assert_eq!(context.connection::<MyConnection>(), None);
    assert!(!context.is_blocking());
}

/// Takes what it likes and fails at the name `fatal`.
#[derive(Debug, Default)]
struct Own(RegistryProcessor);

impl Processor for Own {
    fn get_handler(&self, name: &str) -> Option<Arc<dyn Handler>> {
        self.0.get_handler(name)
    }

    fn register(
        &self,
        name: &str,
        handler: Option<Arc<dyn Handler>>,
        how: Protection,
    ) -> Result<(), PushError> {
        self.0.register(name, handler, how)
    }

    fn unregister(&self, name: &str) -> Result<(), PushError> {
        self.0.unregister(name)
    }

    fn process_pending(
        &self,
        frames: &mut Decoder,
        context: &HandlerContext<'_>,
    ) -> Result<Processed, PushError> {
        let mut done = Processed::default();
        while let Some(notification) = take_pending(frames).unwrap() {
            let name = notification.name().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
            let name = name.unwrap_or_default();
            if name == "fatal" {
                return Err(PushError::of_processor(
                    ProcessorKind::Custom,
                    Operation::Process,
                    Some(&name),
                    Reason::Other("not here".into()),
                ));
            }
            // Names in any case, unlike the usual one.
            if let Some(handler) = self.get_handler(&name) {
                handler.handle(&notification, context).unwrap();
                done.handled += 1;
            }
        }
        Ok(done)
    }
}

#[test]
fn p09_the_processor_of_a_client_is_replaceable() {
    let (own, recorder) = (Arc::new(Own::default()), Recorder::new());
    own.register("loud", Some(recorder.clone()), Protection::Removable).unwrap();
    let peer = Peer::start(|command, out| match command {
        "PING" => out.extend([push(&["LOUD", "x"]), b"+PONG\r\n".to_vec()].concat()),
        "FATAL" => out.extend([push(&["fatal"]), b"+OK\r\n".to_vec()].concat()),
        _ => out.extend_from_slice(b"%0\r\n"),
    });
    let pushes = PushConfig { processor: own, ..PushConfig::default() };
    let config = ClientConfig { protocol: Protocol::Resp3(pushes), ..ClientConfig::default() };
    let mut client = peer.client(&config);
    client.command(&[b"PING"]).unwrap();
    assert_eq!(recorder.told().len(), 1);
    assert_eq!(client.processed().handled, 1);
    let failed = client.command(&[b"FATAL"]);
    let Err(ClientError::Push(error)) = &failed else { panic!("{failed:?}") };
    assert_eq!((error.processor(), error.operation()), (Some(ProcessorKind::Custom), Operation::Process));
    assert!(matches!(client.command(&[b"PING"]), Err(ClientError::Broken)));
}
