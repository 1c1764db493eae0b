//! The set alone, and then a simulated source: after every unit each key that isn't under repair must be what the source
//! had at that offset.

use super::*;
use crate::batch::Batch;

mod model;
mod simulation;

fn add(repairs: &mut Repairs, key: &str) {
    repairs.add(0, key.as_bytes()).expect("room");
}

#[test]
fn a_fetch_takes_everything_and_settles_at_its_offset() {
    let mut repairs = Repairs::new(RepairLimits::default());
    assert_eq!(repairs.take_fetch(), None);
    add(&mut repairs, "b");
    add(&mut repairs, "a");
    assert_eq!(repairs.take_fetch(), Some(vec![(0, b"a".to_vec()), (0, b"b".to_vec())]));
    assert_eq!(repairs.take_fetch(), None, "one at a time");
    assert_eq!(repairs.fetched(100, 50), Answer::Keep);
    assert!(!repairs.must_settle_before(100) && repairs.must_settle_before(101));
    assert_eq!(repairs.settle(99, None), Settlement::NotYet);
    assert_eq!(repairs.settle(99, Some(100)), Settlement::NotYet);
    assert!(matches!(repairs.settle(100, None), Settlement::Apply(keys) if keys.len() == 2));
    assert!(repairs.is_empty());
}

#[test]
fn what_joins_meanwhile_waits_for_the_next_fetch() {
    let mut repairs = Repairs::new(RepairLimits::default());
    add(&mut repairs, "a");
    repairs.take_fetch().expect("due");
    add(&mut repairs, "b");
    assert_eq!(repairs.fetched(100, 50), Answer::Keep);
    add(&mut repairs, "c");
    assert_eq!(repairs.settle(100, None), Settlement::Apply(vec![(0, b"a".to_vec())]));
    assert_eq!(repairs.take_fetch(), Some(vec![(0, b"b".to_vec()), (0, b"c".to_vec())]));
}

#[test]
fn an_answer_too_large_is_asked_for_in_parts() {
    let mut repairs = Repairs::new(RepairLimits::default());
    ["a", "b", "c", "d", "e"].iter().for_each(|key| add(&mut repairs, key));
    for expected in [5, 2, 1, 1] {
        assert_eq!(repairs.take_fetch().expect("due").len(), expected);
        repairs.fetch_too_large();
    }
    for (at, expected) in [(100, 1), (200, 2), (300, 2)] {
        assert_eq!(repairs.take_fetch().expect("due").len(), expected);
        assert_eq!(repairs.fetched(at, at), Answer::Keep);
        assert!(matches!(repairs.settle(at, None), Settlement::Apply(keys) if keys.len() == expected));
    }
    assert!(repairs.is_empty());
}

#[test]
fn keys_that_changed_their_db_are_fetched_again() {
    let mut repairs = Repairs::new(RepairLimits::default());
    add(&mut repairs, "a");
    repairs.take_fetch().expect("due");
    assert_eq!(repairs.fetched(100, 50), Answer::Keep);
    repairs.swap_dbs(0, 1);
    assert_eq!(repairs.settle(100, None), Settlement::FetchAgain);
    assert_eq!(repairs.take_fetch(), Some(vec![(1, b"a".to_vec())]));
}

#[test]
fn failures_and_late_answers_lead_to_another_fetch() {
    let mut repairs = Repairs::new(RepairLimits::default());
    add(&mut repairs, "a");
    repairs.take_fetch().expect("due");
    repairs.fetch_failed();
    repairs.take_fetch().expect("due again");
    assert_eq!(repairs.fetched(100, 101), Answer::Stale);
    repairs.take_fetch().expect("due again");
    repairs.clear();
    assert_eq!(repairs.fetched(100, 50), Answer::Stale, "nobody waits for it any more");
}

#[test]
fn the_set_is_bounded_and_survives_a_checkpoint() {
    let limits = RepairLimits { keys_max: 2, bytes_max: 10 };
    let mut repairs = Repairs::new(limits);
    add(&mut repairs, "a");
    add(&mut repairs, "b");
    add(&mut repairs, "a");
    assert_eq!(repairs.add(0, b"c"), Err(RepairOverflow));
    assert_eq!(Repairs::new(limits).add(0, &[b'k'; 11]), Err(RepairOverflow));
    let mut resumed = Repairs::resume(limits, repairs.pending()).expect("room");
    assert_eq!(resumed.take_fetch(), Some(repairs.pending()));
}

#[test]
fn the_simulated_mirror_is_always_a_prefix_of_the_source() {
    for seed in 0..600 {
        let report = simulation::run(seed, simulation::Rule::Join)
            .unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        assert!(seed > 0 || report.settled > 0, "{report:?}");
    }
    let settled: usize = (0..50)
        .filter_map(|seed| simulation::run(seed, simulation::Rule::Join).ok())
        .map(|r| r.settled)
        .sum();
    assert!(settled > 100, "repairs must come to an end often: {settled}");
}

#[test]
fn without_the_join_rule_the_simulation_fails() {
    let wrong = (0..100).filter(|seed| simulation::run(*seed, simulation::Rule::Forget).is_err()).count();
    assert!(wrong > 50, "only {wrong} of 100 seeds noticed");
}

#[test]
fn without_the_memory_of_expired_keys_the_simulation_fails() {
    let wrong =
        (0..100).filter(|seed| simulation::run(*seed, simulation::Rule::IgnoreExpired).is_err()).count();
    assert!(wrong > 50, "only {wrong} of 100 seeds noticed");
}

#[test]
fn an_untouched_batch_is_applied() {
    let mut repairs = Repairs::new(RepairLimits::default());
    let batch = Batch::new();
    assert!(batch.ops().iter().all(|op| repairs.admit(&batch, op) == Ok(Admission::Apply)));
}

/// What a follower makes of what it is told, whatever happens to the set and however rarely it is told.
#[test]
fn a_follower_never_misses_a_key() {
    let mut repairs = Repairs::new(RepairLimits::default());
    let mut followed: Vec<LocalKey> = Vec::new();
    let mut random = 1_u64;
    let mut draw = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for step in 0..20_000_u64 {
        match draw(12) {
            0..=6 => add(&mut repairs, &draw(50).to_string()),
            7 => {
                let _keys = repairs.take_fetch();
                let _answer = repairs.fetched(step, 0);
            }
            8 => {
                let _settled = repairs.settle(step, Some(step + 1));
            }
            9 if draw(20) == 0 => repairs.clear(),
            10 if draw(20) == 0 => repairs.swap_dbs(0, 1),
            _ => {
                match repairs.take_untold() {
                    Untold::All => followed = repairs.pending(),
                    Untold::Added(keys) => followed.extend(keys),
                }
                followed.sort_unstable();
                followed.dedup();
                assert_eq!(followed, repairs.pending(), "step {step}");
                assert!(!repairs.has_changed());
            }
        }
    }
}
