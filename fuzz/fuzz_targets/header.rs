//! Any bytes give a header or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = dcm::header::read(bytes, &dcm::header::ReadOptions::default());
});
