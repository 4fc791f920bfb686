//! Frames of any bytes decode or fail; codecs in C included.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(frames) = dcm::pixels::Frames::open(bytes, &dcm::limits::Limits::default()) {
        let _ = frames.stored(0);
    }
});
