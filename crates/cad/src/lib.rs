//! Algorithms that turn a CT volume and the outputs of networks into outlined, measured nodules.
//!
//! It must not know: DICOM, ONNX, files, network, clocks, and crate `phantom` (truth must come from other
//! code than the code it judges). Threads are those of the rayon pool it is called in; every result is
//! the same for any number of them.
//!
//! | step | module |
//! |---|---|
//! | lung masks, sides, search region | [`lungs`] |
//! | fissures, and which lobe a place lies in | [`lobes`] |
//! | slices to lungmask's networks and their labels back | [`lungmask`] |
//! | scan grid to a network's isotropic grid and back | [`resample`] |
//! | tiles of fixed shape over that grid | [`tiles`] |
//! | a network's heads to candidates | [`detect`] |
//! | heads of a RetinaNet to boxes | [`retina`] |
//! | second opinion on a candidate | [`reduce`] |
//! | a probability map to an outline on the scan grid | [`outline`] |
//! | axes, volume, densities | [`measure`] |
//! | attenuation class, side | [`characterise`] |
//! | noise of a scan | [`quality`] |
//! | exam score 1 to 10 by the site's own deciles | [`triage`] |
//! | findings and what is known of the person to risks and categories | [`assess`] |
//! | measures on truth: FROC by the rules of LUNA16, outlines, classes, drift, reading by score | [`evaluate`] |
//! | risk models, eligibility, and the door to every clinical rule | [`risk`], [`eligibility`], [`clinical`] |
//! | filters, components, morphology, distances | [`filter`], [`components`], [`morphology`] |
//!
//! ```
//! use domain::{Affine, BoundingBox, LpsPoint, Volume};
//!
//! let affine = Affine::axial(LpsPoint { x: 0.0, y: 0.0, z: 0.0 }, [2.5, 0.7, 0.7]).unwrap();
//! let volume = Volume { hu: ndarray::Array3::zeros((10, 32, 32)), affine };
//! let everything = BoundingBox { start: [0, 0, 0].into(), end: [10, 32, 32].into() };
//! let grid = cad::resample::isotropic(&volume, everything, 1.0);
//! let shape = cad::tiles::TileShape { size: [32; 3], halo: [8; 3] };
//! let plan = cad::tiles::plan(grid.shape(), shape, |_, _| true);
//! assert!(!plan.is_empty());
//! assert!(cad::lungs::segment(&volume).is_err(), "a block of water has no lungs");
//! ```

#![allow(clippy::needless_pass_by_value, reason = "array views are handles; ndarray passes them by value")]

pub mod assess;
pub mod characterise;
pub mod clinical;
pub mod components;
pub mod detect;
pub mod eligibility;
pub mod evaluate;
pub mod filter;
pub mod guideline;
pub mod lobes;
pub mod lungmask;
pub mod lungs;
pub mod measure;
pub mod morphology;
mod orientation;
pub mod outline;
pub mod quality;
pub mod reduce;
pub mod resample;
pub mod retina;
pub mod risk;
pub mod tiles;
pub mod triage;
