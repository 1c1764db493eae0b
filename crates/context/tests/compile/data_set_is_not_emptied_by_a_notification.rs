//! A keyspace event is heard in the middle of a command: its listener must not empty the data set.
use redis_context::{AofAfterReset, Error, Freeing, NotificationContext};

fn heard(ctx: &NotificationContext<'_>) -> Result<(), Error> {
    ctx.reset_dataset(Freeing::Now, AofAfterReset::GoesOn)
}

fn main() {
    let _ = heard;
}
