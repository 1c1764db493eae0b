use std::fmt;

use redis_mirror_test_support::{Installed, Options, any_server, server};

use crate::peer::Kind;

pub const USAGE: &str = "\
usage: bench [--server NAME] [--rounds N] [--scale F] [--aof] [--native] [--only NAME[,NAME..]]
  --server NAME   an installed server for both sides (default: the oldest)
  --rounds N      measurements of each kind; the median is printed (default 3)
  --scale F       share of the full size of every set and stream (default 1)
  --aof           append-only files (everysec) at the mirror and at the native replica
  --native        native replication alone, without the module: what this machine can do
  --only NAMES    of S, H, L, M (full sync), SET, HSET, INCR (catching up), lag, latency";

const NAMES: [&str; 9] = ["S", "H", "L", "M", "SET", "HSET", "INCR", "lag", "latency"];

/// What to measure.
pub struct Plan {
    pub server: &'static Installed,
    pub rounds: usize,
    pub scale: f64,
    /// What is measured, in this order and then turned round.
    pub kinds: &'static [Kind],
    durability: Durability,
    only: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    Memory,
    AppendOnlyFile,
}

impl Plan {
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut plan = Plan {
            server: any_server(),
            rounds: 3,
            scale: 1.0,
            kinds: &[Kind::Ours, Kind::Native],
            durability: Durability::Memory,
            only: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--aof" => plan.durability = Durability::AppendOnlyFile,
                "--native" => plan.kinds = &[Kind::Native],
                option => plan.set(option, words.next().ok_or_else(|| missing(option))?)?,
            }
        }
        Ok(plan)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{option} {value}: not a valid value");
        match option {
            "--server" => self.server = server(value).ok_or_else(|| format!("no server {value} here"))?,
            "--rounds" => self.rounds = value.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?,
            "--scale" => {
                self.scale = value.parse().ok().filter(|f| *f > 0.0 && *f <= 10.0).ok_or_else(wrong)?
            }
            "--only" => self.only = names(value).ok_or_else(wrong)?,
            _ => return Err(format!("{option}: unknown option")),
        }
        Ok(())
    }

    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }

    /// For a server that follows another.
    pub fn follower(&self) -> Options {
        match self.durability {
            Durability::Memory => Options::new(),
            Durability::AppendOnlyFile => Options::new().set("appendonly", "yes"),
        }
    }
}

fn missing(option: &str) -> String {
    format!("{option}: unknown option, or its value is missing")
}

fn names(list: &str) -> Option<Vec<String>> {
    let names: Vec<String> = list.split(',').map(str::to_owned).collect();
    names.iter().all(|name| NAMES.contains(&name.as_str())).then_some(names)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let durability = match self.durability {
            Durability::Memory => "without AOF",
            Durability::AppendOnlyFile => "with AOF everysec",
        };
        write!(f, "{}, {} rounds, scale {}, {durability}", self.server, self.rounds, self.scale)
    }
}
