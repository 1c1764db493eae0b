//! `MIRROR.CREATE name url [option ..]`

use std::net::{IpAddr, SocketAddr};

use mirror_engine::Definition;
use mirror_engine::definition::{self, Parsed};
use mirror_engine::scope::Scope;
use redis_context::{Arg, Args, CommandContext, CommandInfo, ContextFlags, ErrorReply, Outcome, Reply};

use redis_replica::transport::Endpoint;

use crate::apply;
use crate::apply::job::{self, Check, Job};
use crate::configs;
use crate::gate;
use crate::registry::{MIRRORS_MAX, REGISTRY, Registry};
use crate::rights;
use crate::secrets::SecretError;

pub static INFO: CommandInfo = CommandInfo {
    summary: Some(
        c"Creates a mirror: this server holds an exact, live copy of (a part of) another server's data.",
    ),
    complexity: Some(c"O(N) with N the keys of the dbs in its scope, in slices, unless those dbs are empty"),
    since: Some(c"0.1.0"),
    arity: -3,
    args: &[
        Arg::string(c"name"),
        Arg::string(c"url").summary(c"redis[s]://[user@]host[:port][/db]"),
        AUTH,
        TLS,
        Arg::block(c"db", &[Arg::integer(c"source-db"), Arg::integer(c"local-db").token(c"TO").optional()])
            .token(c"DB")
            .optional()
            .multiple_token(),
        Arg::pattern(c"match").token(c"MATCH").optional().multiple_token(),
        Arg::pattern(c"except").token(c"EXCEPT").optional().multiple_token(),
        Arg::string(c"strip").token(c"STRIP").optional(),
        Arg::string(c"prefix").token(c"PREFIX").optional(),
        Arg::word(c"adopt", c"ADOPT").optional().summary(c"Take over the keys that the scope holds."),
        Arg::word(c"paused", c"PAUSED").optional(),
    ],
    ..CommandInfo::EMPTY
};

/// Where the password comes from; of RESUME too.
pub const AUTH: Arg = Arg::one_of(
    c"auth",
    &[
        Arg::block(c"inline", &[Arg::string(c"user"), Arg::string(c"password")])
            .summary(c"Kept in memory only: asked for again after a restart."),
        Arg::string(c"file").token(c"FILE").summary(c"A file in mirror.secrets-dir; its first line counts."),
        Arg::string(c"variable").token(c"ENV").summary(c"An environment variable MIRROR_*."),
    ],
)
.token(c"AUTH")
.optional();

const TLS: Arg = Arg::one_of(
    c"tls",
    &[
        Arg::string(c"ca-file").token(c"CA").summary(c"Trusted instead of the system's authorities."),
        Arg::block(
            c"identity",
            &[Arg::string(c"certificate-file").token(c"CERT"), Arg::string(c"key-file").token(c"KEY")],
        ),
        Arg::string(c"server-name").token(c"SNI"),
        Arg::word(c"insecure", c"INSECURE").summary(c"Any certificate will do."),
    ],
)
.token(c"TLS")
.optional()
.multiple_token();

pub fn run(ctx: &CommandContext<'_>, args: Args<'_>) -> Result<Outcome, ErrorReply> {
    let first = args.position();
    let words: Vec<Vec<u8>> = args.map(|arg| arg.as_bytes().to_vec()).collect();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    for secret in definition::secret_args(&words) {
        ctx.redact(first + secret);
    }
    let parsed = definition::parse(&words).map_err(|error| {
        // A password may stand where none is looked for.
        (2..words.len()).for_each(|at| ctx.redact(first + at));
        ErrorReply::err(error.to_string())
    })?;
    let scope = Scope::new(&parsed.definition);
    rights::refuse(ctx, &scope)?;
    refuse_source(&parsed.definition)?;
    refuse_here(ctx)?;
    {
        let mut registry = REGISTRY.try_borrow_mut(ctx)?;
        refuse_beside(&mut registry, &parsed, &scope)?;
        apply::get_ready(ctx, &mut registry);
    }
    match emptiness(ctx, &scope) {
        Emptiness::Empty => job::create(ctx, parsed, true)?,
        _ if parsed.definition.adopt => job::create(ctx, parsed, false)?,
        Emptiness::Unknown | Emptiness::Filled => return check_first(ctx, parsed),
    }
    Ok(Reply::OK.into())
}

/// Counts the keys in the way before anything is done, in slices, while the client waits.
fn check_first(ctx: &CommandContext<'_>, parsed: Parsed) -> Result<Outcome, ErrorReply> {
    let (blocked, client) =
        ctx.block::<Result<(), ErrorReply>>().on_reply(|_, outcome| outcome.map(|()| Reply::OK)).start()?;
    let mut registry = REGISTRY.try_borrow_mut(ctx)?;
    registry.add_job(Job::Check(Box::new(Check::new(ctx, parsed, client))));
    Ok(blocked.into())
}

/// What can be told of the source before it is connected: an address in figures, a folder that isn't there.
pub fn refuse_source(definition: &Definition) -> Result<(), ErrorReply> {
    let refuse = |error: String| ErrorReply::err(error);
    let source = &definition.source;
    if let Ok(address) = source.host.parse::<IpAddr>() {
        let name = Endpoint::new(source.host.clone(), source.port).to_string();
        let checked = configs::source_policy().check(&name, SocketAddr::new(address, source.port));
        checked.map_err(|denied| refuse(denied.to_string()))?;
    }
    match definition.names_files() && !configs::secrets_dir().is_set() {
        true => Err(refuse(SecretError::NoFolder.to_string())),
        false => Ok(()),
    }
}

/// What this server can't do as it is set up.
fn refuse_here(ctx: &CommandContext<'_>) -> Result<(), ErrorReply> {
    if ctx.flags().contains(ContextFlags::CLUSTER) {
        return Err(ErrorReply::err("mirrors are not supported in cluster mode yet"));
    }
    if ctx.flags().contains(ContextFlags::AOF) && !gate::has_preamble(ctx) {
        return Err(ErrorReply::err(
            "appendonly is on with aof-use-rdb-preamble no, which can't hold a mirror's state: set it to yes",
        ));
    }
    Ok(())
}

/// What the mirrors there are stand in the way of.
pub fn refuse_beside(registry: &mut Registry, parsed: &Parsed, scope: &Scope) -> Result<(), ErrorReply> {
    if registry.find(&parsed.definition.name).is_some() {
        return Err(ErrorReply::err("a mirror of that name exists: choose another, or MIRROR.DROP it first"));
    }
    if registry.mirrors.len() >= MIRRORS_MAX {
        return Err(ErrorReply::err(format!("a server has at most {MIRRORS_MAX} mirrors")));
    }
    let overlapping = registry.mirrors.iter().find(|mirror| mirror.scope.overlaps(scope));
    match overlapping {
        None => Ok(()),
        Some(other) => Err(ErrorReply::err(format!(
            "the scope overlaps that of mirror {}: separate them by DB, MATCH or PREFIX",
            other.name()
        ))),
    }
}

enum Emptiness {
    Empty,
    Filled,
    /// Only a scan can tell.
    Unknown,
}

/// What the sizes of the dbs tell.
fn emptiness(ctx: &CommandContext<'_>, scope: &Scope) -> Emptiness {
    let holds_keys = |db: &u32| ctx.with_db(*db, || ctx.db_size() > 0).unwrap_or(false);
    let filled: Vec<u32> = apply::dbs(ctx, scope).into_iter().filter(holds_keys).collect();
    match filled.as_slice() {
        [] => Emptiness::Empty,
        dbs if dbs.iter().any(|db| scope.whole_db(*db)) => Emptiness::Filled,
        _ => Emptiness::Unknown,
    }
}
