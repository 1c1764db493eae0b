//! Only the event in which the slots' keys are about to be sent takes commands for the other node.
use std::cell::RefCell;

use redis_context::events::{ClusterSlotMigration, ClusterSlotMigrationEvent};
use redis_context::{Error, LoadContext, SlotPropagator};

thread_local! {
    static KEPT: RefCell<Option<SlotPropagator<'static>>> = const { RefCell::new(None) };
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<ClusterSlotMigration>(|_, event| {
        if let ClusterSlotMigrationEvent::MigratePropagate(_, propagator) = event {
            KEPT.with(|kept| *kept.borrow_mut() = Some(propagator));
        }
    })
}

fn main() {
    let _ = init;
}
