//! Ten thousand breaks and more: a link is cut at each of its bytes, its successor at another, and the third one ends
//! with what the source has, each command once, in order, in its database.

use super::common::Wrapping;
use super::every_type;
use super::history::Source;
use super::replica::{Link, Replica, follow};

/// What the source does between two links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// It writes a little: its backlog reaches back.
    Writes,
    /// It writes more than its backlog holds, every other time.
    Forgets,
    /// A replica of it is promoted, and writes.
    FailsOver,
}

/// What a run of links came to.
#[derive(Debug, Default)]
struct Tally {
    cuts: u64,
    full_resyncs: u64,
    continuations: u64,
    new_ids: u64,
}

/// How often the source writes during a link that isn't cut before.
const WRITES: usize = 24;

fn source(wrapping: Wrapping, meanwhile: Meanwhile) -> Source {
    let backlog_bytes = if meanwhile == Meanwhile::Forgets { 700 } else { u64::MAX };
    let mut source = Source::new(wrapping, backlog_bytes);
    (0..10).for_each(|_| source.write());
    source
}

fn live(source: &mut Source, meanwhile: Meanwhile, cut: usize) {
    let writes = match meanwhile {
        Meanwhile::Forgets if cut.is_multiple_of(2) => 20,
        _ => 3,
    };
    (0..writes).for_each(|_| source.write());
}

/// Three links, the first two of them cut.
fn check(wrapping: Wrapping, meanwhile: Meanwhile, cuts: [usize; 2], read_bytes: usize, tally: &mut Tally) {
    let mut source = source(wrapping, meanwhile);
    let mut replica = Replica::default();
    let link = |cut| Link { cut, read_bytes, writes: WRITES };
    let at = format!("{wrapping:?}, {meanwhile:?}, cut at {cuts:?}, {read_bytes} bytes a read");
    for (number, cut) in cuts.into_iter().enumerate() {
        let arrived = follow(&mut source, &mut replica, link(cut));
        tally.cuts += u64::from(arrived == cut);
        if meanwhile == Meanwhile::FailsOver && number == 0 {
            source.fail_over();
        }
        live(&mut source, meanwhile, cut);
    }
    follow(&mut source, &mut replica, link(usize::MAX));
    assert_eq!(replica.logs, source.logs, "{at}");
    assert_eq!(replica.position, Some(source.position()), "{at}");
    assert_eq!(replica.others, every_type::values_in(wrapping), "{at}");
    tally.full_resyncs += u64::from(replica.full_resyncs);
    tally.continuations += u64::from(replica.continuations);
    tally.new_ids += u64::from(replica.new_ids);
}

fn bytes_of_a_link(wrapping: Wrapping, meanwhile: Meanwhile) -> usize {
    let link = Link { cut: usize::MAX, read_bytes: usize::MAX, writes: WRITES };
    follow(&mut source(wrapping, meanwhile), &mut Replica::default(), link)
}

/// Cuts the first link at every byte, and the second one wherever that leads to.
fn cut_everywhere(meanwhile: Meanwhile) -> Tally {
    let mut tally = Tally::default();
    for wrapping in [Wrapping::Length, Wrapping::Mark] {
        let bytes = bytes_of_a_link(wrapping, meanwhile);
        for first in 0..bytes {
            let second = first * 7919 % bytes;
            let read_bytes = if first % 8 == 0 { 1 } else { 97 };
            check(wrapping, meanwhile, [first, second], read_bytes, &mut tally);
        }
    }
    println!("{meanwhile:?}: {tally:?}");
    tally
}

#[test]
fn a_link_cut_at_every_byte_goes_on_where_it_was() {
    let tally = cut_everywhere(Meanwhile::Writes);
    assert!(tally.cuts >= 10_000 && tally.continuations >= 3_000, "{tally:?}");
}

#[test]
fn a_link_cut_at_every_byte_begins_anew_where_the_backlog_ends() {
    let tally = cut_everywhere(Meanwhile::Forgets);
    assert!(tally.cuts >= 10_000, "{tally:?}");
    assert!(tally.full_resyncs >= 5_000 && tally.continuations >= 1_000, "{tally:?}");
}

#[test]
fn a_link_cut_at_every_byte_follows_a_new_id() {
    let tally = cut_everywhere(Meanwhile::FailsOver);
    assert!(tally.cuts >= 10_000 && tally.new_ids >= 2_000, "{tally:?}");
}
