//! A context stays on the server's main thread.
use redis_context::Context;

fn elsewhere(ctx: &Context<'_>) {
    std::thread::scope(|scope| {
        scope.spawn(|| ctx.flags());
    });
}

fn main() {
    let _ = elsewhere;
}
