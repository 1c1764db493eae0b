//! Whether two scopes can own the same local key: a search for a name that both patterns accept.
//!
//! The local names of a scope are `PREFIX rest` with `STRIP rest` matching a pattern. As an automaton: the bytes of
//! PREFIX, then a jump to every place of the pattern where reading STRIP can end. Two automata meet when a walk over
//! pairs of their positions reaches both ends.

use super::{Dbs, Scope};
use crate::glob::Token;

/// Above this many pairs of positions the answer is "may overlap" without a search.
const PAIRS_MAX: usize = 1 << 22;

struct Automaton {
    /// The local prefix, one byte each, then the pattern.
    tokens: Vec<Token>,
    /// The position behind the local prefix.
    jump_from: usize,
    jump_to: Vec<usize>,
}

enum Move<'a> {
    /// Go on without reading.
    Free(Vec<usize>),
    /// Read a byte of this token.
    Take(&'a Token),
    End,
}

pub(super) fn scopes_meet(one: &Scope, other: &Scope) -> bool {
    dbs_meet(&one.dbs(), &other.dbs()) && names_meet(one, other)
}

fn dbs_meet(one: &Dbs, other: &Dbs) -> bool {
    match (one, other) {
        (Dbs::All, _) | (_, Dbs::All) => true,
        (Dbs::These(one), Dbs::These(other)) => one.iter().any(|db| other.contains(db)),
    }
}

fn names_meet(one: &Scope, other: &Scope) -> bool {
    let others = automata(other);
    automata(one).iter().any(|left| others.iter().any(|right| meet(left, right)))
}

fn automata(scope: &Scope) -> Vec<Automaton> {
    if scope.matches.is_empty() {
        return vec![Automaton::new(&scope.prefix, &[Token::Star], vec![0])];
    }
    let automaton = |glob: &crate::glob::Glob| {
        Automaton::new(&scope.prefix, glob.tokens(), glob.positions_after(&scope.strip))
    };
    scope.matches.iter().map(automaton).collect()
}

impl Automaton {
    fn new(prefix: &[u8], pattern: &[Token], starts: Vec<usize>) -> Automaton {
        let mut tokens: Vec<Token> = prefix.iter().map(|byte| Token::Byte(*byte)).collect();
        tokens.push(Token::Star); // never read: the jump leaves from here
        let jump_to = starts.iter().map(|at| prefix.len() + 1 + at).collect();
        tokens.extend_from_slice(pattern);
        Automaton { tokens, jump_from: prefix.len(), jump_to }
    }

    fn at(&self, position: usize) -> Move<'_> {
        match self.tokens.get(position) {
            _ if position == self.jump_from => Move::Free(self.jump_to.clone()),
            None => Move::End,
            Some(token) => Move::Take(token),
        }
    }
}

fn meet(left: &Automaton, right: &Automaton) -> bool {
    let (height, width) = (left.tokens.len() + 1, right.tokens.len() + 1);
    if height.saturating_mul(width) > PAIRS_MAX {
        return true;
    }
    let mut seen = vec![false; height * width];
    let mut open = vec![(0, 0)];
    while let Some((l, r)) = open.pop() {
        if std::mem::replace(&mut seen[l * width + r], true) {
            continue;
        }
        match (left.at(l), right.at(r)) {
            (Move::End, Move::End) => return true,
            (Move::Free(targets), _) => open.extend(targets.into_iter().map(|target| (target, r))),
            (_, Move::Free(targets)) => open.extend(targets.into_iter().map(|target| (l, target))),
            (Move::Take(a), Move::Take(b)) => push_common_steps(&mut open, (l, a), (r, b)),
            (Move::Take(Token::Star), Move::End) => open.push((l + 1, r)),
            (Move::End, Move::Take(Token::Star)) => open.push((l, r + 1)),
            _ => {}
        }
    }
    false
}

fn push_common_steps(open: &mut Vec<(usize, usize)>, (l, a): (usize, &Token), (r, b): (usize, &Token)) {
    match (a == &Token::Star, b == &Token::Star) {
        (false, false) if a.shares_a_byte_with(b) => open.push((l + 1, r + 1)),
        (false, false) => {}
        _ => open.extend([(l + 1, r), (l, r + 1)]),
    }
}
