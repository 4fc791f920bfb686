use super::hounsfield::{Rescale, convert};
use super::*;

fn format(bits_stored: u16, signed: bool, padding_value: Option<i32>) -> PixelFormat {
    PixelFormat {
        rows: 1,
        columns: 4,
        frames_count: 1,
        samples_per_pixel: 1,
        photometric: "MONOCHROME2".to_owned(),
        bits_allocated: 16,
        bits_stored,
        high_bit: bits_stored - 1,
        signed,
        padding_value,
        padding_range_limit: None,
    }
}

fn hu(words: [u16; 4], format: &PixelFormat, slope: f64, intercept: f64) -> [i16; 4] {
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let mut out = [0; 4];
    convert(&bytes, format, &Rescale { slope, intercept }, &mut out);
    out
}

/// Masking, sign, padding, slope, clamp, inversion: each changes a value here.
#[test]
fn stored_values_become_hu() {
    assert_eq!(hu([0, 1024, 4095, 0xF400], &format(12, false, None), 1.0, -1024.0), [-1024, 0, 3071, 0]);
    // Signed 16 bits: 63536 is -2000, the padding; 0x8000 clamps; 4000 clamps.
    let signed = format(16, true, Some(-2000));
    assert_eq!(hu([63536, 0xFFFF, 0x8000, 4000], &signed, 1.0, 0.0), [-1024, -1, -1024, 3071]);
    // Signed 12 bits of 16.
    assert_eq!(hu([0x0FFF, 0x0800, 0x07FF, 1], &format(12, true, None), 1.0, 0.0), [-1, -1024, 2047, 1]);
    // Padding above zero is air, not bone; a slope of its own takes the float path.
    let padded = format(16, false, Some(3000));
    assert_eq!(hu([3000, 1000, 1001, 0], &padded, 1.0, 0.0), [-1024, 1000, 1001, 0]);
    assert_eq!(hu([3000, 1000, 1001, 0], &padded, 0.5, 10.0), [-1024, 510, 511, 10]);
    let mut range = format(16, true, Some(-2000));
    range.padding_range_limit = Some(-1500);
    assert_eq!(hu([(-1700i16).cast_unsigned(), 5, 6, 7], &range, 1.0, 100.0), [-1024, 105, 106, 107]);
    let mut inverted = format(12, false, None);
    inverted.photometric = "MONOCHROME1".to_owned();
    assert_eq!(hu([4095, 0, 3071, 1], &inverted, 1.0, -1024.0), [-1024, 3071, 0, 3070]);
}
