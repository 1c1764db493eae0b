//! A message lies in the buffer of the connection it came by.
use std::cell::RefCell;

use redis_context::{Cluster, ClusterMessage};

thread_local! {
    static KEPT: RefCell<Option<&'static [u8]>> = const { RefCell::new(None) };
}

fn listen(cluster: &Cluster<'_>) {
    let receiver = cluster.receive(1, |_, message: ClusterMessage<'_>| {
        KEPT.with(|kept| *kept.borrow_mut() = Some(message.payload));
    });
    receiver.unwrap().detach();
}

fn main() {
    let _ = listen;
}
