//! ST.HASH.*

use redis_context::{Args, CommandContext, Error, LoadContext, Reply};

use crate::{read, write};

static SHARED: &[u8] =
    b"bytes of the module's own, %s%n \xff\0\r\n, and enough of them that no server would embed them";

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(write(c"st.hash.share"), share)?;
    load.command(read(c"st.hash.shared"), shared)?;
    load.command(read(c"st.hash.expiry"), expiry)
}

/// ST.HASH.SHARE key field [EMPTY | LEAK text]
fn share<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, field) = (args.next_arg()?, args.next_arg()?);
    let bytes: &'static [u8] = if args.take_keyword("empty") {
        &[]
    } else if let Some(text) = args.take_option("leak")? {
        Box::leak(text.as_bytes().into())
    } else {
        SHARED
    };
    let is_set = ctx.open_write(name)?.hash_set_shared(field, bytes)?;
    Ok(Reply::Int(is_set.into()))
}

/// ST.HASH.SHARED key field
fn shared<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    Ok(Reply::Int(key.hash_is_shared(args.next_arg()?)?.into()))
}

/// ST.HASH.EXPIRY key field
fn expiry<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let at_ms = key.hash_field_expire_at_ms(args.next_arg()?)?;
    Ok(at_ms.map(|at_ms| at_ms.to_string()).into())
}
