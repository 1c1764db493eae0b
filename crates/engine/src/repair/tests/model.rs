//! A naive server: a dictionary, and a few commands whose results depend on what was there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(Vec<u8>),
    List(VecDeque<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
}

pub type Place = (u32, Vec<u8>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store(pub BTreeMap<Place, Value>);

impl Store {
    /// Runs a command; whether it changed anything, and so would be replicated.
    pub fn run(&mut self, db: u32, name: &str, args: &[&[u8]]) -> bool {
        self.try_run(db, &name.to_ascii_lowercase(), args).unwrap_or(false)
    }

    /// `None`: a wrong type, a missing key, an unknown command.
    fn try_run(&mut self, db: u32, name: &str, args: &[&[u8]]) -> Option<bool> {
        let at = |index: usize| (db, args.get(index).map(|arg| arg.to_vec()).unwrap_or_default());
        match name {
            "set" => drop(self.0.insert(at(0), Value::Text(at(1).1))),
            "mset" => args
                .chunks(2)
                .for_each(|pair| drop(self.0.insert((db, pair[0].to_vec()), Value::Text(pair[1].to_vec())))),
            "append" => self.text(at(0))?.extend_from_slice(args[1]),
            "incr" => {
                let text = self.text(at(0))?;
                let number: i64 =
                    if text.is_empty() { 0 } else { String::from_utf8_lossy(text).parse().ok()? };
                *text = (number + 1).to_string().into_bytes();
            }
            "del" => {
                return Some(
                    args.iter().filter(|key| self.0.remove(&(db, key.to_vec())).is_some()).count() > 0,
                );
            }
            "rpush" => self.list(at(0))?.push_back(at(1).1),
            "lpop" => drop(self.pop(at(0), "LEFT")?),
            "rpop" => drop(self.pop(at(0), "RIGHT")?),
            "lmove" => {
                if matches!(self.0.get(&at(1)), Some(Value::Text(_) | Value::Set(_))) {
                    return None;
                }
                let element = self.pop(at(0), std::str::from_utf8(args[2]).ok()?)?;
                let list = self.list(at(1))?;
                if args[3] == b"LEFT" { list.push_front(element) } else { list.push_back(element) }
            }
            "rename" => {
                let value = self.0.remove(&at(0))?;
                self.0.insert(at(1), value);
            }
            "copy" => {
                let to = args.iter().position(|arg| *arg == b"DB").map_or(db, |db| number(args[db + 1]));
                let value = self.0.get(&at(0))?.clone();
                self.0.insert((to, at(1).1), value);
            }
            "move" => {
                let to = (number(args[1]), at(0).1);
                if self.0.contains_key(&to) {
                    return None;
                }
                let value = self.0.remove(&at(0))?;
                self.0.insert(to, value);
            }
            "sadd" => return Some(self.set(at(0))?.insert(at(1).1)),
            "srem" => return self.remove_member(at(0), args[1]),
            "smove" => {
                if matches!(self.0.get(&at(1)), Some(Value::Text(_) | Value::List(_)))
                    || !self.remove_member(at(0), args[2])?
                {
                    return None;
                }
                self.set(at(1))?.insert(at(2).1);
            }
            "sunionstore" => return self.union_into(at(0), db, &args[1..]),
            "flushdb" => self.0.retain(|(of, _), _| *of != db),
            "swapdb" => self.swap(number(args[0]), number(args[1])),
            other => panic!("the model has no {other}"),
        }
        Some(true)
    }

    fn text(&mut self, at: Place) -> Option<&mut Vec<u8>> {
        match self.0.entry(at).or_insert_with(|| Value::Text(Vec::new())) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn list(&mut self, at: Place) -> Option<&mut VecDeque<Vec<u8>>> {
        match self.0.entry(at).or_insert_with(|| Value::List(VecDeque::new())) {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    fn set(&mut self, at: Place) -> Option<&mut BTreeSet<Vec<u8>>> {
        match self.0.entry(at).or_insert_with(|| Value::Set(BTreeSet::new())) {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }

    fn pop(&mut self, at: Place, side: &str) -> Option<Vec<u8>> {
        let Value::List(list) = self.0.get_mut(&at)? else { return None };
        let element = if side == "LEFT" { list.pop_front() } else { list.pop_back() }?;
        if list.is_empty() {
            self.0.remove(&at);
        }
        Some(element)
    }

    fn remove_member(&mut self, at: Place, member: &[u8]) -> Option<bool> {
        let Value::Set(set) = self.0.get_mut(&at)? else { return None };
        let was_there = set.remove(member);
        if set.is_empty() {
            self.0.remove(&at);
        }
        Some(was_there)
    }

    fn union_into(&mut self, to: Place, db: u32, from: &[&[u8]]) -> Option<bool> {
        let mut union = BTreeSet::new();
        for key in from {
            match self.0.get(&(db, key.to_vec())) {
                Some(Value::Set(set)) => union.extend(set.iter().cloned()),
                Some(_) => return None,
                None => {}
            }
        }
        match union.is_empty() {
            true => Some(self.0.remove(&to).is_some()),
            false => {
                self.0.insert(to, Value::Set(union));
                Some(true)
            }
        }
    }

    fn swap(&mut self, a: u32, b: u32) {
        let swapped = |db: u32| {
            if db == a {
                b
            } else if db == b {
                a
            } else {
                db
            }
        };
        self.0 = std::mem::take(&mut self.0)
            .into_iter()
            .map(|((db, key), value)| ((swapped(db), key), value))
            .collect();
    }
}

pub fn number(text: &[u8]) -> u32 {
    String::from_utf8_lossy(text).parse().expect("a number")
}
