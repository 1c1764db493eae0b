//! Who may create and change mirrors, and who may see which keys.

use std::sync::Arc;

use mirror_engine::Scope;
use mirror_engine::scope::Dbs;
use redis_context::events::ClientFlags;
use redis_context::{CallFlags, CommandContext, Error, ErrorReply, KeyAccess, Permission, ReplyView};

use crate::commands::find;
use crate::configs::{self, EnableCreate};
use crate::registry::REGISTRY;

/// Refuses clients that `mirror.enable-create` does not let command mirrors. The server has looked at the ACL
/// before.
fn refuse_strangers(ctx: &CommandContext<'_>) -> Result<(), ErrorReply> {
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

/// Refuses a client that may not command a mirror with this scope: a mirror must not lend rights.
pub fn refuse(ctx: &CommandContext<'_>, scope: &Scope) -> Result<(), ErrorReply> {
    refuse_strangers(ctx)?;
    refuse_foreign_scope(ctx, scope)
}

/// The same for a mirror there is.
pub fn refuse_for(ctx: &CommandContext<'_>, name: &[u8]) -> Result<(), ErrorReply> {
    refuse_strangers(ctx)?;
    let scope = {
        let mut registry = REGISTRY.try_borrow_mut(ctx)?;
        Arc::clone(&find(&mut registry, name)?.scope)
    };
    refuse_foreign_scope(ctx, &scope)
}

/// Refuses a user who may not write every key of a scope.
fn refuse_foreign_scope(ctx: &CommandContext<'_>, scope: &Scope) -> Result<(), ErrorReply> {
    // Scripts are refused before; other modules have rights of their own to check.
    let user = ctx.user_name().ok_or_else(|| denied("mirrors are commanded by clients alone".to_owned()))?;
    let granted = Granted::to(ctx, user.as_bytes())?;
    if let Some(prefix) = scope.covering_prefixes().iter().find(|prefix| !granted.covers(prefix)) {
        return Err(denied(format!(
            "this user may not write all keys that the mirror would: the ACL rule ~{}* (or ~*) is needed",
            String::from_utf8_lossy(prefix).escape_debug()
        )));
    }
    if granted.has_dbs(&scope.dbs()) {
        return Ok(());
    }
    Err(denied("this user may not use all dbs that the mirror would: see ACL GETUSER, databases".to_owned()))
}

/// Whether this client's user may see a key's name.
pub fn may_see(ctx: &CommandContext<'_>, user: Option<&[u8]>, key: &[u8]) -> bool {
    let Some(user) = user else { return true };
    matches!(ctx.check_key(user, key, KeyAccess::ACCESS), Ok(Permission::Allowed))
}

/// What a user may write, from its root permissions. Selectors are left out: they grant keys for some commands
/// only.
struct Granted {
    patterns: Vec<Vec<u8>>,
    /// `None` is all of them; only Valkey 9.1 knows anything else.
    dbs: Option<Vec<u32>>,
}

impl Granted {
    fn to(ctx: &CommandContext<'_>, user: &[u8]) -> Result<Self, ErrorReply> {
        let reply = ctx.call(c"acl", CallFlags::empty(), &[b"GETUSER", user]).map_err(Error::from)?;
        let mut granted = Self { patterns: Vec::new(), dbs: None };
        let ReplyView::Array(mut fields) = reply.view() else { return Ok(granted) };
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            let rules = || words(value.as_bytes().unwrap_or_default());
            match name.as_bytes() {
                Some(b"keys") => {
                    granted.patterns = rules().filter_map(written_pattern).map(<[u8]>::to_vec).collect();
                }
                Some(b"databases") => granted.dbs = granted_dbs(rules()),
                _ => {}
            }
        }
        Ok(granted)
    }

    /// Whether the user may write every key with this prefix.
    fn covers(&self, prefix: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| covers(pattern, prefix))
    }

    fn has_dbs(&self, wanted: &Dbs) -> bool {
        match (&self.dbs, wanted) {
            (None, _) => true,
            (Some(_), Dbs::All) => false,
            (Some(granted), Dbs::These(wanted)) => wanted.iter().all(|db| granted.contains(db)),
        }
    }
}

fn words(rules: &[u8]) -> impl Iterator<Item = &[u8]> {
    rules.split(|byte| *byte == b' ').filter(|rule| !rule.is_empty())
}

/// `alldbs`, or `db=0,3`. What is not understood grants nothing.
fn granted_dbs<'a>(mut rules: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u32>> {
    let rule = rules.next().unwrap_or_default();
    if rule == b"alldbs" {
        return None;
    }
    let list = rule.strip_prefix(b"db=").unwrap_or_default();
    let numbers = list.split(|byte| *byte == b',');
    Some(numbers.filter_map(|number| std::str::from_utf8(number).ok()?.parse().ok()).collect())
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
    fn dbs_are_granted_by_number() {
        let granted = |rules: &str| granted_dbs(words(rules.as_bytes()));
        assert_eq!(granted("alldbs"), None);
        assert_eq!(granted("db=0,3"), Some(vec![0, 3]));
        assert_eq!((granted(""), granted("else")), (Some(vec![]), Some(vec![])));
        let some = Granted { patterns: Vec::new(), dbs: Some(vec![0, 3]) };
        assert!(some.has_dbs(&Dbs::These(vec![3])) && !some.has_dbs(&Dbs::These(vec![0, 1])));
        assert!(!some.has_dbs(&Dbs::All));
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
