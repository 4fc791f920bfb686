//! `MetaImage`: lines `Key = Value`, the voxels behind them or in a file beside them (ITK; the format of LUNA16).

use super::{Fault, Layout, Sample, read_exactly};
use flate2::read::ZlibDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Header, all lines together, bytes.
const HEADER_SIZE_MAX: u64 = 64 << 10;

pub(super) fn read(path: &Path) -> Result<(Layout, Vec<u8>), Fault> {
    let mut source = BufReader::new(File::open(path)?);
    let header = header(&mut source)?;
    let layout = layout(&header)?;
    let size = layout.data_size()?;
    let named = header.get("ElementDataFile").map(String::as_str).unwrap_or_default();
    let compressed = header.get("CompressedData").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    if named == "LOCAL" {
        let bytes = if compressed {
            read_exactly(ZlibDecoder::new(source), size)?
        } else {
            read_exactly(source, size)?
        };
        return Ok((layout, bytes));
    }
    // A plain name beside the header: a volume must not read other folders.
    let is_plain =
        Path::new(named).file_name().is_some_and(|n| n == named) && named != "LIST" && !named.contains('%');
    if !is_plain {
        return Err(
            format!("ElementDataFile {named:?} is not LOCAL or the name of one file beside it").into()
        );
    }
    let mut data = File::open(path.with_file_name(named))?;
    if compressed {
        return Ok((layout, read_exactly(ZlibDecoder::new(BufReader::new(data)), size)?));
    }
    match header.get("HeaderSize").map_or(Ok(0), |v| v.parse::<i64>()) {
        Ok(0) => {}
        // -1: the voxels are the end of the file.
        Ok(-1) => {
            let start = data.metadata()?.len().checked_sub(size as u64);
            data.seek(SeekFrom::Start(start.ok_or_else(|| format!("{named} is shorter than its voxels"))?))?;
        }
        Ok(skip) if skip > 0 => {
            data.seek(SeekFrom::Start(skip.unsigned_abs()))?;
        }
        _ => return Err("HeaderSize is no number of bytes".to_owned().into()),
    }
    Ok((layout, read_exactly(data, size)?))
}

/// Lines up to and with `ElementDataFile`, which is the last by definition.
fn header(source: &mut BufReader<File>) -> Result<BTreeMap<String, String>, Fault> {
    let mut header = BTreeMap::new();
    let mut left = source.take(HEADER_SIZE_MAX);
    loop {
        let mut line = Vec::new();
        if left.read_until(b'\n', &mut line)? == 0 || left.limit() == 0 {
            return Err("no ElementDataFile within the first 64 KiB; is this a MetaImage header?"
                .to_owned()
                .into());
        }
        let Ok(line) = std::str::from_utf8(&line) else {
            return Err("the header is not text".to_owned().into());
        };
        let Some((key, value)) = line.split_once('=') else {
            if line.trim().is_empty() {
                continue;
            }
            let start: String = line.trim().chars().take(40).collect();
            return Err(format!("header line {start:?} is not Key = Value").into());
        };
        let key = key.trim().to_owned();
        let last = key == "ElementDataFile";
        header.insert(key, value.trim().to_owned());
        if last {
            return Ok(header);
        }
    }
}

fn layout(header: &BTreeMap<String, String>) -> Result<Layout, String> {
    let first = |keys: &[&str]| keys.iter().find_map(|k| header.get(*k)).map(String::as_str);
    if first(&["NDims"]) != Some("3") {
        return Err("NDims is not 3".to_owned());
    }
    if first(&["ElementNumberOfChannels"]).is_some_and(|n| n != "1") {
        return Err("more than one channel a voxel".to_owned());
    }
    if first(&["BinaryData"]).is_some_and(|v| !v.eq_ignore_ascii_case("true")) {
        return Err("voxels are text; only binary ones are read".to_owned());
    }
    let size_xyz: [usize; 3] = numbers(first(&["DimSize"]).ok_or("DimSize is missing")?)
        .ok_or("DimSize is not three whole numbers")?;
    let spacing: [f64; 3] = match first(&["ElementSpacing", "ElementSize"]) {
        None => return Err("ElementSpacing is missing".to_owned()),
        Some(text) => numbers(text).ok_or("ElementSpacing is not three numbers")?,
    };
    let origin: [f64; 3] = match first(&["Offset", "Position", "Origin"]) {
        None => return Err("Offset is missing: places in the patient cannot be known".to_owned()),
        Some(text) => numbers(text).ok_or("Offset is not three numbers")?,
    };
    // Three numbers for each axis of the image: where it points in the patient.
    let axes: [f64; 9] = match first(&["TransformMatrix", "Rotation", "Orientation"]) {
        None => [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        Some(text) => numbers(text).ok_or("TransformMatrix is not nine numbers")?,
    };
    let steps_xyz = [0, 1, 2].map(|axis| [0, 1, 2].map(|i| axes[3 * axis + i] * spacing[axis]));
    let sample = match first(&["ElementType"]).unwrap_or_default() {
        "MET_CHAR" => Sample::I8,
        "MET_UCHAR" => Sample::U8,
        "MET_SHORT" => Sample::I16,
        "MET_USHORT" => Sample::U16,
        "MET_INT" => Sample::I32,
        "MET_UINT" => Sample::U32,
        "MET_FLOAT" => Sample::F32,
        "MET_DOUBLE" => Sample::F64,
        other => return Err(format!("ElementType {other:?} is not read")),
    };
    let order = first(&["ElementByteOrderMSB", "BinaryDataByteOrderMSB"]);
    let big_endian = order.is_some_and(|v| v.eq_ignore_ascii_case("true"));
    Ok(Layout { size_xyz, sample, big_endian, slope: 1.0, intercept: 0.0, steps_xyz, origin })
}

/// Exactly `N` numbers parted by blanks.
fn numbers<T: std::str::FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
    let all: Option<Vec<T>> = text.split_whitespace().map(|n| n.parse().ok()).collect();
    all?.try_into().ok()
}
