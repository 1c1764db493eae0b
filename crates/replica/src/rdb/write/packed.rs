//! Values as packed blocks, written as the servers do or did.

use super::plain::score_text;
use super::put::Out;
use crate::rdb::HashField;
use crate::rdb::cursor::Text;
use crate::rdb::packed::{
    canonical_int, intset as intsets, listpack as listpacks, ziplist as ziplists, zipmap as zipmaps,
};

/// What servers put into a node of a list by default (config.c: `list-max-listpack-size -2`).
const NODE_BYTES_MAX: usize = 8 << 10;

/// Appends a block as a string. Its own header counts bytes in 32 bits.
pub(super) fn put(out: &mut Out, block: Vec<u8>) -> Result<(), &'static str> {
    u32::try_from(block.len()).map_err(|_| "a packed block is smaller than 4 GiB")?;
    out.string(&block);
    Ok(())
}

pub(super) fn ziplist<'v>(texts: impl Iterator<Item = &'v [u8]>) -> Vec<u8> {
    let texts: Vec<_> = texts.map(|text| canonical_int(text).map_or(Text::Plain(text), Text::Int)).collect();
    ziplists::build(&texts)
}

pub(super) fn listpack<'v>(texts: impl Iterator<Item = &'v [u8]>) -> Vec<u8> {
    let mut builder = listpacks::Builder::new();
    for text in texts {
        builder.push(text);
    }
    builder.build()
}

pub(super) fn zipmap<'v>(pairs: impl ExactSizeIterator<Item = (&'v [u8], &'v [u8])>) -> Vec<u8> {
    zipmaps::build(pairs)
}

pub(super) fn intset(members: &[Vec<u8>]) -> Result<Vec<u8>, &'static str> {
    let numbers = members.iter().map(|member| canonical_int(member)).collect::<Option<Vec<_>>>();
    let mut numbers = numbers.ok_or("an integer set holds 64-bit integers only")?;
    numbers.sort_unstable();
    let fits = |bits: u32| numbers.iter().all(|n| *n >= -1 << (bits - 1) && *n < 1 << (bits - 1));
    let width = if fits(16) {
        2
    } else if fits(32) {
        4
    } else {
        8
    };
    Ok(intsets::build(width, &numbers))
}

/// Members with the text of their scores, in the order that packed sorted sets need.
pub(super) fn in_order(members: &[(Vec<u8>, f64)]) -> Vec<(&[u8], String)> {
    let mut ordered: Vec<_> = members.iter().collect();
    // Adding 0 makes 0 of minus zero.
    let by_score = |a: f64, b: f64| (a + 0.0).total_cmp(&(b + 0.0));
    ordered.sort_by(|(a, a_score), (b, b_score)| by_score(*a_score, *b_score).then_with(|| a.cmp(b)));
    ordered.into_iter().map(|(member, score)| (member.as_slice(), packed_score(*score))).collect()
}

fn packed_score(score: f64) -> String {
    // zzlInsertAt writes the text, and the listpack makes a number of it: minus zero becomes 0.
    if score == 0.0 { String::from("0") } else { score_text(score) }
}

/// Field, value, expiry; the soonest first, those that never expire at the end.
pub(super) fn expiring(fields: &[HashField]) -> Vec<u8> {
    let mut ordered: Vec<_> = fields.iter().collect();
    ordered.sort_by_key(|field| field.expire_at_ms.unwrap_or(u64::MAX));
    let mut builder = listpacks::Builder::new();
    for field in ordered {
        builder.push(&field.field).push(&field.value);
        builder.int(field.expire_at_ms.unwrap_or_default().cast_signed());
    }
    builder.build()
}

pub(super) fn quicklist(out: &mut Out, elements: &[Vec<u8>]) -> Result<(), &'static str> {
    let nodes = nodes(elements);
    out.len(nodes.len() as u64);
    nodes.into_iter().try_for_each(|node| put(out, ziplist(node.iter().map(Vec::as_slice))))
}

/// Quicklist nodes (quicklist.h): one large element as it is, or a listpack.
const NODE_PLAIN: u64 = 1;
const NODE_PACKED: u64 = 2;

pub(super) fn quicklist_2(out: &mut Out, elements: &[Vec<u8>]) -> Result<(), &'static str> {
    let nodes = nodes(elements);
    out.len(nodes.len() as u64);
    for node in nodes {
        match node {
            [large] if large.len() > NODE_BYTES_MAX => {
                out.len(NODE_PLAIN);
                out.string(large);
            }
            node => {
                out.len(NODE_PACKED);
                put(out, listpack(node.iter().map(Vec::as_slice)))?;
            }
        }
    }
    Ok(())
}

/// Elements by nodes: a large one alone.
fn nodes(mut elements: &[Vec<u8>]) -> Vec<&[Vec<u8>]> {
    let mut nodes = Vec::new();
    while !elements.is_empty() {
        let mut bytes = 0;
        let fitting = elements.iter().position(|element| {
            bytes += element.len();
            bytes > NODE_BYTES_MAX
        });
        let (node, rest) = elements.split_at(fitting.unwrap_or(elements.len()).max(1));
        nodes.push(node);
        elements = rest;
    }
    nodes
}
