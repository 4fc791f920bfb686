//! A simulated low-dose chest CT with nodules that are known exactly.
//!
//! For demonstrations, tests and training. It must not know `cad`: truth has to come from other code
//! than the code that it judges. No files, no network, no clock: everything is a function of
//! [`SeriesSpec`], the same to the bit on any number of threads.
//!
//! Entry points: [`simulate`] makes the [`Simulated`] scan, [`Simulated::instances`] its DICOM files one
//! after the other, [`Simulated::truth`] the document `lungcad-truth/1`.
//!
//! ```
//! let spec = phantom::SeriesSpec {
//!     slices_count: 24, matrix: 96, pixel_mm: 3.6, spacing_mm: 8.0, thickness_mm: 2.0,
//!     nodules: vec!["RUL,20,solid".parse()?],
//!     ..phantom::SeriesSpec::default()
//! };
//! let scan = phantom::simulate(&spec, &|_done, _total| {})?;
//! assert_eq!(scan.volume.shape(), [24, 96, 96]);
//! assert_eq!(scan.truth.series[0].nodules.len(), 1);
//! let first = scan.instances().next().expect("a slice")?;
//! assert_eq!(&first.bytes[128..132], b"DICM");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // pixels and millimetres

mod airways;
mod bones;
mod chest;
mod draw;
mod grid;
mod lungs;
mod nodule;
mod organs;
mod place;
mod scanner;
mod series;
mod shape;
mod spec;
mod spec_text;
mod texture;
mod truth;
mod vessels;

pub use domain::Lobe;
pub use scanner::noise_sd_hu;
pub use series::{Instances, SimulatedInstance, series_uids};
pub use spec::{
    Dose, Faults, Kernel, NoduleKind, NoduleSpec, ObjectKind, PatientPosition, PixelStorage, Place,
    SeriesSpec, SliceOrder, SpecError,
};
pub use truth::{
    Planted, SeriesUids, TRUTH_FORMAT, TruthDocument, TruthLuna16, TruthNodule, TruthSeries, TruthSize,
};

use chest::{Chest, Gravity};
use domain::{Mask, Volume};
use draw::{Scene, Share};
use grid::Grid;
use ndarray::{Array2, Array3, ArrayViewMut2, Axis};
use nodule::Nodule;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use scanner::{NoiseScratch, Scanner};
use std::sync::atomic::{AtomicUsize, Ordering};
use vessels::Kind;

/// Why a scan could not be simulated.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    /// The description is wrong.
    #[error("simulating a scan: {0}")]
    Spec(#[from] SpecError),
    /// Chance found no room.
    #[error(
        "simulating a scan: no place for nodule {number} of {diameter_mm} mm in what the slices cover of its lobe; \
         make it smaller, choose another place or seed, or scan more of the chest"
    )]
    NoPlace {
        /// 1-based number of the nodule.
        number: usize,
        /// Its diameter.
        diameter_mm: f64,
    },
    /// The slices do not span space.
    #[error("simulating a scan: {0}")]
    Grid(#[from] domain::AffineError),
    /// A slice could not be written as DICOM.
    #[error("writing simulated slice {slice_index}: {cause}")]
    Write {
        /// Slice, counted from the feet.
        slice_index: usize,
        /// The writer's words.
        cause: String,
    },
}

/// A simulated scan.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// What was asked for.
    pub spec: SeriesSpec,
    /// HU, slices from the feet to the head, on the grid as written (rows and columns as the position says).
    pub volume: Volume,
    /// What is in it.
    pub truth: TruthDocument,
    /// Voxels of each nodule, in the order of [`SeriesSpec::nodules`].
    pub masks: Vec<Mask>,
}

/// Simulates the scan; `progress` gets slices done and slices in all, from several threads.
///
/// # Errors
/// [`PhantomError`] when a number is out of range or a nodule finds no place.
pub fn simulate(
    spec: &SeriesSpec,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Simulated, PhantomError> {
    spec.check()?;
    let grid = Grid::of(spec);
    let affine = grid.affine()?;
    let scene = scene(spec, &grid)?;
    let scanner = Scanner::new(spec);
    let mut hu = Array3::<i16>::zeros(grid.shape);
    let done = AtomicUsize::new(0);
    // Pairs, because two slices' noise comes out of one transform.
    let shares: Vec<Vec<Vec<Share>>> = hu
        .axis_chunks_iter_mut(Axis(0), 2)
        .into_par_iter()
        .enumerate()
        .map_init(NoiseScratch::default, |scratch, (pair, mut slices)| {
            slices
                .axis_iter_mut(Axis(0))
                .enumerate()
                .map(|(i, out)| {
                    let shares = scan_slice(spec, &grid, &scene, &scanner, (pair * 2 + i, out, scratch));
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, grid.shape[0]);
                    shares
                })
                .collect()
        })
        .collect();
    let shares: Vec<Vec<Share>> = shares.into_iter().flatten().collect();
    let uids = series_uids(spec);
    let (truth, masks) = truth::document(spec, &uids, &grid, &affine, &scene, &shares);
    Ok(Simulated { spec: spec.clone(), volume: Volume { hu, affine }, truth, masks })
}

/// One slice: drawn, blurred, noise added, rounded.
fn scan_slice(
    spec: &SeriesSpec,
    grid: &Grid,
    scene: &Scene,
    scanner: &Scanner,
    target: (usize, ArrayViewMut2<'_, i16>, &mut NoiseScratch),
) -> Vec<Share> {
    let (index, mut out, scratch) = target;
    let (mut slice, shares) = scene.slice(grid, index, spec.thickness_mm);
    scanner.blur(&mut slice);
    if scanner.is_noisy() {
        add_noise(&mut slice, grid, scanner, index, scratch);
    }
    out.zip_mut_with(&slice, |o, v| *o = v.round().clamp(-1024.0, 3071.0) as i16);
    shares
}

fn add_noise(
    slice: &mut Array2<f32>,
    grid: &Grid,
    scanner: &Scanner,
    index: usize,
    scratch: &mut NoiseScratch,
) {
    let plane = grid.plane(index, 0.0);
    let middle = plane.at(grid.shape[1] as f32 * 0.5, grid.shape[2] as f32 * 0.5);
    let noise = scanner.noise(index, Scanner::streaks_at(middle[2]), scratch);
    for (row, (mut line, noise)) in slice.rows_mut().into_iter().zip(noise.rows()).enumerate() {
        for (column, (value, n)) in line.iter_mut().zip(noise).enumerate() {
            *value += n * scanner.noise_sd_at(plane.at(row as f32, column as f32));
        }
    }
}

/// Streams of the generator, one for each thing that chance decides, so that one more nodule or slice
/// does not change the rest.
mod stream {
    pub(crate) const PERSON: u64 = 1;
    pub(crate) const TREES: u64 = 100;
    pub(crate) const NODULES: u64 = 10_000;
}

fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// The person with vessels, airways and nodules.
fn scene(spec: &SeriesSpec, grid: &Grid) -> Result<Scene, PhantomError> {
    let gravity = if spec.position.is_prone() { Gravity::Front } else { Gravity::Back };
    let edge_mm = (spec.pixel_mm as f32).max(0.5);
    let chest = Chest::new(spec.seed, &mut generator(spec.seed, stream::PERSON), gravity, edge_mm);
    let trees: Vec<Vec<vessels::Segment>> = Lobe::ALL
        .into_par_iter()
        .enumerate()
        .map(|(i, lobe)| {
            let mut rng = generator(spec.seed, stream::TREES + i as u64);
            let mut segments = Vec::new();
            let branches = vessels::arteries(&chest, lobe, &mut rng, &mut segments);
            vessels::veins(&chest, lobe, &mut rng, &mut segments);
            let mut bronchi = Vec::new();
            airways::beside_arteries(lobe, &branches, &mut bronchi);
            vessels::keep_in_lung(&chest, lobe, &mut bronchi);
            segments.append(&mut bronchi);
            segments
        })
        .collect();
    let mut segments: Vec<vessels::Segment> = trees.into_iter().flatten().collect();
    airways::central(&chest, &mut segments);
    let mut nodules: Vec<Nodule> = Vec::new();
    for (i, wanted) in spec.nodules.iter().enumerate() {
        let mut rng = generator(spec.seed, stream::NODULES + i as u64);
        let mut nodule = Nodule::new(*wanted, &mut rng);
        let surroundings = place::Surroundings {
            chest: &chest,
            segments: &segments,
            placed: &nodules,
            covered: grid.covered(),
        };
        nodule.center = surroundings.find(&nodule, i + 1, &mut rng)?;
        nodules.push(nodule);
    }
    Ok(Scene { chest, segments, nodules })
}
