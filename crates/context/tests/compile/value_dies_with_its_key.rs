//! A value can be looked at only while its key is open.
use redis_context::{Context, Error, NativeType, RedisString, TypeHandle};

fn look<T: NativeType>(ctx: &Context<'_>, name: &RedisString, of: TypeHandle<T>) -> Result<(), Error> {
    let key = ctx.open_read(name)?;
    let value = key.value(of)?;
    drop(key);
    let _ = value.is_some();
    Ok(())
}

fn main() {}
