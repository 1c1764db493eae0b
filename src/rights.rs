//! Who may create and change mirrors, and who may see which keys.

use mirror_engine::Scope;
use redis_context::events::ClientFlags;
use redis_context::{CallFlags, CommandContext, Error, ErrorReply, KeyAccess, Permission, ReplyView};

use crate::configs::{self, EnableCreate};

/// Refuses clients that `mirror.enable-create` does not let command mirrors. The server has looked at the ACL
/// before.
pub fn refuse_strangers(ctx: &CommandContext<'_>) -> Result<(), ErrorReply> {
    let may = match configs::enable_create() {
        EnableCreate::Yes => true,
        EnableCreate::No => false,
        EnableCreate::Local => is_local(ctx),
    };
    if may {
        return Ok(());
    }
    Err(denied(format!(
        "mirror.enable-create is {}: set it in the configuration file to local (this machine's clients) or yes to allow \
         this command from here",
        configs::enable_create().word()
    )))
}

/// The same clients that `enable-debug-command local` means (`islocalClient`, networking.c, Redis 7.0).
fn is_local(ctx: &CommandContext<'_>) -> bool {
    let looked = ctx.client_info(|client| {
        client.flags.contains(ClientFlags::UNIX_SOCKET)
            || [&b"127.0.0.1"[..], b"::1"].contains(&client.address)
    });
    looked.unwrap_or(false)
}

/// Refuses a user who may not write every key that the mirror would: a mirror must not lend rights.
pub fn refuse_foreign_scope(ctx: &CommandContext<'_>, scope: &Scope) -> Result<(), ErrorReply> {
    let Some(user) = ctx.user_name() else { return Ok(()) };
    let patterns = writable(ctx, user.as_bytes())?;
    let covers = |prefix: &Vec<u8>| patterns.iter().any(|pattern| covers(pattern, prefix));
    match scope.covering_prefixes().iter().find(|prefix| !covers(prefix)) {
        None => Ok(()),
        Some(prefix) => Err(denied(format!(
            "this user may not write all keys that the mirror would: the ACL rule ~{}* (or ~*) is needed",
            String::from_utf8_lossy(prefix).escape_debug()
        ))),
    }
}

/// Whether this client's user may see a key's name.
pub fn may_see(ctx: &CommandContext<'_>, user: Option<&[u8]>, key: &[u8]) -> bool {
    let Some(user) = user else { return true };
    matches!(ctx.check_key(user, key, KeyAccess::ACCESS), Ok(Permission::Allowed))
}

/// The key patterns that a user may write, from its root permissions. Selectors are left out: they grant keys
/// for some commands only.
fn writable(ctx: &CommandContext<'_>, user: &[u8]) -> Result<Vec<Vec<u8>>, ErrorReply> {
    let reply = ctx.call(c"acl", CallFlags::empty(), &[b"GETUSER", user]).map_err(Error::from)?;
    let ReplyView::Array(mut fields) = reply.view() else { return Ok(Vec::new()) };
    let mut rules = Vec::new();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if name.as_bytes() == Some(b"keys") {
            rules = value.as_bytes().unwrap_or_default().to_vec();
        }
    }
    Ok(rules.split(|byte| *byte == b' ').filter_map(written_pattern).map(<[u8]>::to_vec).collect())
}

/// The pattern of `~pattern`, `%RW~pattern` or `%W~pattern`.
fn written_pattern(rule: &[u8]) -> Option<&[u8]> {
    let tilde = rule.iter().position(|byte| *byte == b'~')?;
    let (rights, pattern) = (rule.get(..tilde)?, rule.get(tilde + 1..)?);
    let writes = rights.is_empty() || (rights.starts_with(b"%") && rights.contains(&b'W'));
    writes.then_some(pattern)
}

/// Whether every key with this prefix matches the pattern. Patterns with anything but a star at their end are
/// taken not to.
fn covers(pattern: &[u8], prefix: &[u8]) -> bool {
    let Some(literal) = pattern.strip_suffix(b"*") else { return false };
    !literal.iter().any(|byte| b"*?[]\\".contains(byte)) && prefix.starts_with(literal)
}

fn denied(why: String) -> ErrorReply {
    ErrorReply::new("NOPERM", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_let_a_user_write_are_told_apart() {
        assert_eq!(written_pattern(b"~a:*"), Some(&b"a:*"[..]));
        assert_eq!(written_pattern(b"%RW~a~b"), Some(&b"a~b"[..]));
        assert_eq!(written_pattern(b"%W~a"), Some(&b"a"[..]));
        assert_eq!((written_pattern(b"%R~a"), written_pattern(b"")), (None, None));
    }

    #[test]
    fn a_pattern_covers_what_it_covers_wholly() {
        for (pattern, prefix, expected) in [
            (&b"*"[..], &b""[..], true),
            (b"*", b"a:", true),
            (b"a:*", b"a:", true),
            (b"a:*", b"a:b:", true),
            (b"a:*", b"a", false),
            (b"a:*", b"", false),
            (b"a:", b"a:", false),
            (b"a?*", b"ab", false),
            (b"a**", b"a", false),
        ] {
            assert_eq!(covers(pattern, prefix), expected, "{pattern:?} {prefix:?}");
        }
    }
}
