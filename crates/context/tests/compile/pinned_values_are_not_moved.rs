//! What is pinned stays where it is: it can't be handed to a defragmentation.
use std::marker::PhantomPinned;
use std::pin::Pin;

use redis_context::DefragContext;

fn move_it(defrag: &mut DefragContext<'_>, pinned: &mut Pin<Box<(u64, PhantomPinned)>>) {
    defrag.boxed(pinned);
}

fn main() {}
