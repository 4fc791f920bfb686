//! Volumes of research data: `MetaImage` (`.mhd` with its raw file, `.mha`) and NIfTI-1 (`.nii`, `.nii.gz`), to HU in
//! patient coordinates (LPS).
//!
//! The `nifti` crate was looked at: it allocates what the header asks for before it has seen as many bytes. These
//! readers believe no size that the file does not hold.

mod metaimage;
mod nifti;

use domain::{Affine, LpsPoint, Volume};
use ndarray::{Array3, Axis};
use std::io::Read;
use std::path::Path;

/// Voxels of one volume.
const VOXELS_COUNT_MAX: usize = 400_000_000;
/// HU of padding and of what is no number.
const HU_LIMITS: [f64; 2] = [-1024.0, 3071.0];

/// Why a file is no volume.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The system does not give the bytes.
    #[error("reading {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        cause: String,
    },
    /// The bytes are not what they should be.
    #[error("{path} is no volume that can be read: {cause}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, with the way out where there is one.
        cause: String,
    },
}

/// Whether the name says that this is a volume.
#[must_use]
pub fn is_volume(path: &Path) -> bool {
    stem(path).is_some()
}

/// File name without folder and `.mhd`, `.mha`, `.nii` or `.nii.gz`; `None` for other files. In LUNA16's data it is the
/// Series Instance UID.
#[must_use]
pub fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let ending = [".mhd", ".mha", ".nii.gz", ".nii"].into_iter().find(|e| lower.ends_with(e))?;
    name.get(..name.len() - ending.len()).filter(|s| !s.is_empty()).map(str::to_owned)
}

/// Reads a volume; slices are turned so that they rise to the head.
///
/// # Errors
/// [`VolumeError`] with the file and the cause.
pub fn read(path: &Path) -> Result<Volume, VolumeError> {
    let shown = path.display().to_string();
    let is_meta =
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mhd") || e.eq_ignore_ascii_case("mha"));
    let read = if is_meta { metaimage::read(path) } else { nifti::read(path) };
    let (layout, bytes) = read.map_err(|fault| match fault {
        Fault::System(e) => VolumeError::Unreadable { path: shown.clone(), cause: e.to_string() },
        Fault::Content(cause) => VolumeError::Malformed { path: shown.clone(), cause },
    })?;
    layout.volume(&bytes).map_err(|cause| VolumeError::Malformed { path: shown, cause })
}

/// Inside a reader: the system's fault or the file's.
enum Fault {
    System(std::io::Error),
    Content(String),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}

impl From<String> for Fault {
    fn from(cause: String) -> Self {
        Self::Content(cause)
    }
}

/// Numbers of one voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sample {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Sample {
    fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// What a header says of the voxels that follow, column fastest.
#[derive(Debug, Clone)]
struct Layout {
    /// Columns, rows, slices.
    size_xyz: [usize; 3],
    sample: Sample,
    big_endian: bool,
    /// HU = slope x stored + intercept.
    slope: f64,
    intercept: f64,
    /// Steps to the next column, row, slice, LPS mm.
    steps_xyz: [[f64; 3]; 3],
    /// Centre of the first voxel, LPS mm.
    origin: [f64; 3],
}

impl Layout {
    /// Bytes of all voxels, or why there cannot be as many.
    fn data_size(&self) -> Result<usize, String> {
        let voxels = self.size_xyz.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        match voxels {
            Some(n) if n > 0 && n <= VOXELS_COUNT_MAX => Ok(n * self.sample.size()),
            _ => Err(format!("{:?} voxels; 1 to {VOXELS_COUNT_MAX} are read", self.size_xyz)),
        }
    }

    fn volume(&self, bytes: &[u8]) -> Result<Volume, String> {
        if bytes.len() != self.data_size()? {
            return Err(format!("{} bytes of voxels, {} are needed", bytes.len(), self.data_size()?));
        }
        let [columns, rows, slices] = self.size_xyz;
        let values: Vec<i16> = bytes.chunks_exact(self.sample.size()).map(|b| self.hu(b)).collect();
        let mut hu = Array3::from_shape_vec((slices, rows, columns), values).map_err(|e| e.to_string())?;
        let [column, row, mut slice] = self.steps_xyz;
        let mut origin = self.origin;
        if slice[2] < 0.0 {
            hu.invert_axis(Axis(0));
            #[allow(clippy::cast_precision_loss)] // slices
            let last = (slices - 1) as f64;
            origin = [0, 1, 2].map(|i| origin[i] + slice[i] * last);
            slice = slice.map(|v| -v);
            hu = hu.as_standard_layout().into_owned();
        }
        let affine = Affine::new(LpsPoint::from(origin), slice, row, column).map_err(|e| e.to_string())?;
        Ok(Volume { hu, affine })
    }

    /// One voxel; what is not a number counts as air.
    #[allow(clippy::cast_possible_truncation)] // clamped to HU
    fn hu(&self, bytes: &[u8]) -> i16 {
        let mut wide = [0u8; 8];
        for (to, from) in wide.iter_mut().zip(bytes) {
            *to = *from;
        }
        if self.big_endian {
            wide[..bytes.len()].reverse();
        }
        let low4 = [wide[0], wide[1], wide[2], wide[3]];
        let stored = match self.sample {
            Sample::I8 => f64::from(i8::from_le_bytes([wide[0]])),
            Sample::U8 => f64::from(wide[0]),
            Sample::I16 => f64::from(i16::from_le_bytes([wide[0], wide[1]])),
            Sample::U16 => f64::from(u16::from_le_bytes([wide[0], wide[1]])),
            Sample::I32 => f64::from(i32::from_le_bytes(low4)),
            Sample::U32 => f64::from(u32::from_le_bytes(low4)),
            Sample::F32 => f64::from(f32::from_le_bytes(low4)),
            Sample::F64 => f64::from_le_bytes(wide),
        };
        let hu = (stored * self.slope + self.intercept).round();
        if hu.is_nan() { HU_LIMITS[0] as i16 } else { hu.clamp(HU_LIMITS[0], HU_LIMITS[1]) as i16 }
    }
}

/// Exactly `size` bytes; grows with what really comes, so that a forged header costs nothing.
fn read_exactly(source: impl Read, size: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    source.take(size as u64).read_to_end(&mut bytes)?;
    if bytes.len() < size {
        return Err(Fault::Content(format!("ends after {} bytes of voxels, {size} are stated", bytes.len())));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
