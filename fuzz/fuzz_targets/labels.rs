#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| meshkat_fuzz::labels(data));
