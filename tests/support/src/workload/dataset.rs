use super::Abilities;
use super::kinds::{Kind, Size, kinds};
use crate::resp::accepted;
use crate::{Client, Command, Random, Result, cmd};

/// So many keys of each kind are large.
const LARGE_OF_EACH_KIND: usize = 4;
/// So many keys in a row go into one database: more than there are kinds.
const DB_STRIDE: usize = 30;
/// Commands whose replies are awaited together.
const CHUNK: usize = 2000;

/// Keys of every type and encoding, spread over databases; some expire far off, some soon.
#[derive(Debug, Clone)]
pub struct Dataset {
    seed: u64,
    keys: usize,
    dbs: Vec<u32>,
    prefix: String,
}

impl Dataset {
    /// So many keys, in databases 0, 1 and 9, named `data:<kind>:<number>`.
    pub fn new(seed: u64, keys: usize) -> Self {
        Dataset { seed, keys, dbs: vec![0, 1, 9], prefix: "data".into() }
    }

    /// Other databases.
    #[must_use]
    pub fn dbs(mut self, dbs: &[u32]) -> Self {
        self.dbs = dbs.to_vec();
        self
    }

    /// Another first part of the names than `data`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.to_owned();
        self
    }

    /// The databases in use.
    pub fn databases(&self) -> &[u32] {
        &self.dbs
    }

    /// Writes all keys the server has commands for. The connection ends in the last database.
    ///
    /// Sets `list-compress-depth 1` at the server, so that long lists hold LZF nodes.
    ///
    /// # Errors
    /// Those of [`Client::call`]; the first refusal of a command.
    pub fn load(&self, client: &mut Client) -> Result<()> {
        let abilities = Abilities::of(client)?;
        self.load_with(client, &abilities)
    }

    /// Writes the keys that fit these abilities.
    ///
    /// # Errors
    /// As [`Dataset::load`].
    pub fn load_with(&self, client: &mut Client, abilities: &Abilities) -> Result<()> {
        client.call("CONFIG SET list-compress-depth 1")?;
        let kinds = kinds(abilities);
        for db in &self.dbs {
            client.call(cmd!("SELECT", *db))?;
            let mut commands =
                (0..self.keys).filter(|i| self.db_of(*i) == *db).flat_map(|i| self.build(i, &kinds));
            loop {
                let chunk: Vec<Command> = commands.by_ref().take(CHUNK).collect();
                if chunk.is_empty() {
                    break;
                }
                send(client, &chunk)?;
            }
        }
        Ok(())
    }

    fn db_of(&self, number: usize) -> u32 {
        // The kinds go round faster: every database gets all of them.
        self.dbs[number / DB_STRIDE % self.dbs.len()]
    }

    fn build(&self, number: usize, kinds: &[&'static Kind]) -> Vec<Command> {
        let kind = kinds[number % kinds.len()];
        let size = if number / kinds.len() < LARGE_OF_EACH_KIND { Size::Large } else { Size::Enough };
        let key = self.name(number, kinds);
        let mut random = Random::new(self.seed ^ (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut commands = (kind.build)(&key, size, &mut random);
        commands.extend(expiry(&key, &mut random));
        commands
    }

    /// The names of all keys a server with these abilities gets.
    pub(super) fn names(&self, abilities: &Abilities) -> Vec<String> {
        let kinds = kinds(abilities);
        (0..self.keys).map(|number| self.name(number, &kinds)).collect()
    }

    fn name(&self, number: usize, kinds: &[&'static Kind]) -> String {
        format!("{}:{}:{number}", self.prefix, kinds[number % kinds.len()].name)
    }
}

fn expiry(key: &str, random: &mut Random) -> Option<Command> {
    match random.below(20) {
        0..4 => Some(cmd!("PEXPIRE", key, 3_600_000 + random.below(1_000_000_000))),
        4 => Some(cmd!("PEXPIRE", key, 200 + random.below(5000))),
        _ => None,
    }
}

fn send(client: &mut Client, commands: &[Command]) -> Result<()> {
    let replies = client.pipeline(commands)?;
    commands.iter().zip(replies).try_for_each(|(command, reply)| accepted(command, reply).map(|_| ()))
}
