//! The attributes of a reply.

use std::ptr;

use redis_module::raw;

use super::reply::ReplyRef;
use crate::api::required;
use crate::reply::{Reply, VerbatimFormat};

/// Attributes nested deeper than this are left out.
const DEPTH_MAX: usize = 32;

impl ReplyRef<'_> {
    /// The attributes that came with the reply, as pairs (RESP3). `None` without any, which is the rule: no command of
    /// the server's gives them but DEBUG PROTOCOL.
    pub fn attributes(self) -> Option<Vec<(Reply, Reply)>> {
        // A reply has no attribute before it is parsed, which asking for its type does (call_reply.c).
        if self.kind() == raw::REDISMODULE_REPLY_NULL && self.as_ptr().is_null() {
            return None;
        }
        let attribute = required!(RedisModule_CallReplyAttribute);
        // SAFETY: R16: a live reply that was parsed.
        let attribute = unsafe { attribute(self.as_ptr()) };
        if attribute.is_null() {
            return None;
        }
        // SAFETY: R16: it lives as long as its reply.
        let attribute = unsafe { Self::from_raw(attribute) };
        Some(attribute.elements().unwrap_or_else(|| pairs(attribute.proto())))
    }

    /// The pairs as the server hands them out. `None` from those that look for a map where there is an attribute: all
    /// servers up to Redis 8.6 and Valkey 9.1 (callReplyGetAttributeElement, call_reply.c).
    fn elements(self) -> Option<Vec<(Reply, Reply)>> {
        let element = required!(RedisModule_CallReplyAttributeElement);
        let mut pairs = Vec::new();
        for index in 0..self.len() {
            let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: R16: a live attribute; its elements live as long.
            let status = unsafe { element(self.as_ptr(), index, &raw mut key, &raw mut value) };
            if status != raw::REDISMODULE_OK as i32 {
                return None;
            }
            // SAFETY: R16: as above.
            pairs.push(unsafe { (Self::from_raw(key).to_reply(), Self::from_raw(value).to_reply()) });
        }
        Some(pairs)
    }
}

/// Reads the attribute that `proto` begins with. What is cut short or unknown ends it.
fn pairs(proto: &[u8]) -> Vec<(Reply, Reply)> {
    let mut input = Input { rest: proto };
    let mut pairs = Vec::new();
    let count = input.header(b'|').unwrap_or(0);
    for _ in 0..count {
        let (Some(key), Some(value)) = (input.value(DEPTH_MAX), input.value(DEPTH_MAX)) else { break };
        pairs.push((key, value));
    }
    pairs
}

/// What the server wrote, in RESP3.
struct Input<'p> {
    rest: &'p [u8],
}

impl<'p> Input<'p> {
    fn line(&mut self) -> Option<(u8, &'p [u8])> {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[2..];
        line.split_first().map(|(&kind, text)| (kind, text))
    }

    fn header(&mut self, wanted: u8) -> Option<usize> {
        let (kind, text) = self.line()?;
        if kind == wanted { number(text) } else { None }
    }

    fn bulk(&mut self, text: &[u8]) -> Option<&'p [u8]> {
        let len = number::<usize>(text)?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest.strip_prefix(b"\r\n")?;
        Some(bytes)
    }

    fn value(&mut self, depth: usize) -> Option<Reply> {
        let depth = depth.checked_sub(1)?;
        let (kind, text) = self.line()?;
        Some(match kind {
            b'$' | b'*' if text == b"-1" => Reply::Null,
            b'_' => Reply::Null,
            b'$' => Reply::bulk(self.bulk(text)?),
            b'+' => Reply::bulk(text),
            b':' => Reply::Int(number(text)?),
            b',' => Reply::Double(number(text)?),
            b'#' => Reply::Bool(text == b"t"),
            b'(' => Reply::BigNumber(number(text)?),
            b'=' => Reply::Verbatim(VerbatimFormat::Text, self.bulk(text)?.get(4..)?.to_vec()),
            b'*' => Reply::Array(self.values(number(text)?, depth)?),
            b'~' => Reply::Set(self.values(number(text)?, depth)?),
            b'%' => {
                let count: usize = number(text)?;
                let pairs = (0..count).map(|_| Some((self.value(depth)?, self.value(depth)?)));
                Reply::Map(pairs.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn values(&mut self, count: usize, depth: usize) -> Option<Vec<Reply>> {
        (0..count).map(|_| self.value(depth)).collect()
    }
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: &[u8] = b"|2\r\n$4\r\nk\r\ney\r\n";

    #[test]
    fn pairs_of_every_type_are_read() {
        let wire =
            b"|2\r\n$3\r\nk\r\n\r\n*3\r\n:-1\r\n,1.5\r\n_\r\n+s\r\n%1\r\n#t\r\n~1\r\n=5\r\ntxt:x\r\n:9\r\n";
        let list = Reply::Array(vec![Reply::Int(-1), Reply::Double(1.5), Reply::Null]);
        let text = Reply::Verbatim(VerbatimFormat::Text, b"x".to_vec());
        let map = Reply::Map(vec![(Reply::Bool(true), Reply::Set(vec![text]))]);
        assert_eq!(pairs(wire), [(Reply::bulk("k\r\n"), list), (Reply::bulk("s"), map)]);
    }

    #[test]
    fn what_is_cut_short_ends_it() {
        for end in 0..WIRE.len() {
            assert_eq!(pairs(&WIRE[..end]), []);
        }
        let deep = [b"|1\r\n+k\r\n".to_vec(), b"*1\r\n".repeat(100_000)].concat();
        assert_eq!(pairs(&deep), []);
        assert_eq!(pairs(b"|1\r\n+k\r\n*99999999999999\r\n"), []);
    }
}
