#![no_main]

#[path = "../core/tests/common/anything.rs"]
mod anything;

libfuzzer_sys::fuzz_target!(|text: &str| anything::file(text));
