//! Stored values to HU.

use super::PixelFormat;

const HU_MIN: i32 = -1024;
const HU_MAX: i32 = 3071;

/// Modality rescale of one frame: HU = slope * stored + intercept (PS3.3 C.11.1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescale {
    /// HU per stored unit.
    pub slope: f64,
    /// HU of stored value 0.
    pub intercept: f64,
}

/// Cuts to BitsStored and extends the sign: shifts up so that the sign bit is bit 31, and back.
#[derive(Clone, Copy)]
struct Trim {
    up: u32,
    signed: bool,
}

impl Trim {
    fn of(format: &PixelFormat) -> Self {
        Self { up: 32 - u32::from(format.bits_stored.clamp(1, 32)), signed: format.signed }
    }

    #[inline]
    fn apply(self, raw: u32) -> i32 {
        let shifted = raw << self.up;
        if self.signed { shifted.cast_signed() >> self.up } else { (shifted >> self.up).cast_signed() }
    }
}

/// Same, over decoded bytes of 8 or 16 bits in place.
pub(super) fn trim_stored(bytes: &mut [u8], format: &PixelFormat) {
    let trim = Trim::of(format);
    if format.bits_stored == format.bits_allocated {
        return;
    }
    if format.bits_allocated == 16 {
        for pair in bytes.chunks_exact_mut(2) {
            if let [low, high] = pair {
                let value = trim.apply(u32::from(u16::from_le_bytes([*low, *high])));
                [*low, *high, _, _] = value.to_le_bytes();
            }
        }
    } else {
        for byte in bytes {
            [*byte, _, _, _] = trim.apply(u32::from(*byte)).to_le_bytes();
        }
    }
}

/// Padding as it may stand in the bytes: the raw 16-bit word, and a range of trimmed values.
#[derive(Clone, Copy)]
struct Padding {
    raw: i32,
    low: i32,
    high: i32,
}

impl Padding {
    fn of(format: &PixelFormat) -> Option<Self> {
        let value = format.padding_value?;
        let other = format.padding_range_limit.unwrap_or(value);
        Some(Self { raw: value & 0xFFFF, low: value.min(other), high: value.max(other) })
    }

    #[inline]
    fn holds(self, raw: u32, value: i32) -> bool {
        raw.cast_signed() == self.raw || (value >= self.low && value <= self.high)
    }
}

/// Converts one monochrome frame of 8 or 16 bits; `stored` and `out` hold the same number of pixels.
pub(super) fn convert(stored: &[u8], format: &PixelFormat, rescale: &Rescale, out: &mut [i16]) {
    if format.bits_allocated == 16 {
        let words = stored.chunks_exact(2).map(|c| match c {
            [low, high] => u32::from(u16::from_le_bytes([*low, *high])),
            _ => 0,
        });
        convert_words(words, format, rescale, out);
    } else {
        convert_words(stored.iter().map(|b| u32::from(*b)), format, rescale, out);
    }
}

fn convert_words(words: impl Iterator<Item = u32>, format: &PixelFormat, rescale: &Rescale, out: &mut [i16]) {
    let trim = Trim::of(format);
    // MONOCHROME1 shows low values bright: the stored scale runs the other way round.
    let inverted = format.photometric == "MONOCHROME1";
    let ends = if format.signed { -1 } else { max_stored(format) };
    let value_of = |raw: u32| {
        let value = trim.apply(raw);
        if inverted { ends - value } else { value }
    };
    let Rescale { slope, intercept } = *rescale;
    // A slope of 1 and a whole intercept, as nearly every CT has them, need no floating point.
    let is_whole = (slope - 1.0).abs() < f64::EPSILON && intercept.fract().abs() < f64::EPSILON;
    #[allow(clippy::cast_possible_truncation)] // a whole number of small size
    let whole = (is_whole && intercept.abs() < 1e6).then_some(intercept as i32);
    match (whole, Padding::of(format)) {
        (Some(offset), None) => fill(words, out, |raw| clamped(value_of(raw) + offset)),
        (Some(offset), Some(padding)) => fill(words, out, |raw| {
            let hu = clamped(value_of(raw) + offset);
            if padding.holds(raw, trim.apply(raw)) { clamped(HU_MIN) } else { hu }
        }),
        (None, padding) => fill(words, out, |raw| {
            if padding.is_some_and(|p| p.holds(raw, trim.apply(raw))) {
                return clamped(HU_MIN);
            }
            let hu = (slope * f64::from(value_of(raw)) + intercept).round();
            #[allow(clippy::cast_possible_truncation)] // `as` saturates, the clamp follows
            let hu = hu as i32;
            clamped(hu)
        }),
    }
}

fn max_stored(format: &PixelFormat) -> i32 {
    (1i32 << format.bits_stored.clamp(1, 30)) - 1
}

#[inline]
fn fill(words: impl Iterator<Item = u32>, out: &mut [i16], hu: impl Fn(u32) -> i16) {
    for (cell, raw) in out.iter_mut().zip(words) {
        *cell = hu(raw);
    }
}

#[inline]
fn clamped(hu: i32) -> i16 {
    #[allow(clippy::cast_possible_truncation)] // within i16 by the clamp
    let value = hu.clamp(HU_MIN, HU_MAX) as i16;
    value
}
