//! A cluster handle is good for one callback.
use redis_context::{Cluster, Context};

fn keep<'c>(ctx: Context<'c>) -> Option<Cluster<'c>> {
    ctx.cluster()
}

fn main() {
    let _ = keep;
}
