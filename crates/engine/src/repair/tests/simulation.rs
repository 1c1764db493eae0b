//! A source with a random workload, a mirror that lags behind it and meets accidents, and fetches that take their time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use redis_replica::ReplId;
use redis_replica::rdb::Target;

use super::super::{Admission, Answer, LocalKey, RepairLimits, Repairs, Settlement};
use super::model::{Store, Value};
use crate::batch::{Batch, Op, OpKind};
use crate::definition::parse;
use crate::expired::{ExpiredKeys, Verdict};
use crate::planner::{LocalServer, PlanLimits, Planner};
use crate::scope::Scope;

/// What the mirror does; all but the first are wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Join,
    Forget,
    IgnoreExpired,
}

#[derive(Debug, Default)]
pub struct Report {
    pub settled: usize,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % sides
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len())]
    }
}

/// One step of the source's history: its commands, each with its db and end offset.
struct Unit {
    commands: Vec<(u32, Vec<Vec<u8>>, u64)>,
    end: u64,
}

struct Source {
    store: Store,
    offset: u64,
    history: BTreeMap<u64, Store>,
    stream: VecDeque<Unit>,
}

/// A fetch under way: the source answered at this offset, the answer is still on the wire.
struct Fetch {
    at: u64,
    values: BTreeMap<LocalKey, Option<Value>>,
}

struct Mirror {
    scope: Arc<Scope>,
    planner: Planner,
    store: Store,
    applied: u64,
    repairs: Repairs,
    expired: ExpiredKeys,
    wire: Option<Fetch>,
    kept: Option<Fetch>,
    rule: Rule,
    report: Report,
}

const KEYS: [&str; 6] = ["in:1", "in:2", "in:3", "in:4", "out:1", "out:2"];

/// A random command: its words.
fn random_command(dice: &mut Dice, many_dbs: bool) -> Vec<Vec<u8>> {
    let (a, b, c) = (dice.pick(&KEYS), dice.pick(&KEYS), dice.pick(&KEYS));
    let (x, side, other) =
        (dice.pick(&["1", "2", "3"]), dice.pick(&["LEFT", "RIGHT"]), dice.pick(&["LEFT", "RIGHT"]));
    let text = match dice.roll(if many_dbs { 22 } else { 18 }) {
        0 | 1 => format!("SET {a} {x}"),
        2 => format!("INCR {a}"),
        3 => format!("APPEND {a} {x}"),
        4 => format!("DEL {a} {b}"),
        5..=7 => format!("RPUSH {a} {x}"),
        8 => format!("LMOVE {a} {b} {side} {other}"),
        9 => format!("LPOP {a}"),
        10 => format!("RENAME {a} {b}"),
        11 => format!("COPY {a} {b} REPLACE"),
        12 | 13 => format!("SADD {a} {x}"),
        14 => format!("SMOVE {a} {b} {x}"),
        15 => format!("SUNIONSTORE {a} {b} {c}"),
        16 => format!("MSET {a} {x} {b} 5"),
        17 => format!("SREM {a} {x}"),
        18 => format!("MOVE {a} 1"),
        19 => format!("COPY {a} {b} DB 1 REPLACE"),
        20 => "SWAPDB 0 1".to_owned(),
        _ => "FLUSHDB".to_owned(),
    };
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

impl Source {
    fn step(&mut self, dice: &mut Dice, many_dbs: bool) {
        let mut commands = Vec::new();
        for _ in 0..1 + dice.roll(3) {
            let words = random_command(dice, many_dbs);
            let db = if many_dbs { dice.roll(2) as u32 } else { 0 };
            let name = String::from_utf8_lossy(&words[0]).into_owned();
            let args: Vec<&[u8]> = words[1..].iter().map(Vec::as_slice).collect();
            if self.store.run(db, &name, &args) {
                self.offset += 10;
                commands.push((db, words, self.offset));
            }
        }
        self.offset += 10;
        self.history.insert(self.offset, self.store.clone());
        self.stream.push_back(Unit { commands, end: self.offset });
    }
}

impl Mirror {
    fn plan(&mut self, unit: &Unit) -> Batch {
        let mut batch = Batch::new();
        self.planner.multi(&mut batch).expect("open");
        for (db, words, offset) in &unit.commands {
            let _inside = self.planner.command(*db, words, *offset, &mut batch).expect("planned");
        }
        let _one_origin = self.planner.exec(0, unit.end, &mut batch).expect("closed");
        batch
    }

    fn apply(&mut self, unit: &Unit) {
        let batch = self.plan(unit);
        if self.repairs.must_settle_before(unit.end) {
            self.settle(Some(unit.end));
        }
        for op in batch.ops() {
            self.apply_op(&batch, op);
        }
        self.applied = unit.end;
    }

    fn apply_op(&mut self, batch: &Batch, op: &Op) {
        if let Verdict::NeedsRepair(keys) = self.expired.check(batch, op) {
            for (db, key) in keys {
                self.expired.forget(db, &key);
                if self.rule != Rule::IgnoreExpired {
                    self.repairs.add(db, &key).expect("room");
                }
            }
        }
        if self.repairs.admit(batch, op).expect("room") == Admission::Skip {
            return;
        }
        let args: Vec<&[u8]> = batch.args(op).collect();
        let _changed = match op.kind {
            OpKind::Call => self.store.run(op.db, op.command.expect("a call's command").name(), &args),
            OpKind::SetString { .. } => self.store.run(op.db, "set", &args),
            OpKind::FlushDb => self.store.run(op.db, "flushdb", &[]),
            OpKind::SwapDb { a, b } => {
                self.store.run(0, "swapdb", &[a.to_string().as_bytes(), b.to_string().as_bytes()])
            }
            OpKind::Position => false,
            other => panic!("{other:?} is not expected"),
        };
    }

    /// Something goes wrong here: a key expires before its time, or a local client writes it.
    fn accident(&mut self, dice: &mut Dice) {
        let places: Vec<_> = self.store.0.keys().cloned().collect();
        if places.is_empty() {
            return;
        }
        let (db, key) = places[dice.roll(places.len())].clone();
        if dice.roll(2) == 0 && !self.repairs.contains(db, &key) {
            self.store.0.remove(&(db, key.clone()));
            self.expired.note(db, &key).expect("room");
        } else {
            self.store.0.insert((db, key.clone()), Value::Text(b"local".to_vec()));
            self.expired.forget(db, &key);
            self.repairs.add(db, &key).expect("room");
        }
    }

    fn ask(&mut self, source: &Source) {
        let Some(keys) = self.repairs.take_fetch() else { return };
        let value = |(db, key): &LocalKey| {
            let place = self.scope.unmap(*db, key).expect("an own key");
            source.store.0.get(&place).cloned()
        };
        let values = keys.iter().map(|key| (key.clone(), value(key))).collect();
        self.wire = Some(Fetch { at: source.offset, values });
    }

    fn receive(&mut self, dice: &mut Dice) {
        let Some(fetch) = self.wire.take() else { return };
        if dice.roll(5) == 0 {
            return self.repairs.fetch_failed();
        }
        if self.repairs.fetched(fetch.at, self.applied) == Answer::Keep {
            self.kept = Some(fetch);
            self.settle(None);
        }
    }

    fn settle(&mut self, next: Option<u64>) {
        match self.repairs.settle(self.applied, next) {
            Settlement::NotYet => {}
            Settlement::FetchAgain => self.kept = None,
            Settlement::Apply(keys) => self.put_values(keys),
        }
    }

    fn put_values(&mut self, keys: Vec<LocalKey>) {
        let mut fetch = self.kept.take().expect("values were kept");
        assert_eq!(keys.len(), fetch.values.len(), "what is settled is what was fetched");
        for key in keys {
            self.expired.forget(key.0, &key.1);
            match fetch.values.remove(&key).expect("a fetched key") {
                Some(value) => drop(self.store.0.insert(key, value)),
                None => drop(self.store.0.remove(&key)),
            }
        }
        self.report.settled += 1;
    }

    /// Compares with the source as it was at the applied offset.
    fn check(&self, source: &Source) -> Result<(), String> {
        let empty = Store::default();
        let truth = source.history.get(&self.applied).unwrap_or(&empty);
        let excused =
            |(db, key): &LocalKey| self.repairs.contains(*db, key) || self.expired.contains(*db, key);
        let mut expected = BTreeMap::new();
        for ((db, key), value) in &truth.0 {
            let mut name = Vec::new();
            if let Some((db, key)) = self.scope.map(*db, key, &mut name) {
                expected.insert((db, key.to_vec()), value.clone());
            }
        }
        let mut found = self.store.0.clone();
        expected.retain(|key, _| !excused(key));
        found.retain(|key, _| !excused(key));
        if expected == found {
            Ok(())
        } else {
            Err(format!("at {}: {expected:?} but {found:?}", self.applied))
        }
    }
}

fn mirror(options: &[&[u8]], rule: Rule) -> Mirror {
    let args = [&[&b"m"[..], b"redis://h"], options].concat();
    let scope = Arc::new(Scope::new(&parse(&args).expect("valid").definition));
    let local = LocalServer::by_release(Target::redis(8, 0, 0));
    let mut planner = Planner::new(scope.clone(), local, PlanLimits::default());
    planner
        .start(ReplId::from_bytes(&[b'a'; 40]).expect("an id"), &mut Batch::new())
        .expect("another server");
    let mut repairs = Repairs::new(RepairLimits::default());
    repairs.forgets_to_join = rule == Rule::Forget;
    Mirror {
        scope,
        planner,
        store: Store::default(),
        applied: 0,
        repairs,
        expired: ExpiredKeys::new(Default::default()),
        wire: None,
        kept: None,
        rule,
        report: Report::default(),
    }
}

/// Runs one seed to quiesce; the error says where the copy was wrong.
pub fn run(seed: u64, rule: Rule) -> Result<Report, String> {
    let many_dbs = seed % 2 == 1;
    let options: &[&[u8]] = if many_dbs { &[] } else { &[b"MATCH", b"in:*", b"PREFIX", b"p:"] };
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut mirror = mirror(options, rule);
    let mut source =
        Source { store: Store::default(), offset: 0, history: BTreeMap::new(), stream: VecDeque::new() };
    for _ in 0..400 {
        match dice.roll(10) {
            0..=2 => source.step(&mut dice, many_dbs),
            3..=5 if source.stream.len() > dice.roll(4) => advance(&mut mirror, &mut source)?,
            6 | 7 => mirror.ask(&source),
            8 => mirror.receive(&mut dice),
            9 if dice.roll(4) == 0 => mirror.accident(&mut dice),
            _ => {}
        }
    }
    quiesce(&mut mirror, &mut source, &mut dice)?;
    Ok(mirror.report)
}

fn advance(mirror: &mut Mirror, source: &mut Source) -> Result<(), String> {
    let Some(unit) = source.stream.pop_front() else { return Ok(()) };
    mirror.apply(&unit);
    mirror.settle(None);
    mirror.check(source)
}

fn quiesce(mirror: &mut Mirror, source: &mut Source, dice: &mut Dice) -> Result<(), String> {
    while !source.stream.is_empty() {
        advance(mirror, source)?;
    }
    for _ in 0..100 {
        mirror.receive(dice);
        mirror.ask(source);
        mirror.settle(None);
        if mirror.repairs.is_empty() {
            return mirror.check(source);
        }
    }
    Err("repairs never came to an end".to_owned())
}
