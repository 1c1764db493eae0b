//! Snapshots with values too large to be held.

use redis_replica::callback::{Batch, BatchLimits, Handler, HandlerError, Unpacker};
use redis_replica::rdb::{Limits, Reader, Step};

use super::recorder::{Log, Recorder};

/// The largest value that is held whole.
const WHOLE_BYTES: u64 = 4096;
/// What a read brings.
const READ_BYTES: usize = 10_000;

/// A snapshot of one value, without a checksum; `count` and elements behind the key `k`.
fn snapshot(type_byte: u8, elements: impl Iterator<Item = String>) -> Vec<u8> {
    let elements: Vec<String> = elements.collect();
    let mut rdb = b"REDIS0011".to_vec();
    // Expires: behind the value.
    rdb.push(0xfc);
    rdb.extend_from_slice(&4_102_444_800_000u64.to_le_bytes());
    rdb.extend_from_slice(&[type_byte, 1, b'k', 0x80]);
    rdb.extend_from_slice(&u32::try_from(elements.len()).unwrap().to_be_bytes());
    for element in elements {
        rdb.push(u8::try_from(element.len()).unwrap());
        rdb.extend_from_slice(element.as_bytes());
    }
    rdb.push(0xff);
    rdb.extend_from_slice(&[0; 8]);
    rdb
}

/// Has a snapshot unpacked as it arrives, and returns the most bytes that were waiting.
fn unpack(rdb: &[u8], handler: &mut impl Handler) -> usize {
    let mut reader = Reader::new(Limits::default().with_pieces_above_bytes(WHOLE_BYTES));
    let mut unpacker = Unpacker::new(BatchLimits { commands: 1000, bytes: 20_000 });
    unpacker.begin(1);
    let (mut waiting, mut waiting_max) = (Vec::new(), 0);
    for read in rdb.chunks(READ_BYTES) {
        waiting.extend_from_slice(read);
        waiting_max = waiting_max.max(waiting.len());
        while let Ok(Step::Item { consumed, item }) = reader.next(&waiting) {
            unpacker.item(&item, handler).unwrap();
            waiting.drain(..consumed);
        }
    }
    unpacker.flush(handler).unwrap();
    assert!(waiting.is_empty(), "{} bytes are left", waiting.len());
    waiting_max
}

/// What comes in all, and the largest batch.
#[derive(Default)]
struct Sizes {
    elements: Vec<Vec<u8>>,
    last: String,
    batch_bytes_max: usize,
    args_max: usize,
}

impl Handler for Sizes {
    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        self.batch_bytes_max = self.batch_bytes_max.max(batch.bytes());
        for command in batch.iter() {
            self.args_max = self.args_max.max(command.arg_count());
            self.last = format!("{command:?}");
            if command.name() == b"rpush" {
                self.elements.extend(command.args().skip(2).map(<[u8]>::to_vec));
            }
        }
        Ok(())
    }
}

#[test]
fn v06_a_value_of_any_size_comes_in_commands_of_bounded_ones() {
    let elements = || (0..300_000).map(|number| format!("element {number}"));
    let rdb = snapshot(1, elements());
    let mut sizes = Sizes::default();
    let waiting_max = unpack(&rdb, &mut sizes);
    println!("of {} bytes {waiting_max} waited, {} were a batch", rdb.len(), sizes.batch_bytes_max);
    assert!(elements().map(String::into_bytes).eq(sizes.elements), "not all, or in another order");
    assert_eq!(sizes.last, "[0] 1 pexpireat k 4102444800000");
    assert!(sizes.args_max <= 512);
    // A piece of 64 KiB, or a batch and the command that filled it.
    assert!(waiting_max <= (64 << 10) + 2 * READ_BYTES, "{waiting_max} bytes waited");
    assert!(sizes.batch_bytes_max <= 20_000 + 512 * 20, "a batch of {} bytes", sizes.batch_bytes_max);
}

#[test]
fn v06_what_was_told_of_a_value_that_turns_out_to_be_broken_is_deleted_again() {
    let members = (0..3000).map(|number| format!("member {}", number % 2999));
    let log = Log::default();
    unpack(&snapshot(2, members), &mut Recorder::new(&log));
    let all = log.all();
    assert!(all[0].starts_with("snapshot [0] sadd k member 0 "), "{}", all[0]);
    let commands: Vec<_> = log.batches("snapshot ").join(" | ").split(" | ").map(str::to_owned).collect();
    assert_eq!(commands.last().map(String::as_str), Some("[0] del k"), "and no expiry");
    assert_eq!(log.count("left out [0] k"), 1);
}

#[test]
fn v06_what_broke_off_within_a_value_leaves_nothing_for_the_next_snapshot() {
    let rdb = snapshot(1, (0..3000).map(|number| number.to_string()));
    let mut reader = Reader::new(Limits::default().with_pieces_above_bytes(WHOLE_BYTES));
    let mut unpacker = Unpacker::new(BatchLimits::default());
    let log = Log::default();
    let mut handler = Recorder::new(&log);
    let mut rest = &rdb[..rdb.len() / 2];
    while let Ok(Step::Item { consumed, item }) = reader.next(rest) {
        unpacker.item(&item, &mut handler).unwrap();
        rest = &rest[consumed..];
    }
    unpacker.begin(2);
    let mut reader = Reader::new(Limits::default());
    // Whole, and broken.
    let mut rest = snapshot(2, ["twice".to_owned(), "twice".to_owned()].into_iter());
    while let Ok(Step::Item { consumed, item }) = reader.next(&rest) {
        unpacker.item(&item, &mut handler).unwrap();
        rest.drain(..consumed);
    }
    unpacker.flush(&mut handler).unwrap();
    assert_eq!(log.all(), ["left out [0] k"], "no deletion, and nothing of the first");
}
