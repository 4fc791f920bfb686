//! Sorted stack to HU volume.
//!
//! A [`VolumePlan`] says which frame becomes which slice; [`build`] decodes them in parallel straight into
//! the array. It uses the rayon pool of the caller, who gives its threads a stack that codecs can live on.

use crate::group::GridLayout;
use crate::group::reconstruction::{ReconstructionSummary, kernel_class};
use crate::header::InstanceHeader;
use crate::limits::Limits;
use crate::pixels::{Frames, PixelError, Rescale};
use domain::{Affine, SeriesWarning, SkipReason, SourceSlice, Volume};
use ndarray::Array3;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where one slice of the volume comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedSlice {
    /// Index into the headers that were planned with.
    pub header: usize,
    /// 0-based frame of that instance.
    pub frame: usize,
    /// Not sent: the mean of its neighbours; `header` and `frame` are those of the lower one.
    pub interpolated: bool,
    /// What is added to (row, column) of the volume to find the place in the stored frame: zero unless a
    /// gantry tilt is corrected.
    pub shift_pixels: [f64; 2],
}

/// Layout of a volume, feet first.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumePlan {
    /// One per slice of the volume.
    pub slices: Vec<PlannedSlice>,
    /// Voxel to LPS mm.
    pub affine: Affine,
    /// Voxel counts `[z, y, x]`.
    pub shape: [usize; 3],
    /// What a reader should know.
    pub warnings: Vec<SeriesWarning>,
    /// Gantry tilt that [`build`] corrects, degrees; 0 when there is none.
    pub tilt_degrees: f64,
    /// What decides between reconstructions.
    pub summary: ReconstructionSummary,
}

impl VolumePlan {
    pub(crate) fn new(headers: &[InstanceHeader], grid: GridLayout, warnings: Vec<SeriesWarning>) -> Self {
        let first = grid.slices.first().and_then(|s| headers.get(s.header));
        let kernel = first.map(|h| h.convolution_kernel.join("\\")).unwrap_or_default();
        let slices_count = grid.slices.len();
        let [spacing_z, _, _] = grid.affine.spacing_mm_zyx();
        #[allow(clippy::cast_precision_loss)] // some thousand slices
        let coverage_mm = spacing_z * slices_count.saturating_sub(1) as f64;
        let summary = ReconstructionSummary {
            spacing_mm: grid.spacing_mm,
            thickness_mm: grid.thickness_mm,
            coverage_mm,
            slices_count,
            kernel_class: kernel_class(&kernel),
            kernel,
            contrast: warnings.contains(&SeriesWarning::ContrastAgent),
            lossy: warnings.contains(&SeriesWarning::LossyCompression),
        };
        Self {
            shape: [slices_count, grid.rows, grid.columns],
            affine: grid.affine,
            slices: grid.slices,
            warnings,
            tilt_degrees: grid.tilt_degrees,
            summary,
        }
    }

    /// The instance behind each slice, for SR and SEG. `blob_key` gives the archive's key of the instance
    /// with that header index.
    #[must_use]
    pub fn source_slices(
        &self,
        headers: &[InstanceHeader],
        blob_key: &dyn Fn(usize) -> String,
    ) -> Vec<SourceSlice> {
        self.slices
            .iter()
            .filter_map(|s| headers.get(s.header).map(|h| (s, h)))
            .map(|(slice, header)| SourceSlice {
                sop_class_uid: header.sop_class_uid.clone(),
                sop_instance_uid: header.sop_instance_uid.clone(),
                frame_number: header.is_multi_frame().then(|| u32::try_from(slice.frame + 1).ok()).flatten(),
                image_position_patient: header
                    .frames
                    .get(slice.frame)
                    .and_then(|f| f.position_text.clone())
                    .unwrap_or_default(),
                blob_key: blob_key(slice.header),
            })
            .collect()
    }
}

impl InstanceHeader {
    /// Intercept taken where none is given: 0 for signed values, -1024 for unsigned ones, as every CT
    /// maker does it.
    #[must_use]
    pub fn assumed_intercept(&self) -> f64 {
        if self.pixels.as_ref().is_some_and(|p| p.signed) { 0.0 } else { -1024.0 }
    }

    fn rescale(&self, frame: usize) -> Rescale {
        let geometry = self.frames.get(frame);
        Rescale {
            slope: geometry.and_then(|g| g.slope).filter(|s| *s != 0.0).unwrap_or(1.0),
            intercept: geometry.and_then(|g| g.intercept).unwrap_or_else(|| self.assumed_intercept()),
        }
    }
}

/// Decodes the planned frames into one HU array.
///
/// `load` gives the bytes of the instance with that header index; it is called once per instance, from
/// rayon threads, and its bytes are dropped as soon as their frames are decoded. `limits` bound each instance.
/// `progress` gets slices done and slices in all.
///
/// # Errors
/// [`SkipReason::DecodeFailed`] or [`SkipReason::PixelFormat`] for the first slice that fails.
pub fn build<B: AsRef<[u8]>>(
    plan: &VolumePlan,
    headers: &[InstanceHeader],
    limits: &Limits,
    load: &(dyn Fn(usize) -> Result<B, String> + Sync),
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Volume, SkipReason> {
    let [slices, rows, columns] = plan.shape;
    let cells = rows * columns;
    let mut hu = vec![0i16; slices * cells];
    // Frames of one instance stay together, so that a multi-frame object is loaded once.
    let mut jobs: BTreeMap<usize, Vec<(usize, &mut [i16])>> = BTreeMap::new();
    for (slice, out) in plan.slices.iter().zip(hu.chunks_mut(cells.max(1))) {
        if !slice.interpolated {
            jobs.entry(slice.header).or_default().push((slice.frame, out));
        }
    }
    let done = AtomicUsize::new(0);
    let tick = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, slices);
    jobs.into_par_iter().try_for_each(|(index, frames)| {
        let header = headers.get(index).ok_or_else(|| failed("", "no such header"))?;
        let uid = header.sop_instance_uid.as_str();
        let bytes = load(index).map_err(|e| failed(uid, &e))?;
        let opened = Frames::open(bytes.as_ref(), limits).map_err(|e| reason(uid, &e))?;
        frames.into_par_iter().try_for_each(|(frame, out)| {
            opened.hu_into(frame, &header.rescale(frame), out).map_err(|e| reason(uid, &e))?;
            tick();
            Ok(())
        })
    })?;
    fill_interpolated(plan, &mut hu, cells);
    if plan.tilt_degrees > 0.0 {
        hu.par_chunks_mut(cells.max(1))
            .zip(plan.slices.par_iter())
            .for_each(|(slab, slice)| shift(slab, columns, slice.shift_pixels));
    }
    let hu = Array3::from_shape_vec((slices, rows, columns), hu).map_err(|e| failed("", &e.to_string()))?;
    Ok(Volume { hu, affine: plan.affine })
}

fn failed(sop_instance_uid: &str, detail: &str) -> SkipReason {
    SkipReason::DecodeFailed { sop_instance_uid: sop_instance_uid.to_owned(), detail: detail.to_owned() }
}

fn reason(sop_instance_uid: &str, error: &PixelError) -> SkipReason {
    match error {
        PixelError::Format { detail } => SkipReason::PixelFormat { detail: detail.clone() },
        other => failed(sop_instance_uid, &other.to_string()),
    }
}

/// Mean of the neighbours; the plan never puts a filled slice first or last.
fn fill_interpolated(plan: &VolumePlan, hu: &mut [i16], cells: usize) {
    for (z, _) in plan.slices.iter().enumerate().filter(|(_, s)| s.interpolated) {
        let Some((below, rest)) = z.checked_mul(cells).and_then(|at| hu.split_at_mut_checked(at)) else {
            continue;
        };
        let Some((slab, above)) = rest.split_at_mut_checked(cells) else { continue };
        let lower = below.get(below.len().saturating_sub(cells)..).unwrap_or(&[]);
        for ((cell, a), b) in slab.iter_mut().zip(lower).zip(above.iter()) {
            *cell = i16::midpoint(*a, *b);
        }
    }
}

/// Moves a slice in its plane: the output at (row, column) is the input at that place plus `shift`,
/// linear between pixels, air outside.
fn shift(slab: &mut [i16], columns: usize, [shift_rows, shift_columns]: [f64; 2]) {
    let source = slab.to_vec();
    let at = |r: i64, c: i64| -> f64 {
        let inside = usize::try_from(r).ok().zip(usize::try_from(c).ok()).filter(|(_, c)| *c < columns);
        inside.and_then(|(r, c)| source.get(r.checked_mul(columns)? + c)).map_or(-1024.0, |v| f64::from(*v))
    };
    #[allow(clippy::cast_possible_truncation)] // a shift is far below 2^63 and saturates
    let (whole_r, whole_c) = (shift_rows.floor() as i64, shift_columns.floor() as i64);
    let (fr, fc) = (shift_rows - shift_rows.floor(), shift_columns - shift_columns.floor());
    for (r, row) in (0i64..).zip(slab.chunks_mut(columns.max(1))) {
        for (c, cell) in (0i64..).zip(row.iter_mut()) {
            let (r, c) = (r + whole_r, c + whole_c);
            let upper = at(r, c) * (1.0 - fc) + at(r, c + 1) * fc;
            let lower = at(r + 1, c) * (1.0 - fc) + at(r + 1, c + 1) * fc;
            #[allow(clippy::cast_possible_truncation)] // between values of i16
            let value = (upper * (1.0 - fr) + lower * fr).round() as i16;
            *cell = value;
        }
    }
}

#[cfg(test)]
#[path = "volume_tests.rs"]
mod tests;
