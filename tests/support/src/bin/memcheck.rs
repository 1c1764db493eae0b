//! Reads what valgrind's memcheck wrote about servers and tells which errors and leaks name our code.
//!
//! `memcheck FOLDER NAME..`: the logs, one for each process, and the beginnings of names of our functions and files.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

/// Shown of each kind of finding.
const FRAMES_SHOWN: usize = 30;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, names)) = words.split_first().filter(|(_, names)| !names.is_empty()) else {
        eprintln!("usage: memcheck FOLDER NAME..");
        return ExitCode::from(2);
    };
    match read(folder) {
        Ok(logs) if logs.is_empty() => {
            eprintln!("memcheck: no log in {folder}: no server ran under valgrind");
            ExitCode::FAILURE
        }
        Ok(logs) => report(&logs, names),
        Err(error) => {
            eprintln!("memcheck: {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(folder: &str) -> std::io::Result<Vec<String>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder)? {
        logs.push(String::from_utf8_lossy(&fs::read(entry?.path())?).into_owned());
    }
    Ok(logs)
}

fn report(logs: &[String], names: &[String]) -> ExitCode {
    let findings: Vec<String> = logs.iter().flat_map(|log| findings(log)).collect();
    let (ours, others): (Vec<&String>, Vec<&String>) =
        findings.iter().partition(|finding| is_named(finding, names));
    let mut kinds: BTreeMap<String, (usize, &String)> = BTreeMap::new();
    for finding in &ours {
        kinds.entry(kind(finding)).or_insert((0, finding)).0 += 1;
    }
    for (times, finding) in kinds.values() {
        println!("{times} times:");
        finding.lines().take(FRAMES_SHOWN).for_each(|line| println!("  {line}"));
    }
    let ended = logs.iter().filter(|log| log.contains("ERROR SUMMARY:")).count();
    println!(
        "memcheck: {} processes, {ended} of them to their end: {} errors and leaks name our code, {} do not",
        logs.len(),
        ours.len(),
        others.len(),
    );
    if ours.is_empty() && ended > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Errors and leaks, each a paragraph with the stacks of calls. Other paragraphs have none.
fn findings(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().map(without_prefix).collect();
    let paragraphs = lines.split(|line| line.trim().is_empty());
    paragraphs.map(|lines| lines.join("\n")).filter(|text| text.lines().any(is_frame)).collect()
}

/// Without the `==process== `.
fn without_prefix(line: &str) -> &str {
    let rest = line.strip_prefix("==").and_then(|rest| rest.split_once("=="));
    rest.map_or(line, |(_, text)| text)
}

fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at 0x") || line.starts_with("by 0x")
}

/// Whether a frame of the finding is in our code: `by 0x..: redis_context::key::..` or `(in /../libexample_dict.so)`.
fn is_named(finding: &str, names: &[String]) -> bool {
    let frames = finding.lines().filter(|line| is_frame(line));
    frames.flat_map(|frame| frame.split(|c: char| !c.is_alphanumeric() && c != '_')).any(|word| {
        names.iter().any(|name| word.strip_prefix("lib").unwrap_or(word).starts_with(name.as_str()))
    })
}

/// What two findings of the same kind have in common: all but addresses and numbers.
fn kind(finding: &str) -> String {
    let frames = finding.lines().filter(|line| is_frame(line));
    frames.filter_map(|frame| frame.split_once(": ")).map(|(_, function)| format!("{function}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
==7== Memcheck, a memory error detector
==7== 
==7== Invalid read of size 8
==7==    at 0x10: redis_context::key::open (mod.rs:7)
==7==    by 0x20: call (server.c:1)
==7==  Address 0x0 is not stack'd
==7== 
==7== 40 bytes in 1 blocks are definitely lost in loss record 1 of 2
==7==    at 0x30: malloc (in /usr/lib/vgpreload.so)
==7==    by 0x40: ??? (in /tmp/libexample_dict.so)
==7== 
==7== 8 bytes in 1 blocks are definitely lost in loss record 2 of 2
==7==    at 0x30: malloc (in /usr/lib/vgpreload.so)
==7==    by 0x50: ACLInit (acl.c:3)
==7== 
==7== ERROR SUMMARY: 3 errors from 3 contexts (suppressed: 0 from 0)
";

    #[test]
    fn what_names_our_code_is_told_from_the_rest() {
        let findings = findings(LOG);
        assert_eq!(findings.len(), 3);
        let names = ["redis_context".to_owned(), "example_".to_owned()];
        let named: Vec<bool> = findings.iter().map(|finding| is_named(finding, &names)).collect();
        assert_eq!(named, [true, true, false]);
    }

    #[test]
    fn the_same_stack_is_the_same_kind() {
        let again = LOG.replace("0x10", "0x11").replace("40 bytes", "41 bytes");
        let kinds = |log| findings(log).iter().map(|finding| kind(finding)).collect::<Vec<_>>();
        assert_eq!(kinds(LOG), kinds(&again));
    }
}
