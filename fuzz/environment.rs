#![no_main]

#[path = "../core/tests/common/said.rs"]
mod said;

libfuzzer_sys::fuzz_target!(|text: &str| said::environment(text));
