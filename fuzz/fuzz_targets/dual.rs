#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redis_mirror_fuzz::dual::check(data));
