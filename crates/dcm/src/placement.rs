//! Where the voxels of an analysed volume lie in the images that it was built from.
//!
//! SR and SEG refer to source images, pixel by pixel. Volume and images share their in-plane grid; a
//! stack straightened from gantry tilt is shifted in-plane from slice to slice, and a slice that was
//! interpolated has no image of its own.

use crate::derived::WriteError;
use crate::source::SourceContext;
use domain::{AnalysisResult, LpsPoint, SourceSlice, VoxelPoint};

/// Grid of the source images and the way from volume slices to it.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    rows: usize,
    columns: usize,
    row_direction: [f64; 3],
    column_direction: [f64; 3],
    /// Between columns, between rows, mm.
    spacing_mm_xy: [f64; 2],
    slices: Vec<PlacedSlice>,
}

/// One slice of the volume.
#[derive(Debug, Clone, Copy)]
struct PlacedSlice {
    /// Centre of the first pixel of the image, LPS mm.
    position: [f64; 3],
    /// Pixel of the image under voxel (z, 0, 0): column, row.
    shift_xy: [i64; 2],
    /// Along the normal, mm.
    along_mm: f64,
    /// Made from its neighbours: it repeats the image of the slice below.
    interpolated: bool,
}

/// Greatest difference between a volume step and the step that the image's header gives, mm per pixel.
const STEP_TOLERANCE_MM: f64 = 1e-3;

impl Placement {
    /// Checks that volume and images fit together.
    pub(crate) fn new(
        what: &'static str,
        result: &AnalysisResult,
        source: &SourceContext,
    ) -> Result<Self, WriteError> {
        let bad = |detail: String| WriteError::Inconsistent { what, detail };
        let numbers =
            |texts: &[String]| texts.iter().filter_map(|t| t.parse::<f64>().ok()).collect::<Vec<f64>>();
        let [rx, ry, rz, cx, cy, cz] = numbers(&source.image_orientation_patient)[..] else {
            return Err(bad("the source image has no ImageOrientationPatient".to_owned()));
        };
        let [between_rows, between_columns] = numbers(&source.pixel_spacing)[..] else {
            return Err(bad("the source image has no PixelSpacing".to_owned()));
        };
        if result.slices.len() != result.shape.first().copied().unwrap_or(0) {
            return Err(bad(format!(
                "{} source slices for {} volume slices",
                result.slices.len(),
                result.shape[0]
            )));
        }
        let mut placement = Self {
            rows: usize::from(source.rows),
            columns: usize::from(source.columns),
            row_direction: [rx, ry, rz],
            column_direction: [cx, cy, cz],
            spacing_mm_xy: [between_columns, between_rows],
            slices: Vec::with_capacity(result.slices.len()),
        };
        let [_, row_step, column_step] = result.affine.steps_zyx();
        let along = |step: [f64; 3], direction: [f64; 3], mm: f64| {
            step.iter().zip(direction).all(|(s, d)| (s - d * mm).abs() <= STEP_TOLERANCE_MM)
        };
        if !along(column_step, [rx, ry, rz], between_columns) || !along(row_step, [cx, cy, cz], between_rows)
        {
            return Err(bad("the volume's grid is not that of the source images".to_owned()));
        }
        for (index, slice) in result.slices.iter().enumerate() {
            let placed = placement.place(what, result, index, slice)?;
            placement.slices.push(placed);
        }
        Ok(placement)
    }

    fn place(
        &self,
        what: &'static str,
        result: &AnalysisResult,
        index: usize,
        slice: &SourceSlice,
    ) -> Result<PlacedSlice, WriteError> {
        let text = &slice.image_position_patient;
        let numbers: Vec<f64> = text.split('\\').filter_map(|t| t.trim().parse().ok()).collect();
        let [x, y, z] = numbers[..] else {
            return Err(WriteError::Inconsistent {
                what,
                detail: format!("slice {} lies at `{text}`", index + 1),
            });
        };
        #[allow(clippy::cast_precision_loss)] // slice counts are far below 2^52
        let first: [f64; 3] = result.affine.to_lps(VoxelPoint { z: index as f64, y: 0.0, x: 0.0 }).into();
        let offset = [first[0] - x, first[1] - y, first[2] - z];
        let [dx, dy] = self.spacing_mm_xy;
        let shift = [dot(offset, self.row_direction) / dx, dot(offset, self.column_direction) / dy];
        #[allow(clippy::cast_possible_truncation)]
        // saturates; a shift out of the image leaves nothing to write
        let shift_xy = shift.map(|v| v.round() as i64);
        let before = index.checked_sub(1).and_then(|i| result.slices.get(i));
        let interpolated = before.is_some_and(|b| {
            b.sop_instance_uid == slice.sop_instance_uid && b.frame_number == slice.frame_number
        });
        Ok(PlacedSlice {
            position: [x, y, z],
            shift_xy,
            along_mm: dot([x, y, z], self.normal()),
            interpolated,
        })
    }

    fn normal(&self) -> [f64; 3] {
        let ([a, b, c], [d, e, f]) = (self.row_direction, self.column_direction);
        [b * f - c * e, c * d - a * f, a * e - b * d]
    }

    /// Place of the image of slice `index` along the slice normal, mm.
    pub(crate) fn along_mm(&self, index: usize) -> f64 {
        self.slices.get(index).map_or(0.0, |s| s.along_mm)
    }

    /// Whether slice `index` has no image of its own.
    pub(crate) fn is_interpolated(&self, index: usize) -> bool {
        self.slices.get(index).is_some_and(|s| s.interpolated)
    }

    /// Columns `x_start..x_end` of volume row `y`, as a row and columns of the image; cut at its border.
    pub(crate) fn image_run(
        &self,
        index: usize,
        y: usize,
        x_start: usize,
        x_end: usize,
    ) -> Option<(usize, usize, usize)> {
        let [shift_x, shift_y] = self.slices.get(index)?.shift_xy;
        let moved = |v: usize, by: i64, max: usize| {
            let v = i64::try_from(v).unwrap_or(i64::MAX).saturating_add(by);
            usize::try_from(v.max(0)).unwrap_or(0).min(max)
        };
        let row = i64::try_from(y).ok()?.checked_add(shift_y)?;
        let row = usize::try_from(row).ok().filter(|row| *row < self.rows)?;
        let (start, end) = (moved(x_start, shift_x, self.columns), moved(x_end, shift_x, self.columns));
        (start < end).then_some((row, start, end))
    }

    /// A patient point on the image of slice `index`, in SCOORD pixels (column, row): the top left corner of
    /// the image is (0, 0) and the centre of its first pixel (0.5, 0.5).
    pub(crate) fn image_point(&self, index: usize, point: LpsPoint) -> [f64; 2] {
        let position = self.slices.get(index).map_or([0.0; 3], |s| s.position);
        let offset = [point.x - position[0], point.y - position[1], point.z - position[2]];
        let [dx, dy] = self.spacing_mm_xy;
        [dot(offset, self.row_direction) / dx + 0.5, dot(offset, self.column_direction) / dy + 0.5]
    }

    /// Distance between neighbouring columns, mm.
    pub(crate) fn column_spacing_mm(&self) -> f64 {
        self.spacing_mm_xy[0]
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
