//! Lungs from the labels that a network gave to the scan's voxels.

use super::coarse::{Coarse, bounds, cropped};
use super::select::Pair;
use super::{Lungs, MARGIN_MM, NotChest, completed};
use crate::orientation::Orientation;
use domain::{Volume, VoxelIndex};
use ndarray::{Array3, ArrayView3};

/// What a whole block of one label sums up to on the coarse grid.
const WHOLE: i16 = 1000;

impl Lungs {
    /// Lungs of `volume` from labels of its voxels in patient order (`z` to the head, `y` to the back, `x` to the left;
    /// [`crate::lungmask::placed`]). A block of the coarse grid belongs to a lung when half of its voxels do. Nothing
    /// is filled or taken out but what the labels say; everything else is as in [`super::segment`].
    ///
    /// # Errors
    /// [`NotChest`] when the labels hold too little lung, with what was measured.
    pub fn of_labels(
        volume: &Volume,
        labels: ArrayView3<'_, u8>,
        left: u8,
        right: u8,
    ) -> Result<Self, NotChest> {
        let affine = Orientation::of(&volume.affine).affine(&volume.affine, volume.shape());
        // Block means of a volume that is WHOLE where the label is: its share of each block.
        let share = |of: u8| {
            let hu = labels.mapv(|l| if l == of { WHOLE } else { 0 });
            Coarse::of(&Volume { hu, affine })
        };
        let held = |coarse: &Coarse| coarse.hu.mapv(|share| share >= f32::from(WHOLE) / 2.0);
        let (left, right) = (share(left), share(right));
        let (affine, right, mut left) = (right.affine, held(&right), held(&left));
        left.zip_mut_with(&right, |l, r| *l = *l && !r);
        let both: Array3<bool> = ndarray::Zip::from(&left).and(&right).map_collect(|l, r| *l || *r);
        let (start, end) = bounds(both.view(), MARGIN_MM, affine.spacing_mm_zyx())
            .ok_or_else(|| NotChest { detail: "the network found no lung".to_owned() })?;
        let pair = Pair { left: cropped(left.view(), start, end), right: cropped(right.view(), start, end) };
        completed(pair, affine.cropped_at(VoxelIndex::from(start)), volume)
    }
}
