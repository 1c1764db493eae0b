//! What callgrind wrote: who called whom, how often, and how many instructions that took.
//!
//! Of the format (valgrind's manual, "Callgrind Format Specification") this reads: `ob=`, `fn=`, `cob=`, `cfn=` with
//! their `(number)` abbreviations, `calls=` with the line of costs after it, and `totals:`.

use std::collections::HashMap;

/// All calls from one function to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The file that holds the calling function.
    pub from: String,
    /// The file that holds the function called.
    pub into: String,
    /// Its name; a number if the file has no symbols.
    pub function: String,
    pub count: u64,
    /// Instructions in the function and all that it called.
    pub instructions: u64,
}

/// One dump.
#[derive(Debug, Default)]
pub struct Profile {
    pub calls: Vec<Call>,
    /// All instructions of the process.
    pub total: u64,
}

impl Profile {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            reader.read(line, &mut lines)?;
        }
        let profile = reader.profile;
        if profile.total == 0 { Err("callgrind counted nothing".to_owned()) } else { Ok(profile) }
    }

    /// The calls that enter a file from outside.
    pub fn entries<'a>(&'a self, file: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.into.ends_with(file) && !call.from.ends_with(file))
    }

    /// The calls that leave a file.
    pub fn exits<'a>(&'a self, file: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.from.ends_with(file) && !call.into.ends_with(file))
    }

    /// All calls of a function, whoever makes them.
    pub fn of<'a>(&'a self, function: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.function == function)
    }
}

#[derive(Default)]
struct Reader {
    profile: Profile,
    files: HashMap<String, String>,
    functions: HashMap<String, String>,
    file: String,
    callee_file: Option<String>,
    callee: String,
}

impl Reader {
    fn read<'a>(&mut self, line: &str, rest: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        if let Some(name) = line.strip_prefix("ob=") {
            self.file = full(&mut self.files, name);
        } else if let Some(name) = line.strip_prefix("fn=") {
            full(&mut self.functions, name);
        } else if let Some(name) = line.strip_prefix("cob=") {
            self.callee_file = Some(full(&mut self.files, name));
        } else if let Some(name) = line.strip_prefix("cfn=") {
            self.callee = full(&mut self.functions, name);
        } else if let Some(count) = line.strip_prefix("calls=") {
            let costs = rest.next().ok_or("the dump ends after a call")?;
            self.call(first_number(count)?, last_number(costs)?);
        } else if let Some(total) = line.strip_prefix("totals: ") {
            self.profile.total = first_number(total)?;
        }
        Ok(())
    }

    fn call(&mut self, count: u64, instructions: u64) {
        self.profile.calls.push(Call {
            from: self.file.clone(),
            into: self.callee_file.take().unwrap_or_else(|| self.file.clone()),
            function: self.callee.clone(),
            count,
            instructions,
        });
    }
}

/// A name is written once, as `(number) name`, and then as `(number)`.
fn full(known: &mut HashMap<String, String>, written: &str) -> String {
    match written.split_once(' ') {
        Some((number, name)) if number.starts_with('(') => {
            known.insert(number.to_owned(), name.to_owned());
            name.to_owned()
        }
        _ => known.get(written).cloned().unwrap_or_else(|| written.to_owned()),
    }
}

fn number(word: Option<&str>) -> Result<u64, String> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| format!("a number was expected, not {word:?}"))
}

fn first_number(line: &str) -> Result<u64, String> {
    number(line.split_whitespace().next())
}

fn last_number(line: &str) -> Result<u64, String> {
    number(line.split_whitespace().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
version: 1
events: Ir
totals: 700

ob=(1) /srv/redis-server
fl=(1) call.c
fn=(1) call
10 100
cob=(2) /tmp/module.so
cfi=(2) lib.rs
cfn=(2) entry
calls=3 5
+2 500
cfn=(3) free
calls=4 0
* 40

ob=(2)
fn=(2)
5 20
cob=(1)
cfn=(4) RM_Alloc
calls=7 0
5 70
";

    #[test]
    fn calls_know_the_files_on_both_sides() {
        let profile = Profile::parse(DUMP).expect("a dump");
        assert_eq!(profile.total, 700);
        let entered: Vec<&Call> = profile.entries("module.so").collect();
        assert_eq!(entered.len(), 1);
        assert_eq!(
            (entered[0].function.as_str(), entered[0].count, entered[0].instructions),
            ("entry", 3, 500)
        );
        let left: Vec<&Call> = profile.exits("module.so").collect();
        assert_eq!((left.len(), left[0].function.as_str(), left[0].count), (1, "RM_Alloc", 7));
        assert_eq!(profile.of("free").map(|call| call.count).sum::<u64>(), 4);
        assert!(profile.of("free").all(|call| call.into == "/srv/redis-server"));
    }

    #[test]
    fn a_dump_without_costs_is_refused() {
        assert!(Profile::parse("events: Ir\ntotals: 0\n").is_err());
        assert!(Profile::parse("calls=1 0\n").is_err());
    }
}
