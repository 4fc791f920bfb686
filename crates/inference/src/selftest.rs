//! Known input, known output: says whether file, runtime and machine compute what the pack was made with.

use crate::manifest::Probe;
use crate::network::{Network, NetworkError};
use ndarray::{Array5, ArrayD};

/// The input of every self-test, for a shape `[1, 1, d, h, w]`: a ball of 0.75 in the middle (radius an
/// eighth of the shortest edge) on 0.1, plus noise of 0 to 0.1 that a multiplicative hash of the flat
/// index gives. `training/baseline_log/selftest.py` makes the same numbers.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn pattern(shape: [usize; 5]) -> Array5<f32> {
    let [_, _, d, h, w] = shape;
    // all in halves of a voxel, so that the arithmetic is whole-numbered
    let radius2 = (d.min(h).min(w) / 4) as i64;
    let from_middle = |index: usize, edge: usize| 2 * index as i64 - (edge as i64 - 1);
    Array5::from_shape_fn(shape, |(n, c, z, y, x)| {
        let flat = (((n * shape[1] + c) * d + z) * h + y) * w + x;
        let noise = f32::from(((flat as u32).wrapping_mul(2_654_435_761) >> 24) as u8) / 2560.0;
        let r = [(z, d), (y, h), (x, w)].map(|(i, e)| from_middle(i, e));
        let inside = r.iter().map(|v| v * v).sum::<i64>() <= radius2 * radius2;
        noise + if inside { 0.75 } else { 0.1 }
    })
}

/// Run the known input and compare every probe of the pack.
///
/// # Errors
/// [`NetworkError::Selftest`] for the first probe out of tolerance, or the error of the run.
pub fn run(network: &mut Network) -> Result<(), NetworkError> {
    let inputs: Vec<ArrayD<f32>> =
        network.spec().inputs.iter().map(|i| pattern(i.shape5()).into_dyn()).collect();
    let views: Vec<_> = inputs.iter().map(|i| i.view()).collect();
    let outputs = network.run_all(&views)?;
    let tolerance = network.spec().selftest.tolerance * network.precision_slack();
    let spec = network.spec();
    for Probe(output, flat_index, expected) in spec.selftest.probes.iter().copied() {
        let found = outputs.get(output).and_then(|o| o.iter().nth(flat_index)).copied().unwrap_or(f32::NAN);
        let close = (f64::from(found) - expected).abs() <= tolerance;
        if !close {
            return Err(NetworkError::Selftest {
                file: spec.file.clone(),
                tensor: spec.outputs.get(output).map(|o| o.tensor.clone()).unwrap_or_default(),
                flat_index,
                found,
                expected,
                tolerance,
            });
        }
    }
    Ok(())
}
