//! Any command set decodes or fails.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = dimse::CommandSet::decode(bytes);
});
