//! The stored form of a definition: a list of byte strings, its format number first, no secret among them.
//!
//! ```text
//! "1" name url { "USER" user | "INLINE-AUTH" | "AUTH-FILE" path | "AUTH-ENV" name
//!              | "TLS" ("CA" path | "CERT" path "KEY" path | "SNI" name | "INSECURE") | "DB" source local
//!              | "MATCH" glob | "EXCEPT" glob | "STRIP" text | "PREFIX" text | "ADOPT" | "PAUSED" }
//! ```

use super::credentials::{CredentialSource, check_path, check_variable};
use super::dbs::{DbMap, DbPair};
use super::parse::{check_name, number};
use super::{Definition, DefinitionError, PATTERNS_MAX, PREFIX_BYTES_MAX, SourceUrl};
use crate::glob::Glob;

const FORMAT: &[u8] = b"1";
const ITEMS_MAX: usize = 8192;
const USER_BYTES_MAX: usize = 4096;

/// Why a stored definition can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer version of this module.
    #[error(
        "the mirror's definition has a format this version does not know: load the module version that wrote it"
    )]
    NewerFormat,
    /// Not what [`Definition::encode`] writes.
    #[error("the mirror's definition is damaged: {what}")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// A field breaks today's rules.
    #[error("the mirror's definition is damaged: {0}")]
    Field(#[from] DefinitionError),
}

impl Definition {
    /// The stored form. The user name stays, the password was never part of the definition.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> =
            vec![FORMAT.to_vec(), self.name.clone(), self.source.to_string().into_bytes()];
        let mut put = |words: &[&[u8]]| out.extend(words.iter().map(|word| word.to_vec()));
        self.source.user.iter().for_each(|user| put(&[b"USER", user]));
        match &self.credentials {
            CredentialSource::File(path) => put(&[b"AUTH-FILE", path.as_bytes()]),
            CredentialSource::Env(name) => put(&[b"AUTH-ENV", name.as_bytes()]),
            CredentialSource::None | CredentialSource::Inline => {}
        }
        for words in self.tls.words() {
            put(&[b"TLS"]);
            words.iter().for_each(|word| put(&[word.as_bytes()]));
        }
        if let DbMap::List(pairs) = &self.dbs {
            for pair in pairs {
                put(&[b"DB", pair.source.to_string().as_bytes(), pair.local.to_string().as_bytes()]);
            }
        }
        self.matches.iter().for_each(|glob| put(&[b"MATCH", glob.text()]));
        self.excepts.iter().for_each(|glob| put(&[b"EXCEPT", glob.text()]));
        for (word, text) in [(&b"STRIP"[..], &self.strip), (b"PREFIX", &self.prefix)] {
            if !text.is_empty() {
                put(&[word, text]);
            }
        }
        let flags = [
            (&b"INLINE-AUTH"[..], self.credentials == CredentialSource::Inline),
            (b"ADOPT", self.adopt),
            (b"PAUSED", self.paused),
        ];
        flags.iter().filter(|(_, on)| *on).for_each(|(word, _)| put(&[word]));
        out
    }

    /// Reads the stored form.
    pub fn decode(items: &[&[u8]]) -> Result<Definition, DecodeError> {
        let [format, name, url, rest @ ..] = items else {
            return Err(DecodeError::Damaged { what: "it is too short" });
        };
        if *format != FORMAT {
            return Err(DecodeError::NewerFormat);
        }
        if items.len() > ITEMS_MAX {
            return Err(DecodeError::Damaged { what: "it is too long" });
        }
        let source = SourceUrl::parse(url).map_err(DefinitionError::from)?;
        let mut definition = Definition::bare(check_name(name)?, source);
        let mut items = rest.iter().copied();
        while let Some(word) = items.next() {
            definition.decode_field(word, &mut items)?;
        }
        Ok(definition)
    }

    fn decode_field<'a>(
        &mut self,
        word: &[u8],
        items: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), DecodeError> {
        let mut next = |limit: usize| {
            items.next().filter(|item| item.len() <= limit).ok_or(DecodeError::Damaged { what: "a value" })
        };
        match word {
            b"USER" => self.source.user = Some(next(USER_BYTES_MAX)?.to_vec()),
            b"DB" => {
                let source = number(next(10)?).ok_or(DecodeError::Damaged { what: "a db" })?;
                let local = number(next(10)?).ok_or(DecodeError::Damaged { what: "a db" })?;
                self.dbs.add(DbPair { source, local })?;
            }
            b"MATCH" => push_pattern(&mut self.matches, next(usize::MAX)?, "MATCH")?,
            b"EXCEPT" => push_pattern(&mut self.excepts, next(usize::MAX)?, "EXCEPT")?,
            b"STRIP" => self.strip = next(PREFIX_BYTES_MAX)?.to_vec(),
            b"PREFIX" => self.prefix = next(PREFIX_BYTES_MAX)?.to_vec(),
            b"INLINE-AUTH" => self.credentials = CredentialSource::Inline,
            b"AUTH-FILE" => {
                self.credentials = CredentialSource::File(check_path("AUTH FILE", next(usize::MAX)?)?);
            }
            b"AUTH-ENV" => self.credentials = CredentialSource::Env(check_variable(next(usize::MAX)?)?),
            b"TLS" => {
                let word = next(usize::MAX)?;
                let missing = |option| DefinitionError::Incomplete { option };
                self.tls.read(word, |option| items.next().ok_or_else(|| missing(option)))?;
            }
            b"ADOPT" => self.adopt = true,
            b"PAUSED" => self.paused = true,
            _ => return Err(DecodeError::Damaged { what: "an unknown field" }),
        }
        Ok(())
    }
}

fn push_pattern(list: &mut Vec<Glob>, text: &[u8], option: &'static str) -> Result<(), DefinitionError> {
    if list.len() >= PATTERNS_MAX {
        return Err(DefinitionError::TooManyPatterns { option });
    }
    list.push(Glob::new(text).map_err(|error| DefinitionError::Pattern { option, error })?);
    Ok(())
}
