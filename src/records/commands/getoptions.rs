//! `RECORD.GETOPTIONS key type|*`

use redis_context::{Arg, Args, CommandContext, CommandInfo, ErrorReply, Reply};

use super::{READS, info};
use crate::records::replies::int;
use crate::records::writing;

pub static INFO: CommandInfo = info(
    c"Reads the options of a type, or with * of the store: those that are set.",
    c"O(1)",
    3,
    READS,
    &[Arg::key(c"key", 0), Arg::string(c"type").summary(c"Or * for the store.")],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let (key, type_name) = (args.next_arg()?, args.next_arg()?.as_bytes());
    args.finish()?;
    writing::read(ctx, key, |store| {
        let fields = if type_name == b"*" {
            let options = store.options();
            vec![
                ("retain", options.retain_ms),
                ("maxchanges", options.changes_max),
                ("maxbytes", options.bytes_max),
            ]
        } else {
            let options = store.type_options(type_name);
            vec![("capacity", options.capacity), ("ttl", options.ttl_ms)]
        };
        let set = fields.into_iter().filter_map(|(name, value)| Some((name, Reply::Int(int(value?)))));
        Ok(Reply::map(set))
    })
}
