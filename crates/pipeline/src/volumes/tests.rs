//! Goal: voxels land in the patient where the file says, in every layout; broken and forged files are refused with
//! a reason and without memory. Method: files written here byte by byte.

use super::*;
use domain::VoxelPoint;
use std::io::Write as _;
use std::path::PathBuf;

/// 4 x 3 x 2 voxels of 0, 1, ... 23 HU.
const SIZE: [usize; 3] = [4, 3, 2];

fn voxels() -> Vec<u8> {
    (0..24i16).flat_map(i16::to_le_bytes).collect()
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn mhd(lines: &str, data: &str) -> String {
    format!(
        "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\n{lines}ElementDataFile = {data}\n"
    )
}

/// Column 3, row 2, slice 1 holds 23 HU and lies at `place`.
fn check(volume: &Volume, place: [f64; 3]) {
    assert_eq!(volume.shape(), [SIZE[2], SIZE[1], SIZE[0]]);
    let at = volume.affine.to_voxel(place.into());
    let [z, y, x] = <[f64; 3]>::from(at).map(f64::round);
    assert!((at.z - z).abs() < 1e-4 && (at.y - y).abs() < 1e-4 && (at.x - x).abs() < 1e-4, "{at:?}");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let value = volume.hu[[z as usize, y as usize, x as usize]];
    assert_eq!(value, 23, "at {at:?}");
    let up = volume.affine.to_lps(VoxelPoint { z: 1.0, y: 0.0, x: 0.0 });
    assert!(up.z > volume.affine.origin().z, "slices rise to the head");
}

#[test]
fn metaimage_in_every_layout() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "a.raw", &voxels());
    let lines = "Offset = -10 20 30\nElementSpacing = 0.5 0.7 2.5\n";
    let place = [-10.0 + 3.0 * 0.5, 20.0 + 2.0 * 0.7, 32.5];
    check(&read(&write(&folder, "a.mhd", mhd(lines, "a.raw").as_bytes())).unwrap(), place);
    // Slices that fall to the feet are turned round.
    let down = format!("{lines}TransformMatrix = 1 0 0 0 1 0 0 0 -1\n");
    check(
        &read(&write(&folder, "b.mhd", mhd(&down, "a.raw").as_bytes())).unwrap(),
        [place[0], place[1], 27.5],
    );
    // An oblique grid: columns run to the back.
    let turned = format!("{lines}TransformMatrix = 0 1 0 -1 0 0 0 0 1\n");
    check(
        &read(&write(&folder, "c.mhd", mhd(&turned, "a.raw").as_bytes())).unwrap(),
        [-10.0 - 1.4, 20.0 + 1.5, 32.5],
    );
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(&voxels()).unwrap();
    write(&folder, "d.zraw", &deflated.finish().unwrap());
    let packed = format!("CompressedData = True\n{lines}");
    check(&read(&write(&folder, "d.mhd", mhd(&packed, "d.zraw").as_bytes())).unwrap(), place);
    let mut local = mhd(lines, "LOCAL").into_bytes();
    local.extend(voxels());
    check(&read(&write(&folder, "e.mha", &local)).unwrap(), place);
    let big: Vec<u8> = (0..24i16).flat_map(i16::to_be_bytes).collect();
    write(&folder, "f.raw", &[&[9u8; 5][..], &big].concat());
    let msb = format!("{lines}ElementByteOrderMSB = True\nHeaderSize = -1\n");
    check(&read(&write(&folder, "f.mhd", mhd(&msb, "f.raw").as_bytes())).unwrap(), place);
}

/// A NIfTI-1 header of int16 voxels with slope 2 and intercept -23 (stored 23 becomes 23 HU).
fn nifti(big: bool, sform: bool) -> Vec<u8> {
    let mut header = vec![0u8; 352];
    let mut put = |at: usize, bytes: &[u8]| {
        let mut own = bytes.to_vec();
        if big {
            own.reverse();
        }
        header[at..at + own.len()].copy_from_slice(&own);
    };
    put(0, &348i32.to_le_bytes());
    for (i, v) in [3i16, 4, 3, 2, 1, 1, 1, 1].iter().enumerate() {
        put(40 + 2 * i, &v.to_le_bytes());
    }
    put(70, &4i16.to_le_bytes());
    for (i, v) in [1.0f32, 0.5, 0.7, 2.5].iter().enumerate() {
        put(76 + 4 * i, &v.to_le_bytes());
    }
    for (at, v) in [(108, 352.0f32), (112, 2.0), (116, -23.0)] {
        put(at, &v.to_le_bytes());
    }
    put(if sform { 254 } else { 252 }, &1i16.to_le_bytes());
    // RAS: columns to the left, rows to the back: x and y steps are negative.
    let rows = [[-0.5f32, 0.0, 0.0, 10.0], [0.0, -0.7, 0.0, -20.0], [0.0, 0.0, 2.5, 30.0]];
    for (r, row) in rows.iter().enumerate() {
        for (c, v) in row.iter().enumerate() {
            put(280 + 16 * r + 4 * c, &v.to_le_bytes());
        }
        put(268 + 4 * r, &row[3].to_le_bytes());
    }
    // The same turn as a quaternion: half a turn about z.
    put(264, &1.0f32.to_le_bytes());
    header[123] = 2;
    header[344..348].copy_from_slice(b"n+1\0");
    header.extend((0..24i16).flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() }));
    header
}

#[test]
fn nifti_in_every_layout() {
    let folder = tempfile::tempdir().unwrap();
    let place = [-10.0 + 1.5, 20.0 + 1.4, 32.5];
    for (name, big, sform) in [("a.nii", false, true), ("b.nii", true, true), ("c.nii", false, false)] {
        check(&read(&write(&folder, name, &nifti(big, sform))).unwrap(), place);
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&nifti(false, true)).unwrap();
    check(&read(&write(&folder, "d.nii.gz", &packed.finish().unwrap())).unwrap(), place);
}

#[test]
fn broken_and_forged_files_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "Offset = 0 0 0\nElementSpacing = 1 1 1\n";
    let refused = |name: &str, bytes: &[u8], word: &str| {
        let said = read(&write(&folder, name, bytes)).unwrap_err().to_string();
        assert!(said.contains(word) && said.contains(name), "{name}: {said}");
    };
    write(&folder, "short.raw", &voxels()[..40]);
    refused("short.mhd", mhd(lines, "short.raw").as_bytes(), "ends after 40 bytes");
    refused("out.mhd", mhd(lines, "../secret.raw").as_bytes(), "beside it");
    refused("list.mhd", mhd(lines, "LIST").as_bytes(), "beside it");
    refused("placeless.mhd", mhd("ElementSpacing = 1 1 1\n", "short.raw").as_bytes(), "Offset is missing");
    refused("flat.mhd", mhd("Offset = 0 0 0\nElementSpacing = 0 1 1\n", "short.raw").as_bytes(), "flat.mhd");
    let huge = mhd(lines, "short.raw").replace("4 3 2", "60000 60000 60000");
    refused("huge.mhd", huge.as_bytes(), "are read");
    // As many voxels as are allowed, stated by a header that is followed by nothing.
    refused("empty.mhd", mhd(lines, "short.raw").replace("4 3 2", "700 700 800").as_bytes(), "ends after");
    refused("endless.mhd", &vec![b'a'; 200_000], "64 KiB");
    refused("long.mhd", "Comment = a\n".repeat(9000).as_bytes(), "64 KiB");
    refused("keyless.mhd", b"a line\n", "is not Key = Value");
    let mut short = nifti(false, true);
    short.truncate(380);
    refused("short.nii", &short, "ends after");
    refused("tiny.nii", &nifti(false, true)[..100], "reading");
    let mut four = nifti(false, true);
    four[40..50].copy_from_slice(&[4, 0, 4, 0, 3, 0, 2, 0, 5, 0]);
    refused("four.nii", &four, "only one volume");
    let mut placeless = nifti(false, true);
    placeless[252..256].copy_from_slice(&[0; 4]);
    refused("placeless.nii", &placeless, "cannot be known");
    let mut far = nifti(false, true);
    far[108..112].copy_from_slice(&1e9f32.to_le_bytes());
    refused("far.nii", &far, "vox_offset");
}

proptest::proptest! {
    /// Goal: no header makes a panic or a large allocation. Method: a sound file with bytes changed at random.
    #[test]
    fn changed_headers_never_panic(at in 0usize..352, value: u8, big: bool) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = nifti(big, at % 2 == 0);
        bytes[at] = value;
        let _ = read(&write(&folder, "a.nii", &bytes));
        let mut text = mhd("Offset = 0 0 0\nElementSpacing = 1 1 1\n", "LOCAL").into_bytes();
        let at = at % text.len();
        text[at] = value;
        text.extend(voxels());
        let _ = read(&write(&folder, "a.mha", &text));
    }
}
