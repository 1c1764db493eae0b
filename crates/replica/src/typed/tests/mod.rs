//! Commands as text, and what they must be understood as.

mod hashes;
mod keys;
mod lists;
mod server;
mod sets;
mod streams;
mod strings;
mod zsets;

use proptest::prelude::*;

use super::{Element, Items, Problem, Typed, TypedError, Words};
use crate::callback::{Batch, Phase, Whereabouts};
use crate::connection::Place;
use crate::keys::TABLE;
use crate::resp::{CommandParser, Limits, encode_command};

/// Words that live as long as the test.
fn words(text: &str) -> Words<'static> {
    let words = text.split_ascii_whitespace().map(|word| &*word.as_bytes().to_vec().leak());
    Words::from(&*words.collect::<Vec<&'static [u8]>>().leak())
}

fn typed(text: &str) -> Result<Typed<'static>, TypedError> {
    Typed::parse(words(text))
}

fn items<T: Element<'static>>(text: &str) -> Items<'static, T> {
    Items::check(words(text)).expect("a list")
}

/// Each line must be understood as this, in any case of its name.
fn all_are(lines: &[&str], expected: Typed<'_>) {
    for line in lines {
        assert_eq!(typed(line), Ok(expected), "{line}");
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        assert_eq!(typed(&format!("{} {rest}", name.to_ascii_lowercase())), Ok(expected), "{line}");
    }
}

/// Each line must be refused, at this argument for this reason.
fn refused(lines: &[(&str, usize, Problem)]) {
    for (line, argument, problem) in lines {
        let error = typed(line).expect_err(line);
        assert_eq!((error.argument, error.problem), (*argument, *problem), "{line}");
        let name = line.split(' ').next().unwrap_or_default();
        assert!(error.to_string().starts_with(&name.to_ascii_lowercase()), "{error}");
    }
}

/// Commands of the table that are not modelled, and why.
const OTHER: [(&str, &str); 17] = [
    ("bitfield", "operations on numbers of any width"),
    ("blmove", "replicated as LMOVE"),
    ("blmpop", "replicated as LPOP or RPOP"),
    ("blpop", "replicated as LPOP"),
    ("brpop", "replicated as RPOP"),
    ("brpoplpush", "replicated as RPOPLPUSH"),
    ("bzmpop", "replicated as ZPOPMIN or ZPOPMAX"),
    ("bzpopmax", "replicated as ZPOPMAX"),
    ("bzpopmin", "replicated as ZPOPMIN"),
    ("georadius", "takes a search by place"),
    ("georadiusbymember", "takes a search by place"),
    ("geosearchstore", "takes a search by place"),
    ("pfcount", "stores only what it has counted"),
    ("pfdebug", "for the servers' own tests"),
    ("sort", "may read keys that it does not name"),
    ("xcfgset", "settings, not data"),
    ("xidmprecord", "written by AOF rewrites only"),
];

#[test]
fn every_command_of_the_table_is_modelled_or_other_on_purpose() {
    for row in &TABLE {
        let name = row.name.to_str().unwrap();
        let is_other = OTHER.iter().any(|(other, _)| *other == name);
        // None goes with these arguments: what is modelled says so.
        let understood = typed(&format!("{name} \u{1} \u{1} \u{1} \u{1} \u{1} \u{1} \u{1} \u{1} \u{1}"));
        let bare = typed(name);
        let is_modelled = understood.is_err() || bare.is_err() || bare != Ok(Typed::Other);
        assert_ne!(is_modelled, is_other, "{name}: {understood:?}");
    }
    assert!(OTHER.iter().all(|(name, _)| crate::keys::lookup(name.as_bytes()).is_some()));
}

#[test]
fn what_is_not_known_is_other() {
    let none: &[&[u8]] = &[];
    assert_eq!(Typed::parse(none), Ok(Typed::Other));
    for line in ["GET k", "NOSUCH a b", "EVAL x 0", "SETT k v", "se k v"] {
        assert_eq!(typed(line), Ok(Typed::Other), "{line}");
    }
}

#[test]
fn entries_and_views_are_understood_as_their_words_are() {
    let args: [&[u8]; 5] = [b"zAdd", b"k", b"xx", b"1.5", b"a\0\r\n"];
    let expected = Typed::parse(args.as_slice()).unwrap();
    assert_ne!(expected, Typed::Other);

    let mut batch = Batch::new(Phase::Streaming);
    let at = Whereabouts { db: 0, offset: 0, place: Place::Alone };
    // Not the first, so that places in the batch and in the command differ.
    batch.push(at, [b"set".as_slice(), b"k", b"v"]);
    batch.push(at, args);
    assert_eq!(batch.iter().nth(1).unwrap().typed(), Ok(expected));

    let mut bytes = Vec::new();
    encode_command(&args, &mut bytes);
    let mut parser = CommandParser::new(Limits::default());
    parser.parse(&bytes).unwrap();
    assert_eq!(parser.view(&bytes).typed(), Ok(expected));
}

#[test]
fn an_error_tells_command_argument_and_what_to_do() {
    let error = typed("INCRBY k 1x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "incrby: argument 2: this is no increment; use the raw arguments, or treat the command's keys as changed"
    );
}

/// Words that mean something somewhere, so that random commands get far.
const VOCABULARY: [&str; 40] = [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.5",
    "inf",
    "-",
    "+",
    "[a",
    "(1",
    "$",
    "*",
    "~",
    "=",
    "5-1",
    "k",
    "v",
    "NX",
    "xx",
    "GT",
    "LT",
    "EX",
    "pxat",
    "KEEPTTL",
    "FIELDS",
    "FNX",
    "LEFT",
    "MIN",
    "COUNT",
    "WEIGHTS",
    "AGGREGATE",
    "MAXLEN",
    "MINID",
    "LIMIT",
    "IDS",
    "CREATE",
    "ENTRIESREAD",
    "REPLACE",
    "18446744073709551615",
];

fn argument() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(&VOCABULARY[..]).prop_map(|word| word.as_bytes().to_vec());
    prop_oneof![4 => known, 1 => prop::collection::vec(any::<u8>(), 0..6)]
}

proptest! {
    #[test]
    fn no_arguments_make_it_panic(
        row in 0..TABLE.len(),
        arguments in prop::collection::vec(argument(), 0..9),
    ) {
        let mut args = vec![TABLE[row].name.to_bytes()];
        args.extend(arguments.iter().map(Vec::as_slice));
        match Typed::parse(args.as_slice()) {
            // Goes through every list.
            Ok(command) => prop_assert_eq!(command, command),
            Err(error) => prop_assert!(error.argument <= args.len()),
        }
    }

    #[test]
    fn a_list_has_as_many_elements_as_it_says(pairs in prop::collection::vec(("[0-9]{1,3}", "[a-z]{0,3}"), 1..9)) {
        let mut args: Vec<&[u8]> = vec![b"ZADD", b"k"];
        args.extend(pairs.iter().flat_map(|(score, member)| [score.as_bytes(), member.as_bytes()]));
        let Ok(Typed::SortedSet(super::SortedSetCommand::Add { members, .. })) = Typed::parse(args.as_slice())
        else {
            return Err(TestCaseError::fail("no ZADD"));
        };
        prop_assert_eq!(members.len(), pairs.len());
        let told: Vec<_> = members.iter().map(|one| (one.score, one.member)).collect();
        let expected: Vec<_> =
            pairs.iter().map(|(score, member)| (score.parse().unwrap(), member.as_bytes())).collect();
        prop_assert_eq!(told, expected);
    }
}
