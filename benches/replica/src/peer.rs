//! redis-event, as its documentation uses it: a listener with a handler that only counts.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_event::cmd::Command;
use redis_event::config::Config;
use redis_event::rdb::Object;
use redis_event::{Event, EventHandler, RedisListener, listener};

use crate::source::{Play, REPLID};
use crate::{Reading, timed};

/// Ends the listener when all has come: at the end of its stream it would fail instead.
struct Count {
    commands: u64,
    keys: u64,
    last: Vec<u8>,
}

impl EventHandler for Count {
    fn handle(&mut self, event: Event<'_>) {
        match event {
            Event::AOF(Command::SELECT(_)) => {}
            Event::AOF(_) => self.commands += 1,
            Event::RDB(object) => self.object(&object),
        }
    }
}

impl Count {
    /// A collection comes in parts, each with its key.
    fn object(&mut self, object: &Object<'_>) {
        let key = match object {
            Object::String(value) => value.key,
            Object::List(value) => value.key,
            Object::Set(value) => value.key,
            Object::SortedSet(value) => value.key,
            Object::Hash(value) => value.key,
            Object::Stream(key, _) => key,
            _ => return,
        };
        if key != self.last {
            self.keys += 1;
            self.last = key.to_vec();
        }
    }
}

pub fn read(play: &Play) -> Reading {
    play.play_to(|address| {
        let count = Rc::new(RefCell::new(Count { commands: 0, keys: 0, last: Vec::new() }));
        let running = Arc::new(AtomicBool::new(true));
        let mut builder = listener::Builder::new();
        builder.with_config(config(address.port(), !play.is_snapshot()));
        builder.with_control_flag(Arc::clone(&running));
        builder.with_event_handler(Rc::<RefCell<Count>>::clone(&count));
        let mut listener = builder.build();
        timed(|| {
            // A stream ends with an error: there is no other end.
            let _ = listener.start();
            running.store(false, Ordering::Relaxed);
            let count = count.borrow();
            if play.is_snapshot() { count.keys } else { count.commands }
        })
    })
}

fn config(port: u16, is_aof: bool) -> Config {
    Config {
        is_discard_rdb: false,
        is_aof,
        host: "127.0.0.1".to_owned(),
        port,
        username: String::new(),
        password: String::new(),
        repl_id: if is_aof { REPLID } else { "?" }.to_owned(),
        repl_offset: if is_aof { 0 } else { -1 },
        read_timeout: None,
        write_timeout: None,
        is_tls_enabled: false,
        is_tls_insecure: false,
        identity: None,
        identity_passwd: None,
    }
}
