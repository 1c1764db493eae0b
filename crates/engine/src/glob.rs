//! The servers' glob patterns, compiled once and matched without recursion.
//!
//! The meaning is that of `stringmatchlen` (util.c), case sensitive, its oddities included: an unclosed class
//! ends with the pattern, `]` closes a class even as its first member, `[a-]` is a range that ends in `]`, a range
//! compares bytes as signed (as the servers do on x86), and the empty key matches only `*` and the empty pattern.
//! What differs is the cost: every token but `*` takes exactly one byte, so going back to the last `*` alone is
//! enough, and a match needs at most pattern x key steps and no stack.

/// The longest pattern accepted, in bytes.
pub const GLOB_BYTES_MAX: usize = 4096;

/// The servers give up (`nesting > 1000`, util.c) on patterns with more stars than this.
const STARS_MAX: usize = 1000;

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Longer than [`GLOB_BYTES_MAX`].
    #[error("a pattern of {bytes} bytes is too long: at most {GLOB_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More stars than the servers themselves would follow.
    #[error("a pattern with {stars} stars is too complex: at most {STARS_MAX} are allowed")]
    TooManyStars {
        /// How many there are, neighbours counted once.
        stars: usize,
    },
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Byte(u8),
    Any,
    Class(Box<ByteSet>),
    Star,
}

impl Token {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Token::Byte(own) => *own == byte,
            Token::Any => true,
            Token::Class(set) => set.has(byte),
            Token::Star => false,
        }
    }

    pub(crate) fn shares_a_byte_with(&self, other: &Token) -> bool {
        match (self, other) {
            (Token::Byte(byte), token) | (token, Token::Byte(byte)) => token.takes(*byte),
            (Token::Class(one), Token::Class(other)) => one.meets(other),
            (Token::Class(set), Token::Any) | (Token::Any, Token::Class(set)) => !set.is_empty(),
            (Token::Any, Token::Any) => true,
            _ => false,
        }
    }
}

#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn add_range(&mut self, one: u8, other: u8) {
        let (one, other) = (one as i8, other as i8);
        for byte in one.min(other)..=one.max(other) {
            self.add(byte as u8);
        }
    }

    fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    fn meets(&self, other: &ByteSet) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }

    fn invert(&mut self) {
        self.0.iter_mut().for_each(|word| *word = !*word);
    }
}

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: Vec<u8>,
    /// The bytes every match starts with.
    prefix: Vec<u8>,
    /// All tokens, those of the prefix included.
    tokens: Vec<Token>,
}

impl std::fmt::Debug for Glob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Glob({})", self.text.escape_ascii())
    }
}

impl Glob {
    /// Compiles a pattern.
    pub fn new(text: &[u8]) -> Result<Glob, FilterError> {
        if text.len() > GLOB_BYTES_MAX {
            return Err(FilterError::TooLong { bytes: text.len() });
        }
        let tokens = compile(text);
        let stars = tokens.iter().filter(|token| **token == Token::Star).count();
        if stars > STARS_MAX {
            return Err(FilterError::TooManyStars { stars });
        }
        Ok(Glob { text: text.to_vec(), prefix: leading_bytes(&tokens), tokens })
    }

    /// The pattern as it was given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The bytes that every matching key starts with, as long as they can be read off the pattern.
    pub fn literal_prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether every key matches.
    pub fn matches_all(&self) -> bool {
        self.text == b"*"
    }

    /// Whether `key` matches.
    pub fn matches(&self, key: &[u8]) -> bool {
        if key.is_empty() {
            return self.tokens.is_empty() || self.matches_all();
        }
        let front = self.prefix.len();
        begins_with(key, &self.prefix) && matches_tokens(&self.tokens[front..], &key[front..])
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The positions in the pattern where a match may go on after `consumed` was taken.
    pub(crate) fn positions_after(&self, consumed: &[u8]) -> Vec<usize> {
        let mut now = vec![false; self.tokens.len() + 1];
        now[0] = true;
        for &byte in consumed {
            skip_stars(&self.tokens, &mut now);
            now = step(&self.tokens, &now, byte);
        }
        now.iter().enumerate().filter(|(_, on)| **on).map(|(at, _)| at).collect()
    }
}

fn skip_stars(tokens: &[Token], states: &mut [bool]) {
    for at in 0..tokens.len() {
        if states[at] && tokens[at] == Token::Star {
            states[at + 1] = true;
        }
    }
}

fn step(tokens: &[Token], states: &[bool], byte: u8) -> Vec<bool> {
    let mut next = vec![false; states.len()];
    for (at, token) in tokens.iter().enumerate().filter(|(at, _)| states[*at]) {
        if *token == Token::Star {
            next[at] = true;
        } else if token.takes(byte) {
            next[at + 1] = true;
        }
    }
    next
}

/// `starts_with` in line: prefixes are short, and a call of memcmp for each costs more than the comparison.
#[inline]
pub(crate) fn begins_with(text: &[u8], prefix: &[u8]) -> bool {
    text.len() >= prefix.len() && text.iter().zip(prefix).all(|(one, other)| one == other)
}

fn matches_tokens(tokens: &[Token], key: &[u8]) -> bool {
    let (mut token, mut byte) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while byte < key.len() {
        match tokens.get(token) {
            Some(Token::Star) if token + 1 == tokens.len() => return true,
            Some(Token::Star) => {
                retry = Some((token, byte));
                token += 1;
            }
            Some(other) if other.takes(key[byte]) => {
                token += 1;
                byte += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (token, byte) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(|left| *left == Token::Star)
}

fn leading_bytes(tokens: &[Token]) -> Vec<u8> {
    let byte = |token: &Token| match token {
        Token::Byte(byte) => Some(*byte),
        _ => None,
    };
    tokens.iter().map_while(byte).collect()
}

fn compile(text: &[u8]) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'*' if tokens.last() == Some(&Token::Star) => {}
            b'*' => tokens.push(Token::Star),
            b'?' => tokens.push(Token::Any),
            b'[' => {
                let (set, after) = compile_class(rest);
                tokens.push(Token::Class(Box::new(set)));
                rest = after;
            }
            b'\\' if !rest.is_empty() => {
                tokens.push(Token::Byte(rest[0]));
                rest = &rest[1..];
            }
            byte => tokens.push(Token::Byte(*byte)),
        }
    }
    tokens
}

/// Reads a class behind its `[`; answers what follows its `]`.
fn compile_class(text: &[u8]) -> (ByteSet, &[u8]) {
    let mut set = ByteSet::default();
    let inverted = text.first() == Some(&b'^');
    let mut rest = &text[usize::from(inverted)..];
    loop {
        rest = match rest {
            [] => break,
            [b'\\', escaped, tail @ ..] => {
                set.add(*escaped);
                tail
            }
            [b']', tail @ ..] => {
                rest = tail;
                break;
            }
            [one, b'-', other, tail @ ..] => {
                set.add_range(*one, *other);
                tail
            }
            [byte, tail @ ..] => {
                set.add(*byte);
                tail
            }
        };
    }
    if inverted {
        set.invert();
    }
    (set, rest)
}

#[cfg(test)]
mod tests;
