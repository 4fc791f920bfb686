//! Reads TID 1500 reports back: ours fully, those of others as far as they use the same concepts.

use crate::codes::{self, Code};
pub use crate::seg::ReadError;
use crate::seg::{first, items, parse, text};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::{Attenuation, Lobe, LpsPoint, Side};

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportContent {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// SOP Instance UID.
    pub sop_instance_uid: String,
    /// Series Instance UID of the report.
    pub series_instance_uid: String,
    /// Study Instance UID.
    pub study_instance_uid: String,
    /// PatientName as stored, without padding.
    pub patient_name: String,
    /// CompletionFlag.
    pub completion: String,
    /// CompletionFlagDescription: the reason's code when `completion` is `PARTIAL`.
    pub completion_description: String,
    /// PreliminaryFlag.
    pub preliminary: String,
    /// SOP Instance UIDs of the reports that this one replaces.
    pub predecessors: Vec<String>,
    /// Whether the report says that there is a nodule; `None` when it does not say.
    pub nodule_present: Option<bool>,
    /// Sentence of the skip reason.
    pub skip_reason: Option<String>,
    /// Category of the exam.
    pub exam_category: Option<ReportedCategory>,
    /// One per tracking UID, in the order of the report.
    pub nodules: Vec<ReportedNodule>,
}

/// A nodule: all groups of one tracking UID together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportedNodule {
    /// Tracking Unique Identifier.
    pub tracking_uid: String,
    /// Tracking Identifier.
    pub tracking_identifier: String,
    /// Centroid, LPS mm.
    pub center: Option<LpsPoint>,
    /// Circle on the key slice.
    pub mark: Option<ReportedMark>,
    /// Referenced segment: SOP Instance UID and SegmentNumber.
    pub segment: Option<(String, u16)>,
    /// Volume, mm3.
    pub volume_mm3: Option<f64>,
    /// Long axis, mm.
    pub long_axis_mm: Option<f64>,
    /// Short axis, mm.
    pub short_axis_mm: Option<f64>,
    /// Mean diameter, mm.
    pub mean_diameter_mm: Option<f64>,
    /// Mean HU.
    pub hu_mean: Option<f64>,
    /// Standard deviation of HU.
    pub hu_sd: Option<f64>,
    /// Score, 0 to 1.
    pub score: Option<f64>,
    /// Attenuation class.
    pub attenuation: Option<Attenuation>,
    /// Which lung.
    pub side: Option<Side>,
    /// Which lobe, where the report names one.
    pub lobe: Option<Lobe>,
    /// Risk models, in the order of the report.
    pub risks: Vec<ReportedRisk>,
    /// Category of the leading guideline.
    pub category: Option<ReportedCategory>,
}

/// A probability of cancer by one model; both ends are the same where it is no range.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedRisk {
    /// Code value of the model.
    pub model: String,
    /// Least, percent.
    pub low_percent: f64,
    /// Greatest, percent.
    pub high_percent: f64,
}

/// A category with the row that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedCategory {
    /// Meaning of its code, or its text.
    pub category: String,
    /// Id of the row.
    pub row: String,
    /// Guideline and version.
    pub guideline: String,
}

/// A region drawn on an image.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedMark {
    /// Image.
    pub sop_instance_uid: String,
    /// 1-based frame of a multi-frame image.
    pub frame_number: Option<u32>,
    /// SCOORD pixels: column, row; the first pixel's centre is (0.5, 0.5).
    pub center_pixel: [f64; 2],
    /// Pixels along a row.
    pub radius_pixels: f64,
}

/// Reads a report.
///
/// # Errors
/// [`ReadError`] when the bytes are no data set or no Imaging Measurement Report.
pub fn read(bytes: &[u8]) -> Result<ReportContent, ReadError> {
    let object = parse(bytes)?;
    if !has_concept(&object, codes::IMAGING_MEASUREMENT_REPORT) {
        let class = text(&object, tags::SOP_CLASS_UID);
        return Err(ReadError::Unsupported {
            detail: format!("an object of class {class} is no measurement report"),
        });
    }
    let mut content = header(&object);
    for group in
        children(&object, codes::IMAGING_MEASUREMENTS).flat_map(|m| children(m, codes::MEASUREMENT_GROUP))
    {
        exam_items(group, &mut content);
        let Some(tracking_uid) = child(group, codes::TRACKING_UNIQUE_IDENTIFIER).map(|i| text(i, tags::UID))
        else {
            continue;
        };
        if child(group, codes::FINDING_SITE).is_none() {
            continue;
        }
        let index =
            content.nodules.iter().position(|n| n.tracking_uid == tracking_uid).unwrap_or_else(|| {
                content.nodules.push(ReportedNodule { tracking_uid, ..ReportedNodule::default() });
                content.nodules.len() - 1
            });
        if let Some(nodule) = content.nodules.get_mut(index) {
            nodule_items(group, nodule);
        }
    }
    Ok(content)
}

fn header(object: &InMemDicomObject) -> ReportContent {
    let predecessors = items(object, tags::PREDECESSOR_DOCUMENTS_SEQUENCE)
        .iter()
        .flat_map(|study| items(study, tags::REFERENCED_SERIES_SEQUENCE))
        .flat_map(|series| items(series, tags::REFERENCED_SOP_SEQUENCE))
        .map(|instance| text(instance, tags::REFERENCED_SOP_INSTANCE_UID));
    ReportContent {
        sop_class_uid: text(object, tags::SOP_CLASS_UID),
        sop_instance_uid: text(object, tags::SOP_INSTANCE_UID),
        series_instance_uid: text(object, tags::SERIES_INSTANCE_UID),
        study_instance_uid: text(object, tags::STUDY_INSTANCE_UID),
        patient_name: text(object, tags::PATIENT_NAME),
        completion: text(object, tags::COMPLETION_FLAG),
        completion_description: text(object, tags::COMPLETION_FLAG_DESCRIPTION),
        preliminary: text(object, tags::PRELIMINARY_FLAG),
        predecessors: predecessors.collect(),
        nodule_present: None,
        skip_reason: None,
        exam_category: None,
        nodules: Vec::new(),
    }
}

fn exam_items(group: &InMemDicomObject, content: &mut ReportContent) {
    if let Some(item) = child(group, codes::NODULE_PRESENCE) {
        content.nodule_present = Some(has_value(item, codes::PRESENT));
    }
    if let Some(item) = child(group, codes::SKIP_REASON) {
        content.skip_reason = Some(text(item, tags::TEXT_VALUE));
    }
    if child(group, codes::NODULE_PRESENCE).is_some() {
        content.exam_category = category(group);
    }
}

/// Category of the leading guideline, where the group has a settled one.
fn category(group: &InMemDicomObject) -> Option<ReportedCategory> {
    let coded = child(group, codes::LUNG_RADS_ASSESSMENT);
    let item = coded.or_else(|| child(group, codes::GUIDELINE_CATEGORY))?;
    let words = |concept: Code| child(item, concept).map(|i| text(i, tags::TEXT_VALUE)).unwrap_or_default();
    let code = first(item, tags::CONCEPT_CODE_SEQUENCE).map(|code| text(code, tags::CODE_MEANING));
    Some(ReportedCategory {
        category: code.unwrap_or_else(|| text(item, tags::TEXT_VALUE)),
        row: words(codes::GUIDELINE_ROW),
        guideline: words(codes::GUIDELINE_VERSION),
    })
}

/// Every probability of cancer; minimum and maximum of one model are one range.
fn risks(group: &InMemDicomObject) -> Vec<ReportedRisk> {
    let mut risks: Vec<ReportedRisk> = Vec::new();
    for item in children(group, codes::PROBABILITY_OF_CANCER) {
        let method =
            child(item, codes::MEASUREMENT_METHOD).and_then(|m| first(m, tags::CONCEPT_CODE_SEQUENCE));
        let (Some(model), Some(percent)) = (method.map(|code| text(code, tags::CODE_VALUE)), number(item))
        else {
            continue;
        };
        match risks.iter_mut().find(|risk| risk.model == model) {
            Some(risk) => {
                risk.low_percent = risk.low_percent.min(percent);
                risk.high_percent = risk.high_percent.max(percent);
            }
            None => risks.push(ReportedRisk { model, low_percent: percent, high_percent: percent }),
        }
    }
    risks
}

fn nodule_items(group: &InMemDicomObject, nodule: &mut ReportedNodule) {
    if let Some(item) = child(group, codes::TRACKING_IDENTIFIER) {
        nodule.tracking_identifier = text(item, tags::TEXT_VALUE);
    }
    let number = |concept: Code| child(group, concept).and_then(number);
    let derived = |concept: Code, how: Code| {
        let with =
            |item: &&InMemDicomObject| child(item, codes::DERIVATION).is_some_and(|d| has_value(d, how));
        children(group, concept).find(with).and_then(self::number)
    };
    let put = |slot: &mut Option<f64>, value: Option<f64>| *slot = value.or(*slot);
    put(&mut nodule.volume_mm3, number(codes::VOLUME));
    put(&mut nodule.long_axis_mm, number(codes::LONG_AXIS));
    put(&mut nodule.short_axis_mm, number(codes::SHORT_AXIS));
    put(&mut nodule.mean_diameter_mm, derived(codes::DIAMETER, codes::MEAN));
    put(&mut nodule.hu_mean, derived(codes::ATTENUATION_COEFFICIENT, codes::MEAN));
    put(&mut nodule.hu_sd, derived(codes::ATTENUATION_COEFFICIENT, codes::STANDARD_DEVIATION));
    put(&mut nodule.score, number(codes::CERTAINTY_OF_FINDING).map(|percent| percent / 100.0));
    if let (Some(x), Some(y), Some(z)) =
        (number(codes::CENTER_X), number(codes::CENTER_Y), number(codes::CENTER_Z))
    {
        nodule.center = Some(LpsPoint { x, y, z });
    }
    let site = child(group, codes::FINDING_SITE);
    let side = |item: &InMemDicomObject| {
        [Side::Left, Side::Right].into_iter().find(|s| has_value(item, codes::laterality(*s)))
    };
    nodule.side = site.and_then(|site| child(site, codes::LATERALITY)).and_then(side).or(nodule.side);
    let named = |side: Side| {
        let sites = [codes::UPPER_LOBE, codes::MIDDLE_LOBE, codes::LOWER_LOBE];
        let code = sites.into_iter().find(|code| site.is_some_and(|site| has_value(site, *code)))?;
        codes::lobe(code, side)
    };
    nodule.lobe = nodule.side.and_then(named).or(nodule.lobe);
    let class = |item: &InMemDicomObject| {
        use Attenuation::{Calcified, NonSolid, PartSolid, Solid};
        [Solid, PartSolid, NonSolid, Calcified].into_iter().find(|c| has_value(item, codes::attenuation(*c)))
    };
    nodule.attenuation = child(group, codes::NODULE_ATTENUATION).and_then(class).or(nodule.attenuation);
    let segment =
        child(group, codes::REFERENCED_SEGMENT).and_then(|i| first(i, tags::REFERENCED_SOP_SEQUENCE));
    if let Some(reference) = segment {
        let number =
            reference.get(tags::REFERENCED_SEGMENT_NUMBER).and_then(|e| e.to_int().ok()).unwrap_or(0);
        nodule.segment = Some((text(reference, tags::REFERENCED_SOP_INSTANCE_UID), number));
    }
    nodule.mark = child(group, codes::IMAGE_REGION).and_then(mark).or(nodule.mark.take());
    nodule.category = category(group).or(nodule.category.take());
    nodule.risks.extend(risks(group));
}

/// A circle; other shapes are not read.
fn mark(scoord: &InMemDicomObject) -> Option<ReportedMark> {
    if text(scoord, tags::GRAPHIC_TYPE) != "CIRCLE" {
        return None;
    }
    let points = scoord.get(tags::GRAPHIC_DATA)?.to_multi_float64().ok()?;
    let [column, row, edge_column, edge_row] = points[..] else { return None };
    let image =
        items(scoord, tags::CONTENT_SEQUENCE).iter().find_map(|i| first(i, tags::REFERENCED_SOP_SEQUENCE))?;
    Some(ReportedMark {
        sop_instance_uid: text(image, tags::REFERENCED_SOP_INSTANCE_UID),
        frame_number: image.get(tags::REFERENCED_FRAME_NUMBER).and_then(|e| e.to_int().ok()),
        center_pixel: [column, row],
        radius_pixels: (edge_column - column).hypot(edge_row - row),
    })
}

fn children(item: &InMemDicomObject, concept: Code) -> impl Iterator<Item = &InMemDicomObject> {
    items(item, tags::CONTENT_SEQUENCE).iter().filter(move |child| has_concept(child, concept))
}

fn child(item: &InMemDicomObject, concept: Code) -> Option<&InMemDicomObject> {
    children(item, concept).next()
}

fn has_concept(item: &InMemDicomObject, concept: Code) -> bool {
    first(item, tags::CONCEPT_NAME_CODE_SEQUENCE).is_some_and(|code| is_code(code, concept))
}

fn has_value(item: &InMemDicomObject, value: Code) -> bool {
    first(item, tags::CONCEPT_CODE_SEQUENCE).is_some_and(|code| is_code(code, value))
}

fn is_code(item: &InMemDicomObject, code: Code) -> bool {
    code.is(&text(item, tags::CODE_VALUE), &text(item, tags::CODING_SCHEME_DESIGNATOR))
}

/// Value of a NUM item: the floating point one where it is there.
fn number(item: &InMemDicomObject) -> Option<f64> {
    let measured = first(item, tags::MEASURED_VALUE_SEQUENCE)?;
    let exact = measured.get(tags::FLOATING_POINT_VALUE).and_then(|e| e.to_float64().ok());
    exact.or_else(|| text(measured, tags::NUMERIC_VALUE).parse().ok())
}
