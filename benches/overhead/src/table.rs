//! The figures side by side, and what was aimed at.

use std::fmt;

use crate::measure::{Cost, Subject};
use crate::modules::Kind;

/// At most this much of C's instructions, the whole server taken together.
const WHOLE_MAX: f64 = 1.03;
/// At most this much of C's instructions inside the handler.
const HANDLER_MAX: f64 = 1.3;
/// Blocks per command. Less than that is what the server itself does now and then, not each time.
const ALLOCATIONS_MAX: f64 = 0.05;

pub struct Table(Vec<(Subject, Kind, Cost)>);

impl Table {
    pub fn new(costs: Vec<(Subject, Kind, Cost)>) -> Self {
        Self(costs)
    }

    /// What the same command costs in C.
    fn yardstick(&self, subject: Subject) -> Option<Cost> {
        let row = self.0.iter().find(|(of, by, _)| (*of, *by) == (subject, Kind::C));
        row.map(|&(_, _, cost)| cost)
    }

    /// The aims that redis-context misses.
    pub fn missed(&self) -> Vec<String> {
        let ours = self.0.iter().filter(|(_, kind, _)| *kind == Kind::Ours);
        ours.flat_map(|&(subject, _, cost)| self.missed_by(subject, cost)).collect()
    }

    fn missed_by(&self, subject: Subject, cost: Cost) -> Vec<String> {
        let Some(c) = self.yardstick(subject) else { return Vec::new() };
        let mut missed = Vec::new();
        let mut aim = |what: &str, is: f64, most: f64| {
            if is > most {
                missed.push(format!("{}: {what} {is:.3}, at most {most}", subject.title()));
            }
        };
        // A no-op is a bare reply, which a value tree can't beat: the aims are for handlers that do something.
        if subject != Subject::Noop {
            aim("whole command, of C's", cost.whole / c.whole, WHOLE_MAX);
            aim("handler, of C's", cost.handler / c.handler, HANDLER_MAX);
        }
        aim("blocks the module allocates", cost.own_allocations, ALLOCATIONS_MAX);
        aim("blocks more than C's", cost.allocations - c.allocations, ALLOCATIONS_MAX);
        missed
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| command | written with | whole command | of C's | handler | of C's | blocks by the module | more than C's |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for &(subject, kind, cost) in &self.0 {
            let c = self.yardstick(subject).unwrap_or(cost);
            writeln!(
                f,
                "| {} | {} | {:.0} | {:.3} | {:.0} | {:.2} | {:.2} | {:+.2} |",
                subject.title(),
                kind.title(),
                cost.whole,
                cost.whole / c.whole,
                cost.handler,
                cost.handler / c.handler,
                cost.own_allocations,
                cost.allocations - c.allocations,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(whole: f64, handler: f64, allocations: f64) -> Cost {
        Cost { whole, handler, own_allocations: allocations, allocations: allocations + 3.0 }
    }

    #[test]
    fn an_aim_is_missed_by_what_exceeds_it() {
        let c = (Subject::Echo, Kind::C, cost(1000.0, 100.0, 0.0));
        let met = Table::new(vec![c, (Subject::Echo, Kind::Ours, cost(1030.0, 130.0, 0.0))]);
        assert_eq!(met.missed(), Vec::<String>::new());
        let missed = Table::new(vec![c, (Subject::Echo, Kind::Ours, cost(1031.0, 131.0, 1.0))]);
        assert_eq!(missed.missed().len(), 4);
        let others = Table::new(vec![c, (Subject::Echo, Kind::RedisModule, cost(9999.0, 999.0, 9.0))]);
        assert!(others.missed().is_empty());
    }
}
