//! Values and snapshots written by hand: what is right, what is wrong, and that no damage does harm.

mod damage;
mod made;
mod passing;
mod pieces;
mod reading;
mod refused;
mod streams;
mod values;
mod written;

use super::packed::listpack;
use super::{Defect, Family, Limits, Object, Validator, Value};

/// A string as a snapshot holds it.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&[0x80][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn strings(all: &[&str]) -> Vec<u8> {
    all.iter().flat_map(|text| string(text.as_bytes())).collect()
}

/// A count, then strings.
fn counted(count: u8, all: &[&str]) -> Vec<u8> {
    [vec![count], strings(all)].concat()
}

/// A listpack of texts, numbers where they read as such, as a string.
fn listpack(all: &[&str]) -> Vec<u8> {
    let mut builder = listpack::Builder::new();
    for text in all {
        match text.parse() {
            Ok(n) => builder.int(n),
            Err(_) => builder.text(text.as_bytes()),
        };
    }
    string(&builder.build())
}

/// A text as LZF of literal runs only.
fn compressed(text: &[u8]) -> Vec<u8> {
    let runs: Vec<u8> = text.chunks(32).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect();
    let lengths = [runs.len(), text.len()].map(|len| [&[0x80][..], &(len as u32).to_be_bytes()].concat());
    [&[0xc3][..], &lengths.concat(), &runs].concat()
}

fn check(family: Family, type_byte: u8, body: &[u8]) -> Result<Object<'_>, Defect> {
    Validator::new(Limits::default()).object(family, 13, type_byte, body)
}

fn redis(type_byte: u8, body: &[u8]) -> Result<Value, Defect> {
    check(Family::Redis, type_byte, body).and_then(|object| object.decode())
}

fn valkey(type_byte: u8, body: &[u8]) -> Result<Value, Defect> {
    check(Family::Valkey, type_byte, body).and_then(|object| object.decode())
}

fn owned(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}
