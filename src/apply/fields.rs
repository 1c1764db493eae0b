//! Fields of hashes that this server's clock has ended while the source may still renew them.
//!
//! A key that expires fires an event as soon as anybody looks at it. A field is only taken for missing then, and the
//! event comes when it is removed in the background, perhaps after the operation that counted on it.

use mirror_engine::{Access, Batch, Op};
use redis_context::{Context, KeyType, RedisString};

use super::Halt;
use super::ops::Writer;
use crate::mirror::Mirror;

impl Mirror {
    /// Puts the hashes under repair that an operation works on and that may lack a field here.
    pub(super) fn mind_fields(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Halt> {
        let uses = batch.keys(op);
        let worked_on = uses.clone().filter(|used| matches!(used.access, Access::Read | Access::Update));
        let lacking: Vec<_> = worked_on
            .map(|used| (used.db, uses.name(used)))
            .filter(|(db, name)| ctx.select_db(*db).is_ok() && may_lack_a_field(ctx, batch, op, name))
            .map(|(db, name)| (db, name.to_vec()))
            .collect();
        // The slice selects anew what the operation needs.
        let _ = ctx.select_db(op.db);
        self.repair_keys(&lacking)
    }
}

fn may_lack_a_field(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op, name: &[u8]) -> bool {
    let name = RedisString::new(name);
    let Ok(key) = ctx.open_read(&name) else { return false };
    if key.key_type() != KeyType::Hash {
        return false;
    }
    match key.hash_min_expire_at_ms() {
        Ok(first) => first.is_some_and(|at| u128::from(at) <= ctx.now().as_millis()),
        // Valkey does not tell. What expects its fields says so in its reply; an addition begins at nothing.
        Err(_) => batch.added_field(op).is_some_and(|field| {
            let field = RedisString::new(field);
            !key.hash_exists(&field).unwrap_or(true)
        }),
    }
}

/// Whether a key is a hash: after a restart nobody knows which of its fields had expired here.
pub fn is_hash(ctx: &Writer<'_, '_>, name: &[u8]) -> bool {
    let name = RedisString::new(name);
    ctx.open_read(&name).is_ok_and(|key| key.key_type() == KeyType::Hash)
}

/// Whether these dbs have any hash with fields that expire, as far as INFO tells. A db without keys has no line there.
pub fn are_there(ctx: &Context<'_>, dbs: &[u32]) -> bool {
    let Some(info) = ctx.server_info(c"keyspace") else { return true };
    let names = dbs.iter().filter_map(|db| std::ffi::CString::new(format!("db{db}")).ok());
    names.filter_map(|db| info.text(&db).map(<[u8]>::to_vec)).any(|line| {
        let line = String::from_utf8_lossy(&line).into_owned();
        let count = line.split(',').find_map(|pair| {
            let (name, count) = pair.split_once('=')?;
            // Redis 7.4 on, Valkey 9.0 on.
            matches!(name, "subexpiry" | "keys_with_volatile_items").then(|| count.to_owned())
        });
        count.is_none_or(|count| count != "0")
    })
}
