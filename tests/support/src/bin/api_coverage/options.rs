//! What the program is told; `scripts/api-coverage.sh` tells it.

use std::path::PathBuf;

/// The command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The module api_probe.
    pub probe: PathBuf,
    /// The header of the bindings.
    pub header: PathBuf,
    /// Where tests wrote down what they reached; without it that is not looked at.
    pub reached: Option<PathBuf>,
    /// Where the table is to be written.
    pub write: Option<PathBuf>,
}

impl Options {
    /// Reads `--option value` pairs.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(option) = args.next() {
            let value = args.next().map(PathBuf::from).ok_or_else(|| format!("{option} wants a path"))?;
            match option.as_str() {
                "--probe" => options.probe = value,
                "--header" => options.header = value,
                "--reached" => options.reached = Some(value),
                "--write" => options.write = Some(value),
                _ => return Err(format!("there is no option {option}")),
            }
        }
        let missing = [("--probe", &options.probe), ("--header", &options.header)];
        match missing.iter().find(|(_, path)| path.as_os_str().is_empty()) {
            Some((option, _)) => Err(format!("{option} is missing: run make api-coverage")),
            None => Ok(options),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn paths_are_read_and_what_is_missing_is_named() {
        let options = parse("--probe p --header h --write w").unwrap();
        assert_eq!((options.probe, options.write), (PathBuf::from("p"), Some(PathBuf::from("w"))));
        assert!(parse("--probe p").unwrap_err().contains("--header"));
        assert!(parse("--probe p --header").unwrap_err().contains("wants a path"));
        assert!(parse("--what p").is_err());
    }
}
