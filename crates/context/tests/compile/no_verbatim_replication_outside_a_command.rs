//! Only a command can be replicated as it stands.
use redis_context::WriteContext;

fn elsewhere(ctx: &WriteContext<'_>) {
    ctx.replicate_verbatim();
}

fn main() {
    let _ = elsewhere;
}
