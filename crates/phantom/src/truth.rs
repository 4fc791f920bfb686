//! What was planted, measured on the scan's own grid: the truth document `lungcad-truth/1`.

use crate::draw::Share;
use crate::grid::Grid;
use crate::lungs;
use crate::nodule::Nodule;
use crate::spec::{NoduleKind, SeriesSpec};
use crate::{Scene, shape::Vec3};
use domain::Lobe;
use domain::{Affine, LpsPoint, Mask, Run, Side, VoxelPoint};
use serde::{Deserialize, Serialize};

/// Value of `format`.
pub const TRUTH_FORMAT: &str = "lungcad-truth/1";

/// The document beside a simulated scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthDocument {
    /// Always [`TRUTH_FORMAT`].
    pub format: String,
    /// Always `lungcad-phantom`.
    pub collection: String,
    /// Nobody's data: free of rights.
    pub licence: String,
    /// Seed of the simulation.
    pub seed: u64,
    /// One series.
    pub series: Vec<TruthSeries>,
}

/// A series with what is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthSeries {
    /// Patient ID.
    pub patient_id: String,
    /// Study Instance UID.
    pub study_instance_uid: String,
    /// Series Instance UID.
    pub series_instance_uid: String,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: String,
    /// Slices of the whole stack, a planned gap counted.
    pub slices: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// mm.
    pub pixel_spacing_row_col: [f64; 2],
    /// Across the slices, mm.
    pub slice_spacing: f64,
    /// mm.
    pub slice_thickness: f64,
    /// Planned missing slices.
    pub gaps: usize,
    /// ImagePositionPatient of the slice nearest the feet.
    pub first_ipp_lps: [f64; 3],
    /// ImagePositionPatient of the slice nearest the head.
    pub last_ipp_lps: [f64; 3],
    /// ImageOrientationPatient.
    pub iop: [f64; 6],
    /// Patient Position.
    pub patient_position: String,
    /// Contrast agent: never.
    pub contrast: bool,
    /// What was planted, in the order asked for.
    pub nodules: Vec<TruthNodule>,
    /// The same as LUNA16 lists.
    pub luna16: TruthLuna16,
}

/// Rows `x, y, z` (LPS mm), diameter (mm).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TruthLuna16 {
    /// Nodules to be found.
    pub annotations: Vec<[f64; 4]>,
    /// Findings to ignore: none.
    pub annotations_excluded: Vec<[f64; 4]>,
}

/// A planted nodule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthNodule {
    /// Always 4: everybody would have to agree.
    pub readers: u32,
    /// Voxels filled by half and more.
    pub consensus50: TruthSize,
    /// What was asked for, and what of it lies in the lung.
    pub planted: Planted,
}

/// Size and place of a set of voxels; the same members as in the readers' truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthSize {
    /// Mean of the voxel centres, LPS mm.
    pub centre_lps: [f64; 3],
    /// The same in slices (from the feet), rows, columns.
    pub centre_index_kji: [f64; 3],
    /// First and last voxel.
    pub bbox_kji: [[usize; 3]; 2],
    /// Number of voxels.
    pub voxels: usize,
    /// mm3.
    pub volume_mm3: f64,
    /// Of the sphere of the same volume, mm.
    pub sphere_diameter_mm: f64,
    /// In the slice of largest area, over pixel corners, mm.
    pub long_axis_mm: f64,
    /// Perpendicular extent in that slice, mm.
    pub short_axis_mm: f64,
    /// Mean of the two.
    pub mean_diameter_mm: f64,
    /// Runs `[slice, row, first column, length]`.
    pub rle_kji: Vec<[usize; 4]>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    /// Material.
    pub kind: NoduleKind,
    /// Lobe of the centre.
    pub lobe: Lobe,
    /// Side of the centre.
    pub side: Side,
    /// Centre of the shape, LPS mm.
    pub centre_lps: LpsPoint,
    /// Of the sphere of the same volume, mm.
    pub diameter_mm: f64,
    /// Of that sphere, mm3; spicules come on top, parts outside the lung are not drawn.
    pub analytic_volume_mm3: f64,
    /// Volume really drawn (sum of the voxels' shares), mm3.
    pub drawn_volume_mm3: f64,
    /// Spicules asked for.
    pub spicules: u32,
}

/// UIDs of a series, a pure function of its specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesUids {
    /// Study.
    pub study: String,
    /// Series.
    pub series: String,
    /// Frame of reference.
    pub frame_of_reference: String,
}

/// What the drawing of all slices left behind, slice by slice.
pub(crate) fn document(
    spec: &SeriesSpec,
    uids: &SeriesUids,
    grid: &Grid,
    affine: &Affine,
    scene: &Scene,
    shares: &[Vec<Share>],
) -> (TruthDocument, Vec<Mask>) {
    let mut nodules = Vec::new();
    let mut masks = Vec::new();
    let mut luna16 = TruthLuna16::default();
    for (index, nodule) in scene.nodules.iter().enumerate() {
        let (mask, drawn) = filled(index, shares);
        let size = size_of(&mask, affine);
        let [x, y, z] = size.centre_lps;
        luna16.annotations.push([x, y, z, size.sphere_diameter_mm]);
        let planted = planted(nodule, scene, drawn * affine.voxel_mm3());
        nodules.push(TruthNodule { readers: 4, consensus50: size, planted });
        masks.push(mask);
    }
    let last = grid.shape[0] - 1;
    let series = TruthSeries {
        patient_id: spec.patient_id.clone(),
        study_instance_uid: uids.study.clone(),
        series_instance_uid: uids.series.clone(),
        frame_of_reference_uid: uids.frame_of_reference.clone(),
        slices: grid.shape[0],
        rows: grid.shape[1],
        columns: grid.shape[2],
        pixel_spacing_row_col: [spec.pixel_mm, spec.pixel_mm],
        slice_spacing: grid.spacing_mm(),
        slice_thickness: spec.thickness_mm,
        gaps: usize::from(spec.faults.missing_slice_index.is_some()),
        first_ipp_lps: grid.position(0),
        last_ipp_lps: grid.position(last),
        iop: grid.orientation(),
        patient_position: spec.position.as_str().to_owned(),
        contrast: false,
        nodules,
        luna16,
    };
    let document = TruthDocument {
        format: TRUTH_FORMAT.to_owned(),
        collection: "lungcad-phantom".to_owned(),
        licence: "CC0-1.0".to_owned(),
        seed: spec.seed,
        series: vec![series],
    };
    (document, masks)
}

fn planted(nodule: &Nodule, scene: &Scene, drawn_volume_mm3: f64) -> Planted {
    let c: Vec3 = nodule.center;
    let lobe = lungs::lobe_at(scene.chest.to_body(c));
    Planted {
        kind: nodule.spec.kind,
        lobe,
        side: lobe.side(),
        centre_lps: LpsPoint { x: f64::from(c[0]), y: f64::from(c[1]), z: f64::from(c[2]) },
        diameter_mm: nodule.spec.diameter_mm,
        analytic_volume_mm3: nodule.analytic_volume_mm3(),
        drawn_volume_mm3,
        spicules: nodule.spec.spicules,
    }
}

/// Voxels that nodule `index` fills by half and more, and the sum of all shares.
fn filled(index: usize, shares: &[Vec<Share>]) -> (Mask, f64) {
    let mut runs = Vec::new();
    let mut sum = 0.0;
    for (z, slice) in shares.iter().enumerate() {
        for s in slice.iter().filter(|s| s.nodule == index) {
            sum += f64::from(s.share);
            if s.share >= 0.5 {
                runs.push(Run { z, y: s.row, x_start: s.column, x_end: s.column + 1 });
            }
        }
    }
    (Mask::from(runs), sum)
}

fn size_of(mask: &Mask, affine: &Affine) -> TruthSize {
    let count = mask.voxel_count();
    let mut sum = [0.0; 3];
    for v in mask.voxels() {
        for (s, i) in sum.iter_mut().zip(<[usize; 3]>::from(v)) {
            *s += i as f64;
        }
    }
    let centre = sum.map(|s| s / count.max(1) as f64);
    let volume = count as f64 * affine.voxel_mm3();
    let (long, short) = axes(mask, affine);
    let bbox = mask
        .bounding_box()
        .map_or([[0; 3]; 2], |b| [b.start.into(), <[usize; 3]>::from(b.end).map(|v| v.saturating_sub(1))]);
    TruthSize {
        centre_lps: affine.to_lps(VoxelPoint::from(centre)).into(),
        centre_index_kji: centre,
        bbox_kji: bbox,
        voxels: count,
        volume_mm3: volume,
        sphere_diameter_mm: (6.0 * volume / std::f64::consts::PI).cbrt(),
        long_axis_mm: long,
        short_axis_mm: short,
        mean_diameter_mm: 0.5 * (long + short),
        rle_kji: mask.runs().iter().map(|r| [r.z, r.y, r.x_start, r.x_end - r.x_start]).collect(),
    }
}

/// Longest extent over pixel corners in the slice of largest area, and the extent across it, mm.
fn axes(mask: &Mask, affine: &Affine) -> (f64, f64) {
    let area = |z: usize| mask.slice_runs(z).iter().map(|r| r.x_end - r.x_start).sum::<usize>();
    let Some(key) = mask.slices().into_iter().max_by_key(|z| (area(*z), usize::MAX - z)) else {
        return (0.0, 0.0);
    };
    let [_, dy, dx] = affine.spacing_mm_zyx();
    let corners: Vec<[f64; 2]> = mask
        .slice_runs(key)
        .iter()
        .flat_map(|r| {
            [r.x_start, r.x_end]
                .into_iter()
                .flat_map(move |x| [r.y, r.y + 1].map(|y| [x as f64 * dx, y as f64 * dy]))
        })
        .collect();
    let mut long = (0.0, [1.0, 0.0]);
    for (i, a) in corners.iter().enumerate() {
        for b in &corners[i + 1..] {
            let d = [b[0] - a[0], b[1] - a[1]];
            let l = d[0].hypot(d[1]);
            if l > long.0 {
                long = (l, [d[0] / l, d[1] / l]);
            }
        }
    }
    let across = corners.iter().map(|c| c[1] * long.1[0] - c[0] * long.1[1]);
    let (low, high) = across.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    (long.0, (high - low).max(0.0))
}
