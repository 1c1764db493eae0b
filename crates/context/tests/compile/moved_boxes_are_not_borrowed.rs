//! A box that is moved by a defragmentation is not looked at meanwhile.
use redis_context::DefragContext;

fn look(defrag: &mut DefragContext<'_>, boxed: &mut Box<u64>) -> u64 {
    let value: &u64 = boxed;
    defrag.boxed(boxed);
    *value
}

fn main() {}
