//! NIfTI-1 in one file (Cox RW et al., 2004; nifti1.h), plain or gzip. Its coordinates are RAS; ours are LPS, so x and
//! y change their sign.

use super::{Fault, Layout, Sample, read_exactly};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Bytes of the header; the first number of the file.
const HEADER_SIZE: usize = 348;
/// Extensions between header and voxels that are skipped, bytes.
const EXTENSIONS_SIZE_MAX: usize = 16 << 20;

pub(super) fn read(path: &Path) -> Result<(Layout, Vec<u8>), Fault> {
    let file = BufReader::new(File::open(path)?);
    let is_gzip = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let mut source: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut bytes = [0u8; HEADER_SIZE];
    source.read_exact(&mut bytes)?;
    let header = Header::new(&bytes)?;
    let layout = header.layout()?;
    let size = layout.data_size()?;
    let skip = header.skip()?;
    if std::io::copy(&mut (&mut source).take(skip as u64), &mut std::io::sink())? < skip as u64 {
        return Err("ends before the voxels begin".to_owned().into());
    }
    Ok((layout, read_exactly(source, size)?))
}

/// The 348 bytes in the file's own byte order.
struct Header<'a> {
    bytes: &'a [u8; HEADER_SIZE],
    big_endian: bool,
}

impl<'a> Header<'a> {
    fn new(bytes: &'a [u8; HEADER_SIZE]) -> Result<Self, String> {
        let size = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let big_endian = match (i32::from_le_bytes(size), i32::from_be_bytes(size)) {
            (348, _) => false,
            (_, 348) => true,
            (540, _) | (_, 540) => return Err("is NIfTI-2; only NIfTI-1 is read".to_owned()),
            _ => return Err("is no NIfTI-1 header".to_owned()),
        };
        match &bytes[344..348] {
            b"n+1\0" => Ok(Self { bytes, big_endian }),
            b"ni1\0" => Err("header and voxels are two files; write one (.nii)".to_owned()),
            _ => Err("has no NIfTI-1 magic".to_owned()),
        }
    }

    fn four(&self, at: usize) -> [u8; 4] {
        let mut four = [0u8; 4];
        for (to, from) in four.iter_mut().zip(self.bytes.iter().skip(at)) {
            *to = *from;
        }
        if self.big_endian {
            four.reverse();
        }
        four
    }

    fn int(&self, at: usize) -> i16 {
        let mut two = [0u8; 2];
        for (to, from) in two.iter_mut().zip(self.bytes.iter().skip(at)) {
            *to = *from;
        }
        if self.big_endian { i16::from_be_bytes(two) } else { i16::from_le_bytes(two) }
    }

    fn float(&self, at: usize) -> f64 {
        f64::from(f32::from_le_bytes(self.four(at)))
    }

    /// Bytes between header and voxels.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked
    fn skip(&self) -> Result<usize, String> {
        let offset = self.float(108);
        let most = (HEADER_SIZE + EXTENSIONS_SIZE_MAX) as u32;
        if !(offset >= 348.0 && offset <= f64::from(most)) {
            return Err(format!("vox_offset {offset} is not between 348 and {most}"));
        }
        Ok(offset as usize - HEADER_SIZE)
    }

    fn layout(&self) -> Result<Layout, String> {
        let axes = self.int(40);
        let dims: Vec<i16> = (1..=7).map(|i| self.int(40 + 2 * i)).collect();
        let spare_ok = dims.iter().take(usize::try_from(axes).unwrap_or(0)).skip(3).all(|d| *d == 1);
        if !(3..=7).contains(&axes) || !spare_ok {
            return Err(format!("dim {axes} {dims:?}: only one volume of three axes is read"));
        }
        let mut size_xyz = [0; 3];
        for (to, from) in size_xyz.iter_mut().zip(&dims) {
            *to = usize::try_from(*from).map_err(|_| format!("dim {dims:?} is negative"))?;
        }
        let sample = match self.int(70) {
            2 => Sample::U8,
            4 => Sample::I16,
            8 => Sample::I32,
            16 => Sample::F32,
            64 => Sample::F64,
            256 => Sample::I8,
            512 => Sample::U16,
            768 => Sample::U32,
            other => return Err(format!("datatype {other} is not read")),
        };
        if !matches!(self.bytes[123] & 7, 0 | 2) {
            return Err("lengths are not in mm".to_owned());
        }
        let (slope, intercept) = (self.float(112), self.float(116));
        // Slope 0 or none means: as stored.
        let scaled = slope != 0.0 && slope.is_finite() && intercept.is_finite();
        let (slope, intercept) = if scaled { (slope, intercept) } else { (1.0, 0.0) };
        let (ras_steps, ras_origin) = self.placement()?;
        let lps = |v: [f64; 3]| [-v[0], -v[1], v[2]];
        let steps_xyz = ras_steps.map(lps);
        Ok(Layout {
            size_xyz,
            sample,
            big_endian: self.big_endian,
            slope,
            intercept,
            steps_xyz,
            origin: lps(ras_origin),
        })
    }

    /// Steps along the three axes and place of the first voxel, RAS mm: method 3 (sform) before method 2 (qform).
    fn placement(&self) -> Result<([[f64; 3]; 3], [f64; 3]), String> {
        if self.int(254) > 0 {
            let row = |r: usize| [0, 1, 2, 3].map(|c| self.float(280 + 16 * r + 4 * c));
            let rows = [row(0), row(1), row(2)];
            return Ok(([0, 1, 2].map(|c| rows.map(|r| r[c])), rows.map(|r| r[3])));
        }
        if self.int(252) <= 0 {
            return Err("neither qform nor sform is set: places in the patient cannot be known".to_owned());
        }
        let [b, c, d] = [256, 260, 264].map(|at| self.float(at));
        let rest = 1.0 - (b * b + c * c + d * d);
        if rest < -1e-6 || !rest.is_finite() {
            return Err("the quaternion of the qform is longer than 1".to_owned());
        }
        let a = rest.max(0.0).sqrt();
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ];
        // pixdim[0] = -1 turns the third axis over.
        let turn = if self.float(76) < 0.0 { -1.0 } else { 1.0 };
        let sizes = [self.float(80), self.float(84), self.float(88) * turn];
        let steps = [0, 1, 2].map(|axis: usize| rotation.map(|row| row[axis] * sizes[axis]));
        Ok((steps, [268, 272, 276].map(|at| self.float(at))))
    }
}
