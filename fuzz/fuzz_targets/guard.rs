//! The byte walk lets nothing pass that a parser dies of, and never panics itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = dcm::guard::check_file(bytes, &dcm::limits::Limits::default());
});
