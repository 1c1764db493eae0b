//! OA.NAME, OA.USER, OA.INFO, OA.CLOSE, OA.CERT, OA.OBEY, OA.SECRET, OA.PUBLISH.

use redis_context::{Args, Command, CommandContext, Error, LoadContext, Reply};

use crate::ANY;

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"oa.name").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let id = args.next_u64()?;
        match args.next() {
            Some(name) => ctx.set_client_name(id, name.as_bytes()).map(|()| Reply::OK),
            None => Ok(ctx.client_name(id).map(|name| name.as_bytes().to_vec()).into()),
        }
    })?;
    load.command(Command::new(c"oa.user").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        Ok::<Reply, Error>(ctx.client_user_name(args.next_u64()?).map(|name| name.as_bytes().to_vec()).into())
    })?;
    load.command(Command::new(c"oa.info").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let id = args.next_u64()?;
        let shown = ctx.client_info_of(id, |info| format!("{} {}", info.id, info.db));
        Ok::<Reply, Error>(shown.into())
    })?;
    load.command(Command::new(c"oa.close").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        ctx.close_client(args.next_u64()?).map(|()| Reply::OK)
    })?;
    load.command(Command::new(c"oa.cert").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<Reply, Error>(ctx.client_certificate().map(|pem| pem.as_bytes().to_vec()).into())
    })?;
    load.command(Command::new(c"oa.publish").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let to_shard = args.take_keyword("shard");
        let (channel, message) = (args.next_arg()?, args.next_arg()?);
        let publish = |channel: &[u8], message: &[u8]| {
            if to_shard { ctx.publish_shard(channel, message) } else { ctx.publish(channel, message) }
        };
        Ok::<_, Error>(Reply::Int(publish(channel.as_bytes(), message.as_bytes()) as i64))
    })?;
    load.command(Command::new(c"oa.obey").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        ctx.must_obey_client().map(Reply::Bool)
    })?;
    load.command(Command::new(c"oa.secret").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<Reply, Error>(ctx.internal_secret()?.into())
    })
}
