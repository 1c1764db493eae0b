//! Where the password for a source comes from, and the files a definition may name.

use super::DefinitionError;

/// The longest path or variable name, in bytes.
const REFERENCE_BYTES_MAX: usize = 1024;

/// What the name of an environment variable with a secret begins with: others are not the mirrors' to send
/// to a source.
pub const ENV_PREFIX: &str = "MIRROR_";

/// Where the password comes from. The password itself is never part of a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CredentialSource {
    /// The source asks for none.
    #[default]
    None,
    /// It was given with the command, and is asked for again after a restart.
    Inline,
    /// The first line of a file in the folder for secrets; read anew for each connection.
    File(String),
    /// An environment variable of the server's process.
    Env(String),
}

impl CredentialSource {
    /// One word for STATUS.
    pub fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Inline => "inline",
            Self::File(_) => "file",
            Self::Env(_) => "env",
        }
    }

    /// Whether the password may have been changed since it was refused.
    pub fn is_reference(&self) -> bool {
        matches!(self, Self::File(_) | Self::Env(_))
    }
}

/// A file's path: within the folder for secrets, which only the server that opens it can judge in full.
pub(super) fn check_path(option: &'static str, path: &[u8]) -> Result<String, DefinitionError> {
    let text = checked(option, path)?;
    let leads_up = text.split('/').any(|part| part == "..");
    if leads_up { Err(DefinitionError::Path { option }) } else { Ok(text) }
}

/// The name of an environment variable.
pub(super) fn check_variable(name: &[u8]) -> Result<String, DefinitionError> {
    const OPTION: &str = "AUTH ENV";
    let text = checked(OPTION, name)?;
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_ours = text.len() > ENV_PREFIX.len() && text.starts_with(ENV_PREFIX);
    if is_ours && text.bytes().all(plausible) { Ok(text) } else { Err(DefinitionError::Variable) }
}

fn checked(option: &'static str, text: &[u8]) -> Result<String, DefinitionError> {
    if text.len() > REFERENCE_BYTES_MAX {
        return Err(DefinitionError::TooLong { option, limit: REFERENCE_BYTES_MAX });
    }
    let text = std::str::from_utf8(text).map_err(|_| DefinitionError::Path { option })?;
    let is_plain = !text.is_empty() && !text.chars().any(char::is_control);
    if is_plain { Ok(text.to_owned()) } else { Err(DefinitionError::Path { option }) }
}
