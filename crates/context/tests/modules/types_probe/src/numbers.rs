//! Long doubles, and sizes in memory.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, HeapSize, LoadContext, LongDouble, LongDoubleFormat,
    Outcome, RedisString, Reply, Streamed,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let read = CommandFlags::READONLY;
    load.command(Command::new(c"tp.sum").flags(read), sum)?;
    load.command(Command::new(c"tp.number").flags(read), number)?;
    load.command(Command::new(c"tp.sizes").flags(read), sizes)
}

/// TP.SUM number ...: what INCRBYFLOAT would make of them.
fn sum<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let sum =
        args.try_fold(LongDouble::from(0.0), |sum, text| Ok::<_, Error>(sum + text.to_long_double()?))?;
    let streamed: Streamed = ctx.stream(|reply| reply.long_double(sum))?;
    Ok(streamed.into())
}

/// TP.NUMBER text: in both formats, and as a double.
fn number(_: &CommandContext<'_>, mut args: Args<'_>) -> Result<Reply, Error> {
    let number = args.next_arg()?.to_long_double()?;
    Ok(Reply::array([
        Reply::bulk(RedisString::from_long_double(number, LongDoubleFormat::Human)?),
        Reply::bulk(RedisString::from_long_double(number, LongDoubleFormat::Short)?),
        Reply::bulk(number.to_f64().to_string()),
    ]))
}

#[repr(align(64))]
struct Aligned([u8; 100]);

/// TP.SIZES: sizes that the allocator tells, of blocks of a hundred bytes and of none.
fn sizes(_: &CommandContext<'_>, _: Args<'_>) -> Result<Reply, Error> {
    let hundred = "x".repeat(100);
    let aligned = Box::new(Aligned([1; 100]));
    assert!(aligned.0.iter().all(|&byte| byte == 1));
    let all = [
        [Box::new([0u8; 100]).heap_size(), Box::new([0u8; 100]).usable_size()],
        [vec![0u8; 100].into_boxed_slice().heap_size(), vec![0u8; 100].into_boxed_slice().usable_size()],
        [hundred.clone().into_boxed_str().heap_size(), hundred.clone().into_boxed_str().usable_size()],
        [Vec::<u64>::with_capacity(13).heap_size(), Vec::<u64>::with_capacity(13).usable_size()],
        [hundred.heap_size(), hundred.usable_size()],
        [aligned.heap_size(), aligned.usable_size()],
        [
            RedisString::new(hundred.as_bytes()).heap_size(),
            RedisString::new(hundred.as_bytes()).usable_size(),
        ],
        [Box::new(()).heap_size(), Vec::<u8>::new().usable_size()],
    ];
    Ok(Reply::Array(all.into_iter().flatten().map(|size| Reply::Int(size as i64)).collect()))
}
