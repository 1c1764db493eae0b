//! What the server would follow without a look at it, or refuse without saying whose it is.

use std::ffi::c_int;

use super::docs::{Arg, ArgKind, BeginSearch, CommandInfo, FindKeys, KeySpec};
use super::flags::KeyAccess;
use crate::error::Error;

/// The greatest position, distance and number of arguments. The server adds such numbers to others in an `int`.
const POSITION_MAX: c_int = 1 << 20;

const HISTORY_MAX: usize = 1024;
const KEY_SPECS_MAX: usize = 64;
const ARGS_MAX: usize = 1024;
/// The server walks down by calling itself (`moduleValidateCommandArgs`, module.c), and statics may hold each other. Each
/// level is two in the reply of COMMAND DOCS, which clients must be able to read.
const ARGS_DEPTH_MAX: usize = 8;

/// What [`super::Command::keys`] was told.
pub(super) fn keys((first, last, step): (c_int, c_int, c_int)) -> Result<(), Error> {
    match (first, last, step) {
        (0, 0, 0) => Ok(()),
        (1..=POSITION_MAX, ..=POSITION_MAX, 1..=POSITION_MAX)
            if last >= first || (-POSITION_MAX..0).contains(&last) =>
        {
            Ok(())
        }
        _ => Err(Error::Invalid {
            what: "its keys",
            reason: "the first is 1 or more, the last is not before it, the step is 1 or more, and all are at most 1048576",
        }),
    }
}

pub(super) fn info(info: &CommandInfo) -> Result<(), Error> {
    let invalid = |what, reason| Err(Error::Invalid { what, reason });
    if info.arity.unsigned_abs() > POSITION_MAX.unsigned_abs() {
        return invalid("its arity", "at most 1048576");
    }
    if info.history.len() > HISTORY_MAX {
        return invalid("its history", "at most 1024 entries");
    }
    if info.key_specs.len() > KEY_SPECS_MAX {
        return invalid("its key specs", "at most 64");
    }
    let mut left = ARGS_MAX;
    let specs = info.key_specs.len().max(1);
    info.args.iter().try_for_each(|arg| check_arg(arg, specs, ARGS_DEPTH_MAX, &mut left))?;
    info.key_specs.iter().try_for_each(|spec| check_key_spec(spec, info.arity))
}

/// One argument and those inside it; `left` is how many more there may be.
fn check_arg(arg: &Arg, specs: usize, depth: usize, left: &mut usize) -> Result<(), Error> {
    let invalid = |reason| Err(Error::Invalid { what: "an argument", reason });
    if *left == 0 {
        return invalid("there are more than 1024");
    }
    *left -= 1;
    match arg.kind {
        ArgKind::Key(spec) if usize::from(spec) >= specs => {
            invalid("its key spec index exceeds the key specs")
        }
        ArgKind::Token if arg.token.is_none() => invalid("it is nothing but its token, and has none"),
        ArgKind::OneOf([]) | ArgKind::Block([]) => invalid("its choices or parts are missing"),
        ArgKind::OneOf(_) | ArgKind::Block(_) if depth <= 1 => invalid("it lies deeper than in 7 others"),
        ArgKind::OneOf(args) | ArgKind::Block(args) => {
            args.iter().try_for_each(|arg| check_arg(arg, specs, depth - 1, left))
        }
        _ => Ok(()),
    }
}

/// The server follows a key spec without a look at it (db.c, getKeysUsingKeySpecs): a step of 0 writes beyond its
/// list of keys for ever, and positions outside the arguments are read.
fn check_key_spec(spec: &KeySpec, arity: c_int) -> Result<(), Error> {
    let refused = |reason| Err(Error::Invalid { what: "a key spec", reason });
    if !is_one_use(spec.access) {
        return refused("one of RO, RW, OW and RM, and at most one of UPDATE, INSERT and DELETE");
    }
    if numbers(spec).iter().any(|number| number.unsigned_abs() > POSITION_MAX.unsigned_abs()) {
        return refused("its numbers are at most 1048576");
    }
    if matches!(spec.begin, BeginSearch::Index(at) if at < 1) {
        return refused("the first argument is 1");
    }
    match (spec.find, spec.begin) {
        (FindKeys::Range { step: ..1, .. } | FindKeys::Count { step: ..1, .. }, _) => {
            refused("the distance of two keys is at least 1")
        }
        (FindKeys::Range { limit: ..0, .. }, _) => refused("a limit is not negative"),
        (FindKeys::Range { last, limit, .. }, _) if limit != 0 && last < -1 => {
            refused("with a limit, the last key is -1")
        }
        (FindKeys::Count { index: ..0, .. } | FindKeys::Count { first: ..0, .. }, _) => {
            refused("positions are relative to the beginning, and behind it")
        }
        (FindKeys::Count { .. }, BeginSearch::Keyword(..)) => {
            refused("nothing says that there is an argument behind a word")
        }
        (FindKeys::Count { index, .. }, BeginSearch::Index(at))
            if (at + index).unsigned_abs() >= arity.unsigned_abs() =>
        {
            refused("the arity does not promise the argument that says how many keys")
        }
        _ => Ok(()),
    }
}

fn numbers(spec: &KeySpec) -> [c_int; 4] {
    let begin = match spec.begin {
        BeginSearch::Unknown => 0,
        BeginSearch::Index(at) | BeginSearch::Keyword(_, at) => at,
    };
    match spec.find {
        FindKeys::One | FindKeys::Unknown => [begin, 0, 0, 0],
        FindKeys::Range { last, step, limit } => [begin, last, step, limit],
        FindKeys::Count { index, first, step } => [begin, index, first, step],
    }
}

/// What the server asks of a key spec's flags (`moduleValidateCommandInfo`, module.c).
fn is_one_use(access: KeyAccess) -> bool {
    let of = |group: KeyAccess| (access & group).bits().count_ones();
    KeyAccess::all().contains(access)
        && of(KeyAccess::RO | KeyAccess::RW | KeyAccess::OW | KeyAccess::RM) == 1
        && of(KeyAccess::UPDATE | KeyAccess::INSERT | KeyAccess::DELETE) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_outside_the_arguments_are_refused() {
        for given in [(0, 0, 0), (1, 1, 1), (1, -1, 2), (2, 5, 1), (1, -2, 1), (1, 1 << 20, 1 << 20)] {
            assert_eq!(keys(given), Ok(()));
        }
        for given in [(1, 1, 0), (1, -1, -1), (-1, -1, 1), (0, 1, 1), (3, 2, 1)] {
            assert!(keys(given).is_err(), "{given:?}");
        }
        for given in [(1, i32::MAX, 1), (1, i32::MIN, 1), (i32::MAX, -1, 1), (1, -1, i32::MAX)] {
            assert!(keys(given).is_err(), "{given:?}");
        }
    }

    fn check_args(args: &'static [Arg]) -> Result<(), Error> {
        info(&CommandInfo { args, ..CommandInfo::EMPTY })
    }

    #[test]
    fn arguments_that_contradict_themselves_are_refused() {
        static WRONG: [Arg; 3] = [Arg::key(c"key", 1), Arg::one_of(c"none", &[]), Arg::block(c"none", &[])];
        for at in 0..WRONG.len() {
            assert!(check_args(&WRONG[at..=at]).is_err(), "{:?}", WRONG[at]);
        }
        static RIGHT: [Arg; 2] = [Arg::key(c"key", 0), Arg::block(c"block", &[Arg::word(c"w", c"W")])];
        assert_eq!(check_args(&RIGHT), Ok(()));
    }

    #[test]
    fn arguments_that_hold_themselves_end_at_the_limits() {
        static CHICKEN: [Arg; 1] = [Arg::block(c"chicken", &EGG)];
        static EGG: [Arg; 1] = [Arg::one_of(c"egg", &CHICKEN)];
        assert!(check_args(&CHICKEN).is_err());
        static MANY: [Arg; ARGS_MAX + 1] = [Arg::string(c"a"); ARGS_MAX + 1];
        assert!(check_args(&MANY).is_err() && check_args(&MANY[1..]).is_ok());
        static WIDE: [Arg; 1000] = [Arg::block(c"wide", &WIDE); 1000];
        assert!(check_args(&WIDE).is_err());
    }

    #[test]
    fn an_arity_is_a_number_of_arguments() {
        for arity in [i32::MIN, i32::MAX, -POSITION_MAX - 1] {
            assert!(info(&CommandInfo { arity, ..CommandInfo::EMPTY }).is_err());
        }
        assert!(info(&CommandInfo { arity: -POSITION_MAX, ..CommandInfo::EMPTY }).is_ok());
    }

    #[test]
    fn a_key_spec_that_leads_out_of_the_arguments_is_refused() {
        let allowed = |begin, find| {
            let spec = KeySpec { notes: None, access: KeyAccess::RO, begin, find };
            check_key_spec(&spec, -3).is_ok()
        };
        let range = |last, step, limit| FindKeys::Range { last, step, limit };
        let count = |index, first, step| FindKeys::Count { index, first, step };
        let word = BeginSearch::Keyword(c"KEYS", 1);
        for find in [FindKeys::One, FindKeys::Unknown, range(-1, 1, 2), range(-2, 2, 0), range(3, 1, 0)] {
            assert!(allowed(BeginSearch::Index(1), find) && allowed(word, find), "{find:?}");
            assert!(!allowed(BeginSearch::Index(0), find) && !allowed(BeginSearch::Index(-1), find));
        }
        for find in [range(1, 0, 0), range(1, -1, 0), range(-2, 1, 2), range(-1, 1, -1)] {
            assert!(!allowed(BeginSearch::Index(1), find) && !allowed(word, find), "{find:?}");
        }
        assert!(
            allowed(BeginSearch::Index(1), count(1, 2, 1)) && !allowed(BeginSearch::Index(1), count(2, 3, 1))
        );
        for find in [count(-1, 1, 1), count(0, -1, 1), count(0, 1, 0)] {
            assert!(!allowed(BeginSearch::Index(1), find), "{find:?}");
        }
        assert!(!allowed(word, count(0, 1, 1)));
    }

    #[test]
    fn a_key_spec_s_numbers_fit_into_the_servers_sums() {
        let refused = |begin, find| {
            check_key_spec(&KeySpec { notes: None, access: KeyAccess::RO, begin, find }, -3).is_err()
        };
        let word = |from| BeginSearch::Keyword(c"KEYS", from);
        let one = BeginSearch::Index(1);
        for most in [i32::MAX, i32::MIN] {
            assert!(refused(BeginSearch::Index(most), FindKeys::One) && refused(word(most), FindKeys::One));
            assert!(refused(one, FindKeys::Range { last: most, step: 1, limit: 0 }));
            assert!(refused(one, FindKeys::Range { last: -1, step: most, limit: 0 }));
            assert!(refused(one, FindKeys::Range { last: -1, step: 1, limit: most }));
            assert!(refused(one, FindKeys::Count { index: most, first: 1, step: 1 }));
            assert!(refused(one, FindKeys::Count { index: 0, first: most, step: 1 }));
        }
    }

    #[test]
    fn a_key_is_used_in_one_way() {
        for access in [KeyAccess::RO, KeyAccess::RW | KeyAccess::UPDATE, KeyAccess::OW | KeyAccess::NOT_KEY] {
            assert!(is_one_use(access), "{access:?}");
        }
        let unknown = KeyAccess::RO | KeyAccess::from_bits_retain(1 << 40);
        let both = KeyAccess::RW | KeyAccess::INSERT | KeyAccess::DELETE;
        for access in [KeyAccess::empty(), KeyAccess::RO | KeyAccess::RM, both, unknown] {
            assert!(!is_one_use(access), "{access:?}");
        }
    }
}
