//! HK.LIST: steps on one open list.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, ListEnd, LoadContext, Reply, WriteKey,
};

use crate::{answer, count};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"hk.list").flags(CommandFlags::WRITE).keys(1, 1, 1), list)
}

/// HK.LIST key step ..
///
/// GET i | SET i e | INSERT i e | DELETE i | PUSH e | UNSHIFT e | POP | SHIFT | LEN | KEYDEL | UNLINK |
/// EXPIRE ms | EXPIREAT ms | PERSIST | STRING v
fn list<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let mut answers = Vec::new();
    while !args.is_empty() {
        answers.push(answer(step(&mut key, &mut args)));
    }
    Ok(Reply::Array(answers))
}

fn step(key: &mut WriteKey<'_>, args: &mut Args<'_>) -> Result<Reply, Error> {
    let popped = |element: Option<redis_context::RedisString>| element.map_or(Reply::Null, Reply::bulk);
    match args.next_str()? {
        "GET" => Ok(popped(key.list_get(args.next_i64()?)?)),
        "SET" => Ok(count(key.list_set(args.next_i64()?, args.next_arg()?)?)),
        "INSERT" => Ok(count(key.list_insert(args.next_i64()?, args.next_arg()?)?)),
        "DELETE" => Ok(count(key.list_delete(args.next_i64()?)?)),
        "PUSH" => key.list_push(ListEnd::Tail, args.next_arg()?).map(|()| count(true)),
        "UNSHIFT" => key.list_push(ListEnd::Head, args.next_arg()?).map(|()| count(true)),
        "POP" => Ok(popped(key.list_pop(ListEnd::Tail)?)),
        "SHIFT" => Ok(popped(key.list_pop(ListEnd::Head)?)),
        "LEN" => Ok(Reply::Int(key.value_len() as i64)),
        "KEYDEL" => Ok(count(key.delete())),
        "UNLINK" => Ok(count(key.unlink())),
        "EXPIRE" => key.set_expire_in(args.next_u64()?).map(|()| count(true)),
        "EXPIREAT" => key.set_expire_at(args.next_u64()?).map(|()| count(true)),
        "PERSIST" => key.remove_expire().map(|()| count(true)),
        "STRING" => key.set_string(args.next_arg()?).map(|()| count(true)),
        _ => Err(Error::Syntax),
    }
}
