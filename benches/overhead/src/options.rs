use std::fmt;

use redis_mirror_test_support::{Installed, any_server, server};

pub const USAGE: &str = "\
usage: overhead [--server NAME] [--rounds N] [--commands N]
  --server NAME   an installed server (default: the oldest)
  --rounds N      servers to measure in, one after the other; the least of each figure counts (default 5)
  --commands N    how often each command runs in each of them (default 4000)
Needs valgrind and a C compiler. The profiles stay in target/overhead/profiles, for callgrind_annotate.";

/// What to measure.
pub struct Plan {
    pub server: &'static Installed,
    pub rounds: usize,
    pub commands: usize,
}

impl Plan {
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut plan = Plan { server: any_server(), rounds: 5, commands: 4000 };
        let mut words = words.iter();
        while let Some(option) = words.next() {
            let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
            let count = || {
                value
                    .parse()
                    .ok()
                    .filter(|n| (1..=100_000).contains(n))
                    .ok_or(format!("{option} {value}: 1 to 100000"))
            };
            match option.as_str() {
                "--server" => plan.server = server(value).ok_or_else(|| format!("no server {value} here"))?,
                "--rounds" => plan.rounds = count()?,
                "--commands" => plan.commands = count()?,
                _ => return Err(format!("unknown option {option}")),
            }
        }
        Ok(plan)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} rounds of {} commands", self.server, self.rounds, self.commands)
    }
}
