//! Payloads of RESTORE: built here, with the right sum, whatever is in them.

use record_store::put::{Action, Condition, Op};
use record_store::{EpochId, Limits, Store, Write};

/// CRC-64 as the servers compute it (crc64.c: Jones' polynomial, reflected), bit by bit.
fn crc64(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 })
    })
}

/// The footer: the version of the format and the sum.
const FOOTER: usize = 10;
/// The type and the id of the module's type.
const HEADER: usize = 10;
/// Before a string, and at the end of a module's value (rdb.h, RDB_MODULE_OPCODE_*).
const STRING: u8 = 5;
const END: u8 = 0;

/// The payload with the sum that it should have.
pub fn signed(mut payload: Vec<u8>) -> Vec<u8> {
    let end = payload.len() - 8;
    let sum = crc64(&payload[..end]);
    payload[end..].copy_from_slice(&sum.to_le_bytes());
    payload
}

/// A payload with these strings as chunks, with the header and the format of one that a server has made.
pub fn of_chunks<'a>(sample: &[u8], chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut payload = sample[..HEADER].to_vec();
    for chunk in chunks {
        // A length of 32 bits (rdb.c, rdbSaveLen).
        payload.extend([STRING, 0x80]);
        payload.extend((chunk.len() as u32).to_be_bytes());
        payload.extend(chunk);
    }
    payload.push(END);
    payload.extend(&sample[sample.len() - FOOTER..]);
    signed(payload)
}

/// A payload of a store.
pub fn of(sample: &[u8], store: &Store) -> Vec<u8> {
    let mut chunks: Vec<Vec<u8>> = store.dump(64 << 10).collect();
    chunks.push(Vec::new());
    of_chunks(sample, chunks.iter().map(Vec::as_slice))
}

/// A store that was written at a time.
pub fn store(now: u64, act: impl FnOnce(&mut Store, &Write<'_>)) -> Store {
    let mut store = Store::new();
    let fresh_epoch = || EpochId::new(0xfeed).expect("not zero");
    act(&mut store, &Write { now, term: 1, fresh_epoch: &fresh_epoch, limits: &Limits::default() });
    store
}

/// Puts a record.
pub fn put(
    store: &mut Store,
    write: &Write<'_>,
    type_name: &str,
    id: &str,
    data: &[u8],
    ttl_ms: Option<u64>,
) {
    let action = Action::Set { data, ttl_ms };
    let op = Op { type_name: type_name.as_bytes(), id: id.as_bytes(), condition: Condition::Always, action };
    store.put(write, None, &[op]).expect("it fits");
}
