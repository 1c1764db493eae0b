//! One table of write commands per type. A row is the command a server must have, and how to write one.

mod blocking;
mod collections;
mod hashes;
mod keys;
mod lists;
mod scripts;
mod streams;
mod strings;

use super::Abilities;
use super::draw::Draw;
use crate::Command;

/// A write command.
pub(super) struct Op {
    /// The command the server must have, as COMMAND LIST writes it.
    pub needs: &'static str,
    pub make: fn(&mut Draw) -> Command,
}

const fn op(needs: &'static str, make: fn(&mut Draw) -> Command) -> Op {
    Op { needs, make }
}

/// The rows a server with these abilities knows, those that may block aside.
pub(super) fn all(abilities: &Abilities) -> Vec<&'static Op> {
    let tables = [
        strings::OPS,
        lists::OPS,
        collections::SETS,
        collections::SORTED_SETS,
        hashes::OPS,
        streams::OPS,
        keys::OPS,
        scripts::OPS,
    ];
    tables.into_iter().flatten().filter(|op| abilities.has(op.needs)).collect()
}

/// Those that block when there is nothing to take.
pub(super) fn blocking(abilities: &Abilities) -> Vec<&'static Op> {
    blocking::OPS.iter().filter(|op| abilities.has(op.needs)).collect()
}

/// Those that end whole databases or mix them up.
pub(super) fn destructive() -> &'static [Op] {
    keys::DESTRUCTIVE
}
