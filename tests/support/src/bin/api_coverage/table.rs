//! The table: `crates/context/api/*.txt`, one line for each function.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What the table says of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: it is missing.
    Missing,
    /// A safe method calls it, and a test has a real server run it.
    Covered {
        /// `Type::method`, a function, or a macro with its `!`.
        method: String,
        /// `file: test`, below `crates/context/tests/`.
        proof: String,
    },
    /// It has no safe method, for this reason.
    LeftOut(String),
}

/// One function of the module API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file that names it, without its extension.
    pub group: String,
    /// What is said of it.
    pub claim: Claim,
}

/// The table, by function, and the lines that make no sense.
pub fn read(folder: &Path) -> Result<(BTreeMap<String, Entry>, Vec<String>), String> {
    let mut entries = BTreeMap::new();
    let mut problems = Vec::new();
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for path in files.flatten().map(|file| file.path()) {
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let group = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let entry = |(name, claim)| (name, Entry { group: group.clone(), claim });
            match parse(line).map(entry) {
                Some((name, _)) if entries.contains_key(&name) => {
                    problems.push(format!("{group}: {name} stands in the table twice"));
                }
                Some((name, entry)) => drop(entries.insert(name, entry)),
                None => problems.push(format!("{group}: a line that can't be read: {line}")),
            }
        }
    }
    Ok((entries, problems))
}

fn parse(line: &str) -> Option<(String, Claim)> {
    let mut columns = line.splitn(3, '|').map(str::trim);
    let name = columns.next().filter(|name| is_identifier(name))?.to_owned();
    let claim = match (columns.next(), columns.next()) {
        (None, _) => Claim::Missing,
        (Some("-"), Some(reason)) => Claim::LeftOut(reason.strip_prefix("left out:")?.trim().to_owned()),
        (Some(method), Some(proof)) if !method.is_empty() && !proof.is_empty() => {
            Claim::Covered { method: method.to_owned(), proof: proof.to_owned() }
        }
        _ => return None,
    };
    Some((name, claim))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let covered = Claim::Covered { method: "Key::add".into(), proof: "a.rs: b".into() };
        assert_eq!(parse("ZsetAdd | Key::add | a.rs: b"), Some(("ZsetAdd".into(), covered)));
        assert_eq!(parse("Fork"), Some(("Fork".into(), Claim::Missing)));
        let left_out = Claim::LeftOut("why".into());
        assert_eq!(parse("_Assert | - | left out: why"), Some(("_Assert".into(), left_out)));
        assert_eq!(parse("Fork | Key::fork"), None);
        assert_eq!(parse("Fork | - | because"), None);
        assert_eq!(parse("two words"), None);
    }
}
