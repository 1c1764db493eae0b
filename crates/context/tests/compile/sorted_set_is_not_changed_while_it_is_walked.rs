//! The server's walk over a range points into the value: nothing changes it meanwhile.
use redis_context::{Error, RedisString, WriteKey, ZsetStart};

fn remove_all(key: &mut WriteKey<'_>) -> Result<(), Error> {
    for (member, _) in key.zset_by_score(.., ZsetStart::First)? {
        key.zset_remove(&member)?;
    }
    Ok(())
}

fn delete(mut key: WriteKey<'_>, member: &RedisString) -> Result<bool, Error> {
    let range = key.zset_by_name(.., ZsetStart::Last)?;
    key.delete();
    let score = range.key().zset_score(member)?;
    Ok(score.is_some())
}

fn main() {
    let _ = (remove_all, delete);
}
