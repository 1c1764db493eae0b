//! A consumer as the guide tells to write one: it lists, follows, and lists again when it is told to.

use std::collections::BTreeMap;

use redis_mirror_test_support::{Client, Error, Random, cmd};

use crate::store::{Cursor, Page, Record, as_feed, as_list, sync_command};

/// What a consumer holds: the latest version of each record, and its data.
pub type State = BTreeMap<(String, String), (i64, Option<String>)>;

/// A consumer of a key.
pub struct Consumer {
    key: String,
    types: Vec<&'static str>,
    latest: bool,
    place: Place,
    pub held: State,
    /// How often it had to begin anew.
    pub lists: usize,
}

enum Place {
    /// It has nothing.
    Outside,
    /// It reads the state and has come to this cursor.
    Listing(String),
    /// It has everything up to here.
    Following(Cursor),
}

impl Consumer {
    pub fn new(key: &str, types: &[&'static str], latest: bool) -> Consumer {
        let (key, types, held) = (key.to_owned(), types.to_vec(), State::new());
        Consumer { key, types, latest, place: Place::Outside, held, lists: 0 }
    }

    /// Reads a page. Says whether it has everything there is; an error is one of the connection.
    pub fn step(&mut self, client: &mut Client, random: &mut Random, block_ms: u64) -> Result<bool, Error> {
        let count = 1 + random.below(40);
        let answer = match &self.place {
            Place::Outside => self.list(client, "0", count),
            Place::Listing(next) => self.list(client, next, count),
            Place::Following(at) => self.follow(client, at, &format!("COUNT {count} BLOCK {block_ms}")),
        };
        match (answer, &self.place) {
            (Ok(page), Place::Following(at)) => {
                self.check_order(&page, at.version);
                self.take(&page.records);
                self.place = Place::Following(page.at);
                Ok(!page.more)
            }
            (Ok(page), place) => {
                if matches!(place, Place::Outside) {
                    self.held.clear();
                    self.lists += 1;
                }
                let known = self.held.len();
                self.take(&page.records);
                assert_eq!(self.held.len(), known + page.records.len(), "an id is listed once");
                self.place = if page.more { Place::Listing(page.next) } else { Place::Following(page.at) };
                Ok(false)
            }
            (Err(error), _) => self.begin_anew(error),
        }
    }

    fn begin_anew(&mut self, error: Error) -> Result<bool, Error> {
        match &error {
            Error::Refused { message, .. } if message.starts_with("RECFUTURE") => Ok(false),
            Error::Refused { message, .. }
                if message.starts_with("RECEPOCH") || message.starts_with("RECCOMPACTED") =>
            {
                self.place = Place::Outside;
                Ok(false)
            }
            _ => Err(error),
        }
    }

    fn list(&self, client: &mut Client, from: &str, count: usize) -> Result<Page, Error> {
        let command = cmd!("RECORD.SYNCLATEST", self.key.as_str(), "CURSOR", from, "COUNT", count);
        let command = self.types.iter().fold(command, |command, name| command.arg("TYPE").arg(*name));
        client.call(command).map(|page| as_list(&page))
    }

    fn follow(&self, client: &mut Client, at: &Cursor, more: &str) -> Result<Page, Error> {
        let command = sync_command(&self.key, at, more);
        let command = self.types.iter().fold(command, |command, name| command.arg("TYPE").arg(*name));
        let command = if self.latest { command.arg("LATEST") } else { command };
        client.call(command).map(|page| as_feed(&page))
    }

    /// In order, behind what it has and up to where the reply says; without gaps if it reads everything.
    fn check_order(&self, page: &Page, after: i64) {
        let versions = page.versions();
        let rises = std::iter::once(&after).chain(&versions).is_sorted_by(|one, next| one < next);
        let within = versions.last().is_none_or(|last| *last <= page.at.version) && after <= page.at.version;
        assert!(rises && within, "{after}: {versions:?} up to {}", page.at.version);
        if self.types.is_empty() && !self.latest {
            assert!(versions.iter().zip(after + 1..).all(|(found, next)| *found == next), "{versions:?}");
        }
    }

    fn take(&mut self, records: &[Record]) {
        for record in records {
            let name = (record.type_name.clone(), record.id.clone());
            match record.op.as_str() {
                "set" => drop(self.held.insert(name, (record.version, record.data.clone()))),
                _ => drop(self.held.remove(&name)),
            }
        }
    }

    /// What it should hold, by a list of its own.
    pub fn expected(&self, client: &mut Client) -> State {
        let mut other = Consumer::new(&self.key, &self.types, false);
        let mut random = Random::new(1);
        while !matches!(other.place, Place::Following(_)) {
            other.step(client, &mut random, 0).expect("the state can be read");
        }
        other.held
    }
}
