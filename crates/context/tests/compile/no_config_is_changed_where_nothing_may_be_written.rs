//! A context that only reads changes no config of the server.
use redis_context::{Error, NotificationContext};

fn change(ctx: &NotificationContext<'_>) -> Result<(), Error> {
    ctx.server_config_mut()?.set(c"maxmemory", b"1gb")
}

fn main() {
    let _ = change;
}
