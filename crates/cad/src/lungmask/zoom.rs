//! `scipy.ndimage.zoom` of pictures (orders 0 and 1, mode `constant`, its default), number for number.

use ndarray::{Array2, ArrayView2};

/// Where each of `count` outputs lies on an axis of `len` inputs, first on first and last on last. Where rounding puts
/// the last one past the end it is outside, for scipy too: `None`.
fn places(len: usize, count: usize) -> Vec<Option<f64>> {
    let last = len as f64 - 1.0;
    let step = if count > 1 { last / (count as f64 - 1.0) } else { 1.0 };
    (0..count).map(|i| Some(i as f64 * step).filter(|place| *place <= last)).collect()
}

/// `from` at `rows x columns` places, each that of the nearest input (the later of two); 0 outside.
pub(super) fn nearest<T: Copy + Default>(from: ArrayView2<'_, T>, to: [usize; 2]) -> Array2<T> {
    let nearest = |len, count| {
        let at = |place: Option<f64>| place.map(|p| (p + 0.5).floor() as usize);
        places(len, count).into_iter().map(at).collect::<Vec<_>>()
    };
    let (rows, columns) = (nearest(from.dim().0, to[0]), nearest(from.dim().1, to[1]));
    Array2::from_shape_fn(to, |(y, x)| {
        rows[y].zip(columns[x]).and_then(|place| from.get(place)).copied().unwrap_or_default()
    })
}

/// `from` at `rows x columns` places, linear between inputs, rounded half away from zero; 0 outside.
pub(super) fn linear(from: ArrayView2<'_, i16>, to: [usize; 2]) -> Array2<i16> {
    type Tap = Option<[(usize, f64); 2]>;
    let taps = |len: usize, count| {
        let tap = |place: Option<f64>| {
            let low = place?.floor();
            let high = place? - low;
            Some([(low as usize, 1.0 - high), ((low as usize + 1).min(len - 1), high)])
        };
        places(len, count).into_iter().map(tap).collect::<Vec<Tap>>()
    };
    let (rows, columns) = (taps(from.dim().0, to[0]), taps(from.dim().1, to[1]));
    Array2::from_shape_fn(to, |(y, x)| {
        let (Some(rows), Some(columns)) = (rows[y], columns[x]) else { return 0 };
        let mut sum = 0.0;
        for (y, by_row) in rows {
            for (x, by_column) in columns {
                sum += f64::from(from[[y, x]]) * by_row * by_column;
            }
        }
        sum.round() as i16
    })
}
