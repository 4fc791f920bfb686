//! Segmentation objects (PS3.3 A.51): one binary segment per nodule, in the matrix of the source images.

mod bits;
mod reader;

pub use reader::{ReadError, Segment, SegmentFrame, read};
pub(crate) use reader::{first, items, parse, text};

use crate::attributes::{Attributes, EXPLICIT_VR_LITTLE_ENDIAN};
use crate::codes;
use crate::derived::{DerivedObject, Identity, ObjectOptions, PRODUCT, WriteError, common_modules};
use crate::placement::Placement;
use crate::source::SourceContext;
use bits::BitFrames;
use dicom_core::header::{Tag, VR};
use dicom_dictionary_std::tags;
use domain::{AnalysisResult, Finding, SourceSlice};
use std::collections::{BTreeMap, BTreeSet};

/// Segmentation Storage.
pub const SEGMENTATION_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.66.4";

const WHAT: &str = "segmentation";

/// A run of set pixels: row, first column, column after the last.
pub type PixelRun = (usize, usize, usize);

/// One frame: a segment on an image.
struct Frame {
    /// 1-based.
    segment_number: u16,
    slice_index: usize,
    /// 1-based rank of the image along the normal among all images used.
    plane_number: u32,
    runs: Vec<PixelRun>,
}

/// Writes the outlines of `result`; `None` when there is nothing to outline (an empty segmentation is not legal).
///
/// Frames hold only images with at least one voxel of their segment, ordered by segment, then along the
/// slice normal. A finding none of whose voxels lies on an image is an error: SR and SEG would disagree.
///
/// # Errors
/// [`WriteError::Inconsistent`] when masks and source images do not fit, [`WriteError::Encode`] when the library refuses.
pub fn write(
    result: &AnalysisResult,
    source: &SourceContext,
    options: &ObjectOptions,
) -> Result<Option<DerivedObject>, WriteError> {
    if result.findings.is_empty() {
        return Ok(None);
    }
    let placement = Placement::new(WHAT, result, source)?;
    let frames = frames(result, &placement)?;
    let role = |part: &str| result.object_uid(&format!("{part}|{}", options.software_version), 0);
    let (sop_instance_uid, series_instance_uid) = (role("seg"), role("seg series"));
    let identity = Identity {
        sop_class_uid: SEGMENTATION_STORAGE,
        sop_instance_uid: &sop_instance_uid,
        series_instance_uid: &series_instance_uid,
        modality: "SEG",
        series_number: options.seg_series_number,
        series_description: "lungcad nodule outlines",
        pack_version: &result.pack.version,
    };
    let mut a = common_modules(&identity, source, options);
    image_module(source, &mut a);
    a.text(tags::SEGMENTS_OVERLAP, if overlap(&result.findings) { "YES" } else { "NO" });
    pixels(&frames, source, &mut a);
    references(result, source, &mut a);
    a.sequence(tags::SEGMENT_SEQUENCE, result.findings.iter().map(|f| segment_item(result, f)).collect());
    dimensions(&role("dimension organization"), &mut a);
    a.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared_groups(result, source));
    let per_frame = frames.iter().map(|frame| frame_groups(frame, result)).collect();
    a.sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, per_frame);
    let bytes = a.into_part10(WHAT, EXPLICIT_VR_LITTLE_ENDIAN)?;
    Ok(Some(DerivedObject {
        sop_class_uid: SEGMENTATION_STORAGE.to_owned(),
        sop_instance_uid,
        series_instance_uid,
        bytes,
    }))
}

/// SegmentNumber of a finding: its place in the list, from 1.
pub(crate) fn segment_number(result: &AnalysisResult, finding: &Finding) -> Option<u16> {
    let index = result.findings.iter().position(|f| f.tracking_uid == finding.tracking_uid)?;
    u16::try_from(index + 1).ok()
}

/// All frames, by segment, then along the normal.
fn frames(result: &AnalysisResult, placement: &Placement) -> Result<Vec<Frame>, WriteError> {
    let bad = |detail: String| WriteError::Inconsistent { what: WHAT, detail };
    let mut frames = Vec::new();
    for (finding, number) in result.findings.iter().zip(1_u16..) {
        let slices = image_slices(finding, placement);
        if slices.is_empty() {
            return Err(bad(format!("no voxel of {} lies on a source image", finding.label())));
        }
        frames.extend(slices.into_iter().map(|(slice_index, runs)| Frame {
            segment_number: number,
            slice_index,
            plane_number: 0,
            runs,
        }));
    }
    let by_position = |a: &usize, b: &usize| placement.along_mm(*a).total_cmp(&placement.along_mm(*b));
    let used: BTreeSet<usize> = frames.iter().map(|f| f.slice_index).collect();
    let mut planes: Vec<usize> = used.into_iter().collect();
    planes.sort_by(by_position);
    let rank: BTreeMap<usize, u32> = planes.into_iter().zip(1..).collect();
    for frame in &mut frames {
        frame.plane_number = rank.get(&frame.slice_index).copied().unwrap_or(0);
    }
    frames.sort_by_key(|f| (f.segment_number, f.plane_number));
    Ok(frames)
}

/// Whether any two outlines share a voxel.
fn overlap(findings: &[Finding]) -> bool {
    findings
        .iter()
        .enumerate()
        .any(|(i, a)| findings.iter().skip(i + 1).any(|b| a.mask.overlap_count(&b.mask) > 0))
}

/// Slices of one finding with its pixels on their images. Interpolated slices have no image; they count
/// (on the image below) only where the finding has no other.
fn image_slices(finding: &Finding, placement: &Placement) -> Vec<(usize, Vec<PixelRun>)> {
    let on_images = |z: &usize| {
        let runs: Vec<PixelRun> = finding
            .mask
            .slice_runs(*z)
            .iter()
            .filter_map(|run| placement.image_run(*z, run.y, run.x_start, run.x_end))
            .collect();
        (*z, runs)
    };
    let all: Vec<(usize, Vec<PixelRun>)> =
        finding.mask.slices().iter().map(on_images).filter(|(_, runs)| !runs.is_empty()).collect();
    let own: Vec<(usize, Vec<PixelRun>)> =
        all.iter().filter(|(z, _)| !placement.is_interpolated(*z)).cloned().collect();
    if own.is_empty() { all.into_iter().take(1).collect() } else { own }
}

/// Segmentation Image and Image Pixel modules.
fn image_module(source: &SourceContext, a: &mut Attributes) {
    // BodyPartExamined also says that Laterality (2C) does not apply.
    a.texts(tags::IMAGE_TYPE, &["DERIVED", "PRIMARY"])
        .text(tags::BODY_PART_EXAMINED, "CHEST")
        .text(tags::CONTENT_LABEL, "LUNG_NODULES")
        .text(tags::CONTENT_DESCRIPTION, "Outlines of lung nodules")
        .text(tags::CONTENT_CREATOR_NAME, "lungcad^software")
        .text(tags::SEGMENTATION_TYPE, "BINARY")
        .text(tags::FRAME_OF_REFERENCE_UID, &source.frame_of_reference_uid)
        .text(tags::POSITION_REFERENCE_INDICATOR, source.text(tags::POSITION_REFERENCE_INDICATOR))
        .u16s(tags::SAMPLES_PER_PIXEL, &[1])
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .u16s(tags::PIXEL_REPRESENTATION, &[0])
        .u16s(tags::BITS_ALLOCATED, &[1])
        .u16s(tags::BITS_STORED, &[1])
        .u16s(tags::HIGH_BIT, &[0]);
    lossy_compression(source, a);
}

/// A scan that went through loss stays marked (PS3.3 C.7.6.1.1.5). Ratio and method are required then;
/// where the scan does not say them the method follows from its encoding and the ratio is 1 (unknown).
fn lossy_compression(source: &SourceContext, a: &mut Attributes) {
    let by_encoding = match source.transfer_syntax_uid.as_str() {
        "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.51" => Some("ISO_10918_1"),
        "1.2.840.10008.1.2.4.81" => Some("ISO_14495_1"),
        "1.2.840.10008.1.2.4.91" => Some("ISO_15444_1"),
        _ => None,
    };
    if source.text(tags::LOSSY_IMAGE_COMPRESSION) != "01" && by_encoding.is_none() {
        a.text(tags::LOSSY_IMAGE_COMPRESSION, "00");
        return;
    }
    let or =
        |text: &'_ str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    let method = or(source.text(tags::LOSSY_IMAGE_COMPRESSION_METHOD), by_encoding.unwrap_or("ISO_14495_1"));
    let ratio = or(source.text(tags::LOSSY_IMAGE_COMPRESSION_RATIO), "1");
    a.text(tags::LOSSY_IMAGE_COMPRESSION, "01")
        .text(tags::LOSSY_IMAGE_COMPRESSION_RATIO, &ratio)
        .text(tags::LOSSY_IMAGE_COMPRESSION_METHOD, &method);
}

fn pixels(frames: &[Frame], source: &SourceContext, a: &mut Attributes) {
    let (rows, columns) = (usize::from(source.rows), usize::from(source.columns));
    let mut bits = BitFrames::new(rows, columns, frames.len());
    for (index, frame) in frames.iter().enumerate() {
        for (row, start, end) in &frame.runs {
            bits.set_run(index, *row, *start, *end);
        }
    }
    a.u16s(tags::ROWS, &[source.rows])
        .u16s(tags::COLUMNS, &[source.columns])
        .text(tags::NUMBER_OF_FRAMES, &frames.len().to_string())
        .bytes(tags::PIXEL_DATA, VR::OB, bits.into_bytes());
}

/// Common Instance Reference module: every image of the series, not only those under a frame.
fn references(result: &AnalysisResult, source: &SourceContext, a: &mut Attributes) {
    let mut series = Attributes::new();
    series
        .text(tags::SERIES_INSTANCE_UID, &source.series_instance_uid)
        .sequence(tags::REFERENCED_INSTANCE_SEQUENCE, instance_items(result));
    a.item(tags::REFERENCED_SERIES_SEQUENCE, series);
}

/// One item per instance of the series, in the order of the slices.
pub(crate) fn instance_items(result: &AnalysisResult) -> Vec<Attributes> {
    let mut seen = BTreeSet::new();
    let unique = result.slices.iter().filter(|s| seen.insert(s.sop_instance_uid.as_str()));
    unique
        .map(|slice| {
            let mut item = Attributes::new();
            item.text(tags::REFERENCED_SOP_CLASS_UID, &slice.sop_class_uid)
                .text(tags::REFERENCED_SOP_INSTANCE_UID, slice.sop_instance_uid.as_str());
            item
        })
        .collect()
}

/// "Nodule 1", with the category of the leading guideline where it is settled; LO, 64 characters.
fn segment_label(result: &AnalysisResult, finding: &Finding) -> String {
    let mut label = finding.label();
    let leading = result
        .clinical
        .as_ref()
        .and_then(|clinical| clinical.nodule(finding.number)?.guideline(clinical.exam.guideline.as_deref()?));
    if let Some((guideline, category)) = leading.and_then(|one| Some((one, one.category.as_ref()?))) {
        label.push_str(&format!(", {} {}", guideline.basis.title, category.category));
    }
    label.chars().take(64).collect()
}

/// Attenuation class, and the first risk model's answer; ST.
fn segment_description(result: &AnalysisResult, finding: &Finding) -> String {
    let mut words = codes::attenuation(finding.attenuation).meaning.to_owned();
    let nodule = result.clinical.as_ref().and_then(|clinical| clinical.nodule(finding.number));
    if let Some(risk) = nodule.and_then(|nodule| nodule.risks.first()) {
        words.push_str(&format!("; {}: {}", risk.model, risk.short()));
    }
    words.chars().take(1024).collect()
}

fn segment_item(result: &AnalysisResult, finding: &Finding) -> Attributes {
    let pack = &result.pack;
    let mut algorithm = Attributes::new();
    algorithm
        .item(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, codes::algorithm_family(&pack.name).item())
        .text(tags::ALGORITHM_NAME, &pack.name)
        .text(tags::ALGORITHM_VERSION, &pack.version)
        .text(tags::ALGORITHM_PARAMETERS, &format!("threshold={} pack={}", pack.threshold, pack.sha256))
        .text(tags::ALGORITHM_SOURCE, PRODUCT);
    let mut region = codes::site(finding.lobe).item();
    region.item(tags::ANATOMIC_REGION_MODIFIER_SEQUENCE, codes::laterality(finding.side).item());
    let mut item = Attributes::new();
    item.u16s(tags::SEGMENT_NUMBER, &[segment_number(result, finding).unwrap_or(0)])
        .text(tags::SEGMENT_LABEL, &segment_label(result, finding))
        .text(tags::SEGMENT_DESCRIPTION, &segment_description(result, finding))
        .text(tags::SEGMENT_ALGORITHM_TYPE, "AUTOMATIC")
        .text(tags::SEGMENT_ALGORITHM_NAME, &pack.name)
        .item(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, algorithm)
        .item(
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            codes::MORPHOLOGICALLY_ABNORMAL_STRUCTURE.item(),
        )
        .item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, codes::NODULE.item())
        .item(tags::ANATOMIC_REGION_SEQUENCE, region)
        .u16s(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &display_color(finding.number))
        .text(tags::TRACKING_ID, &finding.label())
        .text(tags::TRACKING_UID, &finding.tracking_uid);
    item
}

/// CIELab of nodule `number` (L*, a*, b* as PS3.3 C.10.7.1.1 stores them): eight colours, then again.
fn display_color(number: usize) -> [u16; 3] {
    const LAB: [[f64; 3]; 8] = [
        [88.0, -79.0, 81.0],
        [60.0, 90.0, -60.0],
        [97.0, -22.0, 94.0],
        [68.0, 40.0, 70.0],
        [91.0, -48.0, -14.0],
        [55.0, 80.0, 60.0],
        [60.0, 20.0, -70.0],
        [80.0, 35.0, 5.0],
    ];
    LAB.get(number.wrapping_sub(1) % LAB.len()).copied().map_or([0; 3], cielab)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0 to 65535 by the formula
fn cielab([l, a, b]: [f64; 3]) -> [u16; 3] {
    let chroma = |v: f64| ((v + 128.0) * 65535.0 / 255.0).round() as u16;
    [(l * 65535.0 / 100.0).round() as u16, chroma(a), chroma(b)]
}

/// Multi-frame Dimension module: by segment, then by position.
fn dimensions(organization: &str, a: &mut Attributes) {
    let index = |pointer: Tag, group: Tag, label: &str| {
        let mut item = Attributes::new();
        item.tag(tags::DIMENSION_INDEX_POINTER, pointer)
            .tag(tags::FUNCTIONAL_GROUP_POINTER, group)
            .text(tags::DIMENSION_ORGANIZATION_UID, organization)
            .text(tags::DIMENSION_DESCRIPTION_LABEL, label);
        item
    };
    let mut uid = Attributes::new();
    uid.text(tags::DIMENSION_ORGANIZATION_UID, organization);
    a.item(tags::DIMENSION_ORGANIZATION_SEQUENCE, uid).sequence(
        tags::DIMENSION_INDEX_SEQUENCE,
        vec![
            index(tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE, "Segment Number"),
            index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position Patient"),
        ],
    );
}

/// Pixel measures and orientation, as the scan sent them.
fn shared_groups(result: &AnalysisResult, source: &SourceContext) -> Attributes {
    let [spacing, _, _] = result.affine.spacing_mm_zyx();
    let mut measures = Attributes::new();
    measures.text(tags::PIXEL_SPACING, &source.pixel_spacing.join("\\"));
    match &source.slice_thickness {
        Some(thickness) => measures.text(tags::SLICE_THICKNESS, thickness),
        None => measures.decimals(tags::SLICE_THICKNESS, &[spacing]),
    };
    measures.decimals(tags::SPACING_BETWEEN_SLICES, &[spacing]);
    let mut orientation = Attributes::new();
    orientation.text(tags::IMAGE_ORIENTATION_PATIENT, &source.image_orientation_patient.join("\\"));
    let mut a = Attributes::new();
    a.item(tags::PIXEL_MEASURES_SEQUENCE, measures).item(tags::PLANE_ORIENTATION_SEQUENCE, orientation);
    a
}

fn frame_groups(frame: &Frame, result: &AnalysisResult) -> Attributes {
    let mut content = Attributes::new();
    content.u32s(tags::DIMENSION_INDEX_VALUES, &[u32::from(frame.segment_number), frame.plane_number]);
    let mut segment = Attributes::new();
    segment.u16s(tags::REFERENCED_SEGMENT_NUMBER, &[frame.segment_number]);
    let mut a = Attributes::new();
    a.item(tags::FRAME_CONTENT_SEQUENCE, content).item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, segment);
    if let Some(slice) = result.slices.get(frame.slice_index) {
        let mut position = Attributes::new();
        position.text(tags::IMAGE_POSITION_PATIENT, &slice.image_position_patient);
        a.item(tags::PLANE_POSITION_SEQUENCE, position)
            .item(tags::DERIVATION_IMAGE_SEQUENCE, derivation(slice));
    }
    a
}

fn derivation(slice: &SourceSlice) -> Attributes {
    let mut image = Attributes::new();
    image
        .text(tags::REFERENCED_SOP_CLASS_UID, &slice.sop_class_uid)
        .text(tags::REFERENCED_SOP_INSTANCE_UID, slice.sop_instance_uid.as_str())
        .text(tags::SPATIAL_LOCATIONS_PRESERVED, "YES")
        .item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::SOURCE_IMAGE_FOR_PROCESSING.item());
    if let Some(frame) = slice.frame_number {
        image.number(tags::REFERENCED_FRAME_NUMBER, frame);
    }
    let mut item = Attributes::new();
    item.item(tags::DERIVATION_CODE_SEQUENCE, codes::SEGMENTATION.item())
        .item(tags::SOURCE_IMAGE_SEQUENCE, image);
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of highdicom (OBJECTS: CIELab encoding).
    #[test]
    fn cielab_is_encoded_as_the_standard_says() {
        assert_eq!(cielab([0.0, 0.0, 0.0]), [0, 32896, 32896]);
        assert_eq!(cielab([100.0, 127.0, -128.0]), [65535, 65535, 0]);
        assert_ne!(display_color(1), display_color(2));
    }
}
