//! TID 1500 "Imaging Measurement Report" of one analysed series.
//!
//! Per nodule two measurement groups with the same Tracking Unique Identifier: TID 1411 (volume,
//! densities, centre; refers to the segment) and TID 1410 (axes; a circle on the key slice). Viewers that
//! cannot use a segment draw the circle, those that merge by tracking UID show one finding. One more
//! group (TID 1501, "Exam") says whether there is any nodule, so that "none found" differs from "not read".

use super::clinical;
use super::content::{ContentItem, ImageReference, Quantity, Relationship};
use super::document::{Completion, Document, EvidenceSeries, WHAT, instance, report_root, uid_role};
use crate::codes::{self, Code};
use crate::derived::{DerivedObject, ObjectOptions, PRODUCT, WriteError};
use crate::placement::Placement;
use crate::seg;
use crate::source::SourceContext;
use domain::{AnalysisResult, Finding, SourceSlice};
use std::collections::BTreeSet;

use Relationship::{Contains, HasAcqContext, HasConceptMod, HasObsContext, SelectedFrom};

/// Writes the report of `result`; `seg` is the segmentation of the same result, where one was written.
///
/// # Errors
/// [`WriteError::Inconsistent`] when findings and source images do not fit, [`WriteError::Encode`] when the library refuses.
pub fn write(
    result: &AnalysisResult,
    source: &SourceContext,
    seg: Option<&DerivedObject>,
    options: &ObjectOptions,
) -> Result<DerivedObject, WriteError> {
    let placement = Placement::new(WHAT, result, source)?;
    let mut measurements = ContentItem::container(codes::IMAGING_MEASUREMENTS, None);
    for finding in &result.findings {
        if let Some(seg) = seg {
            measurements = measurements.with(volumetric_group(result, source, finding, seg)?);
        }
        measurements = measurements.with(planar_group(result, finding, &placement, seg)?);
    }
    let measurements = measurements.with(exam_group(result, options));
    let tree = report_root(source, options).with(image_library(result, source)).with(measurements);
    let mut evidence = vec![EvidenceSeries {
        series_instance_uid: source.series_instance_uid.clone(),
        instances: seg::instance_items(result),
    }];
    if let Some(seg) = seg {
        evidence.push(EvidenceSeries {
            series_instance_uid: seg.series_instance_uid.clone(),
            instances: vec![instance(&seg.sop_class_uid, &seg.sop_instance_uid)],
        });
    }
    let document = Document {
        sop_instance_uid: result.object_uid(&uid_role("sr", options), 0),
        series_instance_uid: result.object_uid(&uid_role("sr series", options), 0),
        pack_version: &result.pack.version,
        completion: Completion::Complete,
        evidence,
        tree,
    };
    document.write(source, options)
}

/// TID 1600: one group, what all images share once, entries for the images that are referred to.
fn image_library(result: &AnalysisResult, source: &SourceContext) -> ContentItem {
    let number = |concept: Code, value: f64, unit: Code| {
        ContentItem::number(HasAcqContext, concept, Quantity { value, digits: 6, unit })
    };
    let spacing = |index: usize| source.pixel_spacing.get(index).and_then(|t| t.parse().ok()).unwrap_or(0.0);
    let [between_slices, _, _] = result.affine.spacing_mm_zyx();
    let mut group = ContentItem::container(codes::IMAGE_LIBRARY_GROUP, None)
        .with(ContentItem::code(HasAcqContext, codes::MODALITY, codes::COMPUTED_TOMOGRAPHY))
        .with(ContentItem::code(HasAcqContext, codes::TARGET_REGION, codes::CHEST))
        .with(ContentItem::uid(HasAcqContext, codes::FRAME_OF_REFERENCE_UID, &source.frame_of_reference_uid))
        .with(number(codes::PIXEL_DATA_ROWS, f64::from(source.rows), codes::PIXELS))
        .with(number(codes::PIXEL_DATA_COLUMNS, f64::from(source.columns), codes::PIXELS))
        .with(number(codes::HORIZONTAL_PIXEL_SPACING, spacing(1), codes::MM))
        .with(number(codes::VERTICAL_PIXEL_SPACING, spacing(0), codes::MM))
        .with(number(codes::SPACING_BETWEEN_SLICES, between_slices, codes::MM));
    if let Some(thickness) = source.slice_thickness.as_ref().and_then(|t| t.trim().parse().ok()) {
        group = group.with(number(codes::SLICE_THICKNESS, thickness, codes::MM));
    }
    let middle = result.slices.get(result.slices.len() / 2);
    let keys = result.findings.iter().filter_map(|f| result.slices.get(f.measures.key_slice_index));
    let mut seen = BTreeSet::new();
    let entries: Vec<ContentItem> = keys
        .chain(middle.filter(|_| result.findings.is_empty()))
        .filter(|s| seen.insert((s.sop_instance_uid.as_str(), s.frame_number)))
        .map(|s| ContentItem::image(Contains, None, reference(s)))
        .collect();
    ContentItem::container(codes::IMAGE_LIBRARY, Some("1600")).with(group.with_all(entries))
}

fn reference(slice: &SourceSlice) -> ImageReference<'_> {
    ImageReference {
        sop_class_uid: &slice.sop_class_uid,
        sop_instance_uid: slice.sop_instance_uid.as_str(),
        frame_number: slice.frame_number,
        segment_number: None,
    }
}

/// What both groups of a nodule begin with.
fn nodule_group(result: &AnalysisResult, finding: &Finding, template: &str) -> ContentItem {
    let side = ContentItem::code(HasConceptMod, codes::LATERALITY, codes::laterality(finding.side));
    let site = ContentItem::code(HasConceptMod, codes::FINDING_SITE, codes::site(finding.lobe)).with(side);
    ContentItem::container(codes::MEASUREMENT_GROUP, Some(template))
        .with(ContentItem::text(HasObsContext, codes::TRACKING_IDENTIFIER, &finding.label()))
        .with(ContentItem::uid(HasObsContext, codes::TRACKING_UNIQUE_IDENTIFIER, &finding.tracking_uid))
        .with(ContentItem::code(Contains, codes::FINDING_CATEGORY, codes::MORPHOLOGICALLY_ABNORMAL_STRUCTURE))
        .with(ContentItem::code(Contains, codes::FINDING, codes::NODULE))
        .with(site)
        .with_all(algorithm(result))
}

/// TID 4019.
fn algorithm(result: &AnalysisResult) -> Vec<ContentItem> {
    let pack = &result.pack;
    let text = |concept: Code, text: &str| ContentItem::text(HasConceptMod, concept, text);
    vec![
        text(codes::ALGORITHM_NAME, &pack.name),
        text(codes::ALGORITHM_VERSION, &pack.version),
        text(codes::ALGORITHM_MANUFACTURER, PRODUCT),
        text(codes::ALGORITHM_PARAMETERS, &format!("threshold={}", pack.threshold)),
        text(codes::ALGORITHM_PARAMETERS, &format!("pack={}", pack.sha256)),
        text(codes::ALGORITHM_PARAMETERS, &format!("runtime={}", pack.runtime)),
        ContentItem::code(HasConceptMod, codes::ALGORITHM_FAMILY, codes::algorithm_family(&pack.name)),
    ]
}

/// TID 1411: the segment and what is measured in three dimensions.
fn volumetric_group(
    result: &AnalysisResult,
    source: &SourceContext,
    finding: &Finding,
    seg: &DerivedObject,
) -> Result<ContentItem, WriteError> {
    let number = seg::segment_number(result, finding).ok_or_else(|| WriteError::Inconsistent {
        what: WHAT,
        detail: format!("{} has no segment", finding.label()),
    })?;
    let segment = ImageReference {
        sop_class_uid: &seg.sop_class_uid,
        sop_instance_uid: &seg.sop_instance_uid,
        frame_number: None,
        segment_number: Some(number),
    };
    let series = &source.series_instance_uid;
    Ok(nodule_group(result, finding, "1411")
        .with(ContentItem::image(Contains, Some(codes::REFERENCED_SEGMENT), segment))
        .with(ContentItem::uid(Contains, codes::SOURCE_SERIES_FOR_SEGMENTATION, series))
        .with_all(solid_measures(finding))
        .with_all(clinical::nodule_items(result.clinical.as_ref(), finding.number)))
}

/// Volume, densities, centre, score and class.
fn solid_measures(finding: &Finding) -> Vec<ContentItem> {
    let measures = &finding.measures;
    let number = |concept: Code, value: f64, digits: usize, unit: Code| {
        ContentItem::number(Contains, concept, Quantity { value, digits, unit })
    };
    let derived =
        |item: ContentItem, how: Code| item.with(ContentItem::code(HasConceptMod, codes::DERIVATION, how));
    let volume_digits = usize::from(measures.volume_mm3 < 100.0);
    let volume = number(codes::VOLUME, measures.volume_mm3, volume_digits, codes::MM3)
        .with(ContentItem::code(HasConceptMod, codes::MEASUREMENT_METHOD, codes::SUM_OF_VOXEL_VOLUMES));
    let hu = |value: f64| number(codes::ATTENUATION_COEFFICIENT, value, 1, codes::HOUNSFIELD);
    vec![
        volume,
        derived(hu(measures.hu_mean), codes::MEAN),
        derived(hu(measures.hu_sd), codes::STANDARD_DEVIATION),
        number(codes::CERTAINTY_OF_FINDING, finding.score * 100.0, 1, codes::PERCENT),
        number(codes::CENTER_X, finding.center.x, 2, codes::MM),
        number(codes::CENTER_Y, finding.center.y, 2, codes::MM),
        number(codes::CENTER_Z, finding.center.z, 2, codes::MM),
        ContentItem::code(Contains, codes::NODULE_ATTENUATION, codes::attenuation(finding.attenuation)),
    ]
}

/// TID 1410: a circle around the nodule on its key slice, and the axes measured there. Without a
/// segmentation this group carries everything.
fn planar_group(
    result: &AnalysisResult,
    finding: &Finding,
    placement: &Placement,
    seg: Option<&DerivedObject>,
) -> Result<ContentItem, WriteError> {
    let index = finding.measures.key_slice_index;
    let slice = result.slices.get(index).ok_or_else(|| WriteError::Inconsistent {
        what: WHAT,
        detail: format!("key slice {} of {} is outside the volume", index + 1, finding.label()),
    })?;
    let radius = finding.measures.long_axis_mm / 2.0 / placement.column_spacing_mm();
    let image = ContentItem::image(SelectedFrom, Some(codes::SOURCE), reference(slice));
    let circle =
        ContentItem::circle(codes::IMAGE_REGION, key_slice_center(finding, placement), radius).with(image);
    let axis = |concept: Code, value: f64| {
        ContentItem::number(Contains, concept, Quantity { value, digits: 1, unit: codes::MM })
    };
    let mean = axis(codes::DIAMETER, finding.measures.mean_diameter_mm).with(ContentItem::code(
        HasConceptMod,
        codes::DERIVATION,
        codes::MEAN,
    ));
    let place = format!(
        "slice {} of {} counted from the feet, image position {} mm along the slice normal",
        index + 1,
        result.slices.len(),
        crate::attributes::decimal_string((placement.along_mm(index) * 100.0).round() / 100.0),
    );
    let group = nodule_group(result, finding, "1410")
        .with(circle)
        .with(axis(codes::LONG_AXIS, finding.measures.long_axis_mm))
        .with(axis(codes::SHORT_AXIS, finding.measures.short_axis_mm))
        .with(mean)
        .with(ContentItem::text(Contains, codes::KEY_SLICE, &place));
    if seg.is_some() {
        return Ok(group);
    }
    let judged = clinical::nodule_items(result.clinical.as_ref(), finding.number);
    Ok(group.with_all(solid_measures(finding)).with_all(judged))
}

/// Centroid of the outline on its key slice in SCOORD pixels; of the whole nodule where that slice is empty.
#[allow(clippy::cast_precision_loss)] // pixel indices are far below 2^52
fn key_slice_center(finding: &Finding, placement: &Placement) -> [f64; 2] {
    let index = finding.measures.key_slice_index;
    let runs = finding.mask.slice_runs(index).iter();
    let (mut count, mut column, mut row) = (0.0, 0.0, 0.0);
    for (y, start, end) in runs.filter_map(|r| placement.image_run(index, r.y, r.x_start, r.x_end)) {
        let pixels = (end - start) as f64;
        count += pixels;
        // Pixel i reaches from i to i + 1, so a run's middle is the mean of its borders.
        column += pixels * (start + end) as f64 / 2.0;
        row += pixels * (y as f64 + 0.5);
    }
    if count > 0.0 { [column / count, row / count] } else { placement.image_point(index, finding.center) }
}

/// TID 1501: what holds for the whole scan. No NUM here: one viewer stops at a number without a place.
fn exam_group(result: &AnalysisResult, options: &ObjectOptions) -> ContentItem {
    let any = if result.findings.is_empty() { codes::ABSENT } else { codes::PRESENT };
    let lungs = format!("left {:.0} ml, right {:.0} ml", result.lungs.left_ml, result.lungs.right_ml);
    let warnings = result
        .warnings
        .iter()
        .map(|w| ContentItem::text(Contains, codes::SERIES_WARNING, &format!("{}: {w}", w.code())));
    let version = format!("lungcad={}", options.software_version);
    ContentItem::container(codes::MEASUREMENT_GROUP, Some("1501"))
        .with(ContentItem::text(HasObsContext, codes::TRACKING_IDENTIFIER, "Exam"))
        .with(ContentItem::uid(
            HasObsContext,
            codes::TRACKING_UNIQUE_IDENTIFIER,
            &result.derived_uid("exam", 0),
        ))
        .with(ContentItem::code(Contains, codes::FINDING, codes::NODULE))
        .with_all(algorithm(result))
        .with(ContentItem::text(HasConceptMod, codes::ALGORITHM_PARAMETERS, &version))
        .with(ContentItem::code(Contains, codes::NODULE_PRESENCE, any))
        .with(ContentItem::text(Contains, codes::NODULE_COUNT, &result.findings.len().to_string()))
        .with(ContentItem::text(Contains, codes::LUNG_VOLUMES, &lungs))
        .with_all(warnings)
        .with_all(clinical::exam_items(result.clinical.as_ref()))
        .with_all(result.triage.iter().map(clinical::triage_item))
        .with(ContentItem::text(Contains, codes::INTENDED_USE, domain::INTENDED_USE))
}
