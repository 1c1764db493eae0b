//! The syntax of `MIRROR.CREATE`, read without access to a server.

use zeroize::Zeroizing;

use super::credentials::{CredentialSource, check_path, check_variable};
use super::dbs::{DB_MAX, DbMap, DbPair};
use super::tls::TlsOptions;
use super::{
    Definition, DefinitionError, NAME_BYTES_MAX, PATTERNS_MAX, PREFIX_BYTES_MAX, Parsed, Scheme, SourceUrl,
};
use crate::glob::Glob;

const CREDENTIAL_BYTES_MAX: usize = 4096;

/// Options that the design names and a later version brings: refused by name, never ignored.
const LATER: [&str; 8] =
    ["TYPE", "ROUTE", "METHOD", "FROM", "LOCALWRITES", "ONUNKNOWN", "SHARED", "SENTINEL"];

/// Reads what follows `MIRROR.CREATE`: a name, a URL, options.
pub fn parse(args: &[&[u8]]) -> Result<Parsed, DefinitionError> {
    let [name, url, ..] = args else { return Err(DefinitionError::Missing) };
    let definition = Definition::bare(check_name(name)?, SourceUrl::parse(url)?);
    let mut parser =
        Parser { args, at: 2, definition, password: None, db_options: 0, strip: false, prefix: false };
    while let Some(word) = parser.take() {
        parser.option(word)?;
    }
    parser.finish()
}

/// Reads `AUTH ..`, what MIRROR.RESUME takes behind the name: the definition with other credentials. With FILE and ENV
/// the user stays.
pub fn parse_login(definition: &Definition, args: &[&[u8]]) -> Result<Parsed, DefinitionError> {
    let mut definition = definition.clone();
    let user = definition.source.user.take();
    definition.credentials = CredentialSource::None;
    let mut parser =
        Parser { args, at: 0, definition, password: None, db_options: 0, strip: false, prefix: false };
    while let Some(word) = parser.take() {
        match word.eq_ignore_ascii_case(b"AUTH") {
            true => parser.auth()?,
            false => return Err(parser.refuse(word)),
        }
    }
    let Parser { mut definition, password, .. } = parser;
    if definition.credentials.is_reference() {
        definition.source.user = user;
    }
    Ok(Parsed { definition, password })
}

/// The positions (the name is 0) of arguments that are or may be secrets, for redaction. It needs no valid command:
/// a refused one is redacted just the same.
pub fn secret_args(args: &[&[u8]]) -> Vec<usize> {
    let mut found = Vec::new();
    if args.get(1).is_some_and(|url| url.contains(&b'@') || url.contains(&b'?')) {
        found.push(1);
    }
    for at in (1..args.len()).filter(|at| args[*at].eq_ignore_ascii_case(b"AUTH")) {
        found.extend((at + 1..at + 3).filter(|secret| *secret < args.len()));
    }
    found.dedup();
    found
}

impl Definition {
    pub(super) fn bare(name: Vec<u8>, source: SourceUrl) -> Definition {
        Definition {
            name,
            source,
            dbs: DbMap::All,
            matches: Vec::new(),
            excepts: Vec::new(),
            strip: Vec::new(),
            prefix: Vec::new(),
            adopt: false,
            paused: false,
            credentials: CredentialSource::None,
            tls: TlsOptions::default(),
        }
    }
}

impl Definition {
    /// Whether some option names a file.
    pub fn names_files(&self) -> bool {
        matches!(self.credentials, CredentialSource::File(_))
            || self.tls.ca.is_some()
            || self.tls.identity.is_some()
    }

    /// What no option alone can tell.
    pub(super) fn check(&self) -> Result<(), DefinitionError> {
        self.tls.check()?;
        if self.source.scheme != Scheme::Tls && self.tls != TlsOptions::default() {
            return Err(DefinitionError::TlsWithoutTls);
        }
        let has_password = self.credentials != CredentialSource::None;
        if self.source.user.is_some() && !has_password {
            return Err(DefinitionError::UserWithoutPassword);
        }
        Ok(())
    }
}

pub(super) fn check_name(name: &[u8]) -> Result<Vec<u8>, DefinitionError> {
    let plausible = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(byte);
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    if fits && name.iter().all(plausible) { Ok(name.to_vec()) } else { Err(DefinitionError::Name) }
}

struct Parser<'a> {
    args: &'a [&'a [u8]],
    at: usize,
    definition: Definition,
    password: Option<Zeroizing<Vec<u8>>>,
    db_options: usize,
    strip: bool,
    prefix: bool,
}

impl<'a> Parser<'a> {
    fn take(&mut self) -> Option<&'a [u8]> {
        let word = self.args.get(self.at).copied()?;
        self.at += 1;
        Some(word)
    }

    fn value(&mut self, option: &'static str) -> Result<&'a [u8], DefinitionError> {
        self.take().ok_or(DefinitionError::Incomplete { option })
    }

    fn short_value(&mut self, option: &'static str, limit: usize) -> Result<Vec<u8>, DefinitionError> {
        let value = self.value(option)?;
        if value.len() > limit { Err(DefinitionError::TooLong { option, limit }) } else { Ok(value.to_vec()) }
    }

    fn option(&mut self, word: &[u8]) -> Result<(), DefinitionError> {
        match word.to_ascii_uppercase().as_slice() {
            b"AUTH" => self.auth(),
            b"TLS" => self.tls(),
            b"DB" => self.db(),
            b"MATCH" => self.pattern("MATCH"),
            b"EXCEPT" => self.pattern("EXCEPT"),
            b"STRIP" => {
                once(&mut self.strip, "STRIP")?;
                self.definition.strip = self.short_value("STRIP", PREFIX_BYTES_MAX)?;
                Ok(())
            }
            b"PREFIX" => {
                once(&mut self.prefix, "PREFIX")?;
                self.definition.prefix = self.short_value("PREFIX", PREFIX_BYTES_MAX)?;
                Ok(())
            }
            b"ADOPT" => once(&mut self.definition.adopt, "ADOPT"),
            b"PAUSED" => once(&mut self.definition.paused, "PAUSED"),
            other => Err(self.refuse(other)),
        }
    }

    fn refuse(&self, word: &[u8]) -> DefinitionError {
        match LATER.iter().find(|later| later.as_bytes() == word) {
            Some(option) => DefinitionError::OptionNotSupported { option },
            None => DefinitionError::UnknownOption { position: self.at },
        }
    }

    fn auth(&mut self) -> Result<(), DefinitionError> {
        if self.definition.credentials != CredentialSource::None {
            return Err(DefinitionError::Duplicate { option: "AUTH" });
        }
        let first = self.value("AUTH")?;
        self.definition.credentials = match first.to_ascii_uppercase().as_slice() {
            b"FILE" => CredentialSource::File(check_path("AUTH FILE", self.value("AUTH FILE")?)?),
            b"ENV" => CredentialSource::Env(check_variable(self.value("AUTH ENV")?)?),
            _ => return self.inline(first),
        };
        Ok(())
    }

    fn inline(&mut self, user: &[u8]) -> Result<(), DefinitionError> {
        if self.definition.source.user.is_some() {
            return Err(DefinitionError::UserTwice);
        }
        if user.len() > CREDENTIAL_BYTES_MAX {
            return Err(DefinitionError::TooLong { option: "AUTH", limit: CREDENTIAL_BYTES_MAX });
        }
        self.definition.source.user = Some(user.to_vec());
        self.definition.credentials = CredentialSource::Inline;
        self.password = Some(Zeroizing::new(self.short_value("AUTH", CREDENTIAL_BYTES_MAX)?));
        Ok(())
    }

    fn tls(&mut self) -> Result<(), DefinitionError> {
        let word = self.value("TLS")?;
        let mut options = std::mem::take(&mut self.definition.tls);
        options.read(word, |option| self.value(option))?;
        self.definition.tls = options;
        Ok(())
    }

    fn db(&mut self) -> Result<(), DefinitionError> {
        let source = number(self.value("DB")?).ok_or(DefinitionError::Db { option: "DB" })?;
        let mut local = source;
        if self.args.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(b"TO")) {
            self.at += 1;
            local = number(self.value("TO")?).ok_or(DefinitionError::Db { option: "TO" })?;
        }
        self.db_options += 1;
        self.definition.dbs.add(DbPair { source, local })
    }

    fn pattern(&mut self, option: &'static str) -> Result<(), DefinitionError> {
        let text = self.value(option)?;
        let glob = Glob::new(text).map_err(|error| DefinitionError::Pattern { option, error })?;
        let list = match option {
            "MATCH" => &mut self.definition.matches,
            _ => &mut self.definition.excepts,
        };
        if list.len() >= PATTERNS_MAX {
            return Err(DefinitionError::TooManyPatterns { option });
        }
        list.push(glob);
        Ok(())
    }

    fn finish(mut self) -> Result<Parsed, DefinitionError> {
        self.definition.check()?;
        match self.definition.source.db {
            Some(_) if self.db_options > 0 => return Err(DefinitionError::DbInUrlAndOption),
            Some(db) => self.definition.dbs.add(DbPair { source: db, local: db })?,
            None => {}
        }
        Ok(Parsed { definition: self.definition, password: self.password })
    }
}

pub(super) fn once(flag: &mut bool, option: &'static str) -> Result<(), DefinitionError> {
    if std::mem::replace(flag, true) { Err(DefinitionError::Duplicate { option }) } else { Ok(()) }
}

pub(super) fn number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    text.parse().ok().filter(|number| *number <= DB_MAX)
}
