//! A handle opens values of its own type alone.
use redis_context::{Error, NativeType, ReadKey, TypeHandle};

fn confuse<A: NativeType, B: NativeType>(key: &ReadKey<'_>, of: TypeHandle<A>) -> Result<(), Error> {
    let _: Option<&B> = key.value(of)?;
    Ok(())
}

fn main() {}
