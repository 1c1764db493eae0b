#![no_main]

// Not a part of the library, which a test of redis-replica includes.
#[path = "../src/records.rs"]
mod records;

libfuzzer_sys::fuzz_target!(|data: &[u8]| records::check(data));
