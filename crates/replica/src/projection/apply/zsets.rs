//! Commands about sorted sets.

use std::collections::BTreeMap;

use crate::callback::Entry;
use crate::projection::tables::{Lookup, Tables};
use crate::projection::value::{Item, Value};

use super::{float, int, is_word};

type ZSet = BTreeMap<Vec<u8>, f64>;

fn with_zset(
    tables: &mut Tables,
    command: &Entry<'_>,
    change: impl FnOnce(&mut ZSet) -> Option<()>,
) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    let mut item = tables.take(db, key).unwrap_or_else(|| Item::new(Value::ZSet(ZSet::new())));
    let Value::ZSet(zset) = &mut item.value else { return None };
    change(zset)?;
    tables.put(db, key, item);
    Some(())
}

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    match command.name() {
        b"zadd" => with_zset(tables, command, |zset| add(zset, command)),
        b"zincrby" => with_zset(tables, command, |zset| {
            let by = float(command.arg(2)?)?;
            increase(zset, command.arg(3)?, by)
        }),
        b"zrem" => with_zset(tables, command, |zset| {
            for member in command.args().skip(2) {
                zset.remove(member);
            }
            Some(())
        }),
        b"zpopmin" | b"zpopmax" => with_zset(tables, command, |zset| pop(zset, command)),
        b"zremrangebyrank" => with_zset(tables, command, |zset| remove_ranks(zset, command)),
        b"zremrangebyscore" => with_zset(tables, command, |zset| remove_scores(zset, command)),
        b"zremrangebylex" => with_zset(tables, command, |zset| remove_names(zset, command)),
        b"zunionstore" | b"zinterstore" | b"zdiffstore" => store(tables, command),
        _ => None,
    }
}

fn increase(zset: &mut ZSet, member: &[u8], by: f64) -> Option<()> {
    let score = zset.get(member).copied().unwrap_or(0.0) + by;
    if score.is_nan() {
        return None;
    }
    zset.insert(member.to_vec(), score);
    Some(())
}

/// Conditions are looked at again: they may have held for some members alone.
fn add(zset: &mut ZSet, command: &Entry<'_>) -> Option<()> {
    let mut at = 2;
    let (mut nx, mut xx, mut gt, mut lt, mut incr) = (false, false, false, false, false);
    loop {
        match command.arg(at)?.to_ascii_uppercase().as_slice() {
            b"NX" => nx = true,
            b"XX" => xx = true,
            b"GT" => gt = true,
            b"LT" => lt = true,
            b"INCR" => incr = true,
            b"CH" => {}
            _ => break,
        }
        at += 1;
    }
    for at in (at..command.arg_count()).step_by(2) {
        let (mut score, member) = (float(command.arg(at)?)?, command.arg(at + 1)?);
        let old = zset.get(member).copied();
        if (old.is_some() && nx) || (old.is_none() && xx) {
            continue;
        }
        if incr {
            score += old.unwrap_or(0.0);
        }
        if score.is_nan() {
            return None;
        }
        if old.is_none_or(|old| !(gt && score <= old || lt && score >= old)) {
            zset.insert(member.to_vec(), score);
        }
    }
    Some(())
}

/// The members in a server's order: by score, then by name.
fn ranked(zset: &ZSet) -> Vec<Vec<u8>> {
    let mut members: Vec<_> = zset.iter().collect();
    // Stable: members of one score stay in the order of their names.
    members.sort_by(|one, other| one.1.total_cmp(other.1));
    members.into_iter().map(|(member, _)| member.clone()).collect()
}

fn pop(zset: &mut ZSet, command: &Entry<'_>) -> Option<()> {
    let count = if command.arg_count() > 2 { usize::try_from(int(command, 2)?).ok()? } else { 1 };
    let mut members = ranked(zset);
    if command.name() == b"zpopmax" {
        members.reverse();
    }
    for member in members.iter().take(count) {
        zset.remove(member);
    }
    Some(())
}

fn remove_ranks(zset: &mut ZSet, command: &Entry<'_>) -> Option<()> {
    let members = ranked(zset);
    let len = i64::try_from(members.len()).ok()?;
    let from_end = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let first = usize::try_from(from_end(int(command, 2)?).max(0)).ok()?;
    let Ok(last) = usize::try_from(from_end(int(command, 3)?).min(len - 1)) else { return Some(()) };
    let count = (last + 1).saturating_sub(first);
    for member in members.iter().skip(first).take(count) {
        zset.remove(member);
    }
    Some(())
}

/// A bound and whether it is part of the range.
fn score_bound(text: &[u8]) -> Option<(f64, bool)> {
    match text.strip_prefix(b"(") {
        Some(text) => Some((float(text)?, false)),
        None => Some((float(text)?, true)),
    }
}

fn remove_scores(zset: &mut ZSet, command: &Entry<'_>) -> Option<()> {
    let ((min, with_min), (max, with_max)) = (score_bound(command.arg(2)?)?, score_bound(command.arg(3)?)?);
    let above = |score: f64| score > min || (with_min && score == min);
    let below = |score: f64| score < max || (with_max && score == max);
    zset.retain(|_, score| !(above(*score) && below(*score)));
    Some(())
}

/// By name is by rank only among equal scores.
fn remove_names(zset: &mut ZSet, command: &Entry<'_>) -> Option<()> {
    let mut scores = zset.values();
    let first = scores.next();
    if scores.any(|score| Some(score) != first) {
        return None;
    }
    let (min, max) = (command.arg(2)?, command.arg(3)?);
    let above = |name: &[u8]| match min.split_first() {
        Some((b'[', min)) => name >= min,
        Some((b'(', min)) => name > min,
        _ => min == b"-",
    };
    let below = |name: &[u8]| match max.split_first() {
        Some((b'[', max)) => name <= max,
        Some((b'(', max)) => name < max,
        _ => max == b"+",
    };
    zset.retain(|name, _| !(above(name) && below(name)));
    Some(())
}

fn store(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let count = usize::try_from(int(command, 2)?).ok()?;
    let inputs: Option<Vec<ZSet>> =
        command.args().skip(3).take(count).map(|key| zset_at(tables, command.db(), key)).collect();
    let mut inputs = inputs?;
    let (mut at, mut combine) = (3 + count, sum as fn(f64, f64) -> f64);
    while at < command.arg_count() {
        if is_word(command, at, "WEIGHTS") {
            for (input, index) in inputs.iter_mut().zip(at + 1..) {
                let weight = float(command.arg(index)?)?;
                input.values_mut().for_each(|score| *score = number(*score * weight));
            }
            at += 1 + count;
        } else if is_word(command, at, "AGGREGATE") {
            combine = match command.arg(at + 1)?.to_ascii_uppercase().as_slice() {
                b"SUM" => sum,
                b"MIN" => f64::min,
                b"MAX" => f64::max,
                _ => return None,
            };
            at += 2;
        } else {
            return None;
        }
    }
    let result = fold(command.name(), inputs, combine);
    tables.put(command.db(), command.arg(1)?, Item::new(Value::ZSet(result)));
    Some(())
}

fn fold(name: &[u8], inputs: Vec<ZSet>, combine: fn(f64, f64) -> f64) -> ZSet {
    let mut inputs = inputs.into_iter();
    let mut result = inputs.next().unwrap_or_default();
    for input in inputs {
        match name {
            b"zdiffstore" => result.retain(|member, _| !input.contains_key(member)),
            b"zinterstore" => result.retain(|member, score| match input.get(member) {
                Some(other) => {
                    *score = combine(*score, *other);
                    true
                }
                None => false,
            }),
            _ => {
                for (member, score) in input {
                    result.entry(member).and_modify(|old| *old = combine(*old, score)).or_insert(score);
                }
            }
        }
    }
    result
}

/// As the servers add: infinities of both signs make 0 (`zunionInterAggregate`, t_zset.c).
fn sum(one: f64, other: f64) -> f64 {
    number(one + other)
}

fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A sorted set, or a set with scores of 1.
fn zset_at(tables: &Tables, db: u32, key: &[u8]) -> Option<ZSet> {
    match tables.get(db, key) {
        Lookup::None => Some(ZSet::new()),
        Lookup::Item(Item { value: Value::ZSet(zset), .. }) => Some(zset.clone()),
        Lookup::Item(Item { value: Value::Set(set), .. }) => {
            Some(set.iter().map(|member| (member.clone(), 1.0)).collect())
        }
        _ => None,
    }
}
