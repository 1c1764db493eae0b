use std::fmt;

use redis_mirror_test_support::{Installed, PairPlan, old_servers, servers};

pub const USAGE: &str = "\
usage: pairs [--seeds A[,B..]] [--keys N] [--operations N] [--sources NAMES] [--locals NAMES]
  --seeds A,B       a round for each (default 1,2)
  --keys N          of the snapshot (default 20000)
  --operations N    half while the snapshot is read, half after it (default 20000)
  --sources NAMES   installed servers to mirror (default: all, and those that are too old for the module)
  --locals NAMES    installed servers to mirror into (default: all)";

/// Which pairs, and how much of each.
pub struct Options {
    pub seeds: Vec<u64>,
    keys: usize,
    operations: usize,
    pub sources: Vec<&'static Installed>,
    pub locals: Vec<&'static Installed>,
}

impl Options {
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Options {
            seeds: vec![1, 2],
            keys: 20_000,
            operations: 20_000,
            sources: old_servers().iter().chain(servers()).collect(),
            locals: servers().iter().collect(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value =
                words.next().ok_or_else(|| format!("{word}: unknown option, or its value is missing"))?;
            options.set(word, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{option} {value}: not a valid value");
        let number = || value.parse().ok().filter(|n| (1..=10_000_000).contains(n)).ok_or_else(wrong);
        match option {
            "--seeds" => {
                self.seeds =
                    value.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
            }
            "--keys" => self.keys = number()?,
            "--operations" => self.operations = number()?,
            "--sources" => self.sources = named(&self.sources, value)?,
            "--locals" => self.locals = named(&self.locals, value)?,
            _ => return Err(format!("{option}: unknown option")),
        }
        Ok(())
    }

    pub fn plan(&self, seed: u64) -> PairPlan {
        PairPlan { keys: self.keys, operations: self.operations, seed }
    }
}

fn named(all: &[&'static Installed], names: &str) -> Result<Vec<&'static Installed>, String> {
    let find = |name: &str| {
        let found = all.iter().find(|server| server.name == name);
        found.copied().ok_or_else(|| format!("no server {name} here"))
    };
    names.split(',').map(find).collect()
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { seeds, keys, operations, sources, locals } = self;
        let pairs = sources.len() * locals.len();
        write!(f, "{pairs} pairs, seeds {seeds:?}, {keys} keys and {operations} operations each")
    }
}
