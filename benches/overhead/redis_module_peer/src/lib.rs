//! The commands of the overhead bench with redis-module, in the manner of its own examples.

use redis_module::{Context, NextArg, RedisError, RedisResult, RedisString, RedisValue, redis_module};

fn echo(_: &Context, args: Vec<RedisString>) -> RedisResult {
    let mut args = args.into_iter().skip(1);
    let text = args.next_arg()?;
    args.done()?;
    Ok(RedisValue::BulkRedisString(text))
}

fn get(ctx: &Context, args: Vec<RedisString>) -> RedisResult {
    let mut args = args.into_iter().skip(1);
    let name = args.next_arg()?;
    args.done()?;
    let key = ctx.open_key(&name);
    match key.key_type() {
        redis_module::KeyType::Empty => Ok(RedisValue::Null),
        redis_module::KeyType::String => Ok(key.read()?.map_or(RedisValue::Null, |bytes| bytes.to_vec().into())),
        _ => Err(RedisError::WrongType),
    }
}

fn call(ctx: &Context, args: Vec<RedisString>) -> RedisResult {
    let mut args = args.into_iter().skip(1);
    let name = args.next_arg()?;
    args.done()?;
    ctx.call("GET", &[&name])
}

fn noop(_: &Context, args: Vec<RedisString>) -> RedisResult {
    if args.len() == 2 { Ok(RedisValue::SimpleStringStatic("OK")) } else { Err(RedisError::WrongArity) }
}

redis_module! {
    name: "overhead_redis_module",
    version: 1,
    allocator: (redis_module::alloc::RedisAlloc, redis_module::alloc::RedisAlloc),
    data_types: [],
    commands: [
        ["peer.echo", echo, "readonly fast", 1, 1, 1, ""],
        ["peer.get", get, "readonly fast", 1, 1, 1, ""],
        ["peer.call", call, "readonly fast", 1, 1, 1, ""],
        ["peer.noop", noop, "readonly fast", 1, 1, 1, ""],
    ],
}
