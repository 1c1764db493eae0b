//! What was found: the lines for the terminal, and the table as a document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::table::{Claim, Entry};

/// The table and what it was held against.
pub struct Report {
    /// The table, by function.
    pub entries: BTreeMap<String, Entry>,
    /// The functions of each server.
    pub exported: Vec<(String, BTreeSet<String>)>,
    /// The functions that tests reached, if that was looked at.
    pub reached: Option<BTreeSet<String>>,
    /// Claims that do not hold.
    pub problems: Vec<String>,
}

impl Report {
    /// Every function that some server exports.
    fn present(&self) -> BTreeSet<&str> {
        self.exported.iter().flat_map(|(_, names)| names).map(String::as_str).collect()
    }

    /// Those of them that are to be covered: all but what is left out.
    fn wanted(&self) -> Vec<&str> {
        let left_out = |name: &&str| matches!(self.claim(name), Some(Claim::LeftOut(_)));
        self.present().into_iter().filter(|name| !left_out(name)).collect()
    }

    fn claim(&self, name: &str) -> Option<&Claim> {
        self.entries.get(name).map(|entry| &entry.claim)
    }

    fn is_covered(&self, name: &str) -> bool {
        let reached = self.reached.as_ref().is_none_or(|reached| reached.contains(name) || is_of_load(name));
        reached && matches!(self.claim(name), Some(Claim::Covered { .. }))
    }

    /// What is to be covered and is not, with the reason.
    fn missing(&self) -> Vec<String> {
        let missing = self.wanted().into_iter().filter(|name| !self.is_covered(name));
        missing
            .map(|name| match self.claim(name) {
                Some(Claim::Covered { proof, .. }) => format!("{name} (not reached by {proof})"),
                Some(_) => name.to_owned(),
                None => format!("{name} (not in the table)"),
            })
            .collect()
    }

    /// Whether all is covered and every claim holds.
    pub fn holds(&self) -> bool {
        self.problems.is_empty() && self.missing().is_empty()
    }

    /// The lines for the terminal; the last is `covered N of M`.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for (server, names) in &self.exported {
            let _ = writeln!(text, "api-coverage: {server} exports {}", names.len());
        }
        for problem in &self.problems {
            let _ = writeln!(text, "api-coverage: wrong: {problem}");
        }
        for name in self.missing() {
            let _ = writeln!(text, "api-coverage: missing: {name}");
        }
        if self.reached.is_none() {
            text.push_str("api-coverage: whether tests reach the functions was not looked at\n");
        }
        let wanted = self.wanted().len();
        let left_out = self.present().len() - wanted;
        let covered = wanted - self.missing().len();
        let _ = writeln!(text, "api-coverage: covered {covered} of {wanted} ({left_out} left out)");
        text
    }

    /// The table in Markdown.
    pub fn document(&self) -> String {
        let mut text = String::from(
            "# The module API and redis-context\n\nMade by `make api-coverage`: do not edit.\n\n",
        );
        let present = self.present().len();
        let (wanted, missing) = (self.wanted().len(), self.missing().len());
        let _ = writeln!(
            text,
            "The servers below export {present} functions; {} are left out, with the reason; of the other {wanted}, {} have \
             a safe method and a test in which a real server runs it.\n",
            present - wanted,
            wanted - missing
        );
        for (server, names) in &self.exported {
            let _ = writeln!(text, "- {server}: {}", names.len());
        }
        let groups: BTreeSet<&str> = self.entries.values().map(|entry| entry.group.as_str()).collect();
        for group in groups {
            let _ = writeln!(
                text,
                "\n## {group}\n\n| function | safe method | test | missing in |\n|---|---|---|---|"
            );
            for (name, entry) in self.entries.iter().filter(|(_, entry)| entry.group == group) {
                let (method, proof) = match &entry.claim {
                    Claim::Covered { method, proof } => (format!("`{method}`"), proof.clone()),
                    Claim::LeftOut(reason) => ("left out".into(), reason.clone()),
                    Claim::Missing => ("missing".into(), String::new()),
                };
                let _ = writeln!(text, "| {name} | {method} | {proof} | {} |", self.without(name));
            }
        }
        text
    }

    fn without(&self, name: &str) -> String {
        let lacking = self.exported.iter().filter(|(_, names)| !names.contains(name));
        // `redis70 (Redis 7.0.15)`: the short name is enough.
        let lacking: Vec<_> = lacking.filter_map(|(server, _)| server.split(' ').next()).collect();
        if lacking.len() == self.exported.len() { "all".into() } else { lacking.join(" ") }
    }
}

/// What the load calls before anything can be noted down.
fn is_of_load(name: &str) -> bool {
    matches!(name, "GetApi" | "SetModuleAttribs" | "IsModuleNameBusy")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(claim: Claim) -> Entry {
        Entry { group: "g".into(), claim }
    }

    fn report(reached: &[&str]) -> Report {
        let covered = Claim::Covered { method: "A::b".into(), proof: "c.rs: d".into() };
        let names = ["A", "B", "C", "D"].map(str::to_owned);
        Report {
            entries: BTreeMap::from([
                ("A".to_owned(), entry(covered)),
                ("B".to_owned(), entry(Claim::Missing)),
                ("C".to_owned(), entry(Claim::LeftOut("private".into()))),
            ]),
            exported: vec![("s (Redis 7.0.15)".to_owned(), BTreeSet::from(names))],
            reached: Some(reached.iter().map(|name| (*name).to_owned()).collect()),
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_claim_counts_only_if_a_test_reached_the_function() {
        let summary = report(&["A"]).summary();
        assert!(summary.contains("covered 1 of 3 (1 left out)"), "{summary}");
        assert!(summary.contains("missing: B\n") && summary.contains("missing: D (not in the table)"));
        let summary = report(&[]).summary();
        assert!(summary.contains("covered 0 of 3") && summary.contains("A (not reached by c.rs: d)"));
    }

    #[test]
    fn the_document_says_what_is_left_out_and_why() {
        let document = report(&["A"]).document();
        assert!(document.contains("| C | left out | private |"), "{document}");
        assert!(document.contains("| A | `A::b` | c.rs: d |"));
    }
}
