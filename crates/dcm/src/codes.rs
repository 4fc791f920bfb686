//! Coded concepts: one table of value, scheme and meaning (PS3.16 and the vocabularies that it names).
//!
//! Meanings are exact and case-sensitive where viewers match on them instead of on the value
//! (`Imaging Measurements`, `Measurement Group`, `Tracking Identifier`, `Long Axis`, `Short Axis`).

use crate::attributes::Attributes;
use dicom_dictionary_std::tags;
use domain::{Attenuation, Lobe, LobePlace, Side};

/// A coded concept. Value at most 16 characters, meaning at most 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// CodeValue (0008,0100).
    pub value: &'static str,
    /// CodingSchemeDesignator (0008,0102).
    pub scheme: &'static str,
    /// CodeMeaning (0008,0104).
    pub meaning: &'static str,
}

impl Code {
    /// Sequence item of this code.
    pub(crate) fn item(self) -> Attributes {
        code_item(self.value, self.scheme, self.meaning)
    }

    /// Whether value and scheme are these; the scheme's case is not looked at (some writers say `RadLex`).
    #[must_use]
    pub fn is(self, value: &str, scheme: &str) -> bool {
        self.value == value && self.scheme.eq_ignore_ascii_case(scheme)
    }
}

/// Code sequence item of any code.
pub(crate) fn code_item(value: &str, scheme: &str, meaning: &str) -> Attributes {
    let mut item = Attributes::new();
    item.text(tags::CODE_VALUE, value)
        .text(tags::CODING_SCHEME_DESIGNATOR, scheme)
        .text(tags::CODE_MEANING, meaning);
    item
}

/// Designator of our own codes.
pub const PRIVATE_SCHEME: &str = "99LUNGCAD";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = ($value:literal, $scheme:expr, $meaning:literal);)*) => {
        $($(#[$doc])* pub const $name: Code = Code { value: $value, scheme: $scheme, meaning: $meaning };)*

        /// Every code of this table.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// Root of TID 1500.
    IMAGING_MEASUREMENT_REPORT = ("126000", "DCM", "Imaging Measurement Report");
    /// TID 1204.
    LANGUAGE = ("121049", "DCM", "Language of Content Item and Descendants");
    /// The only language that we write.
    ENGLISH_US = ("en-US", "RFC5646", "English (United States)");
    /// TID 1001.
    OBSERVER_TYPE = ("121005", "DCM", "Observer Type");
    /// A machine.
    DEVICE = ("121007", "DCM", "Device");
    /// TID 1004.
    DEVICE_OBSERVER_UID = ("121012", "DCM", "Device Observer UID");
    /// TID 1004.
    DEVICE_OBSERVER_NAME = ("121013", "DCM", "Device Observer Name");
    /// TID 1004.
    DEVICE_OBSERVER_MANUFACTURER = ("121014", "DCM", "Device Observer Manufacturer");
    /// TID 1004.
    DEVICE_OBSERVER_MODEL_NAME = ("121015", "DCM", "Device Observer Model Name");
    /// TID 1004.
    DEVICE_OBSERVER_SERIAL_NUMBER = ("121016", "DCM", "Device Observer Serial Number");
    /// CID 100.
    PROCEDURE_REPORTED = ("121058", "DCM", "Procedure reported");
    /// Where the scan does not say what was done.
    CT_UNSPECIFIED = ("25045-6", "LN", "CT unspecified body region");
    /// TID 1600.
    IMAGE_LIBRARY = ("111028", "DCM", "Image Library");
    /// TID 1600.
    IMAGE_LIBRARY_GROUP = ("126200", "DCM", "Image Library Group");
    /// TID 1602.
    MODALITY = ("121139", "DCM", "Modality");
    /// CID 29.
    COMPUTED_TOMOGRAPHY = ("CT", "DCM", "Computed Tomography");
    /// TID 1602.
    TARGET_REGION = ("123014", "DCM", "Target Region");
    /// CID 4031.
    CHEST = ("51185008", "SCT", "Chest");
    /// TID 1604.
    FRAME_OF_REFERENCE_UID = ("112227", "DCM", "Frame of Reference UID");
    /// TID 1602.
    PIXEL_DATA_ROWS = ("110910", "DCM", "Pixel Data Rows");
    /// TID 1602.
    PIXEL_DATA_COLUMNS = ("110911", "DCM", "Pixel Data Columns");
    /// TID 1604.
    HORIZONTAL_PIXEL_SPACING = ("111026", "DCM", "Horizontal Pixel Spacing");
    /// TID 1604.
    VERTICAL_PIXEL_SPACING = ("111066", "DCM", "Vertical Pixel Spacing");
    /// TID 1604.
    SLICE_THICKNESS = ("112225", "DCM", "Slice Thickness");
    /// TID 1604.
    SPACING_BETWEEN_SLICES = ("112226", "DCM", "Spacing between slices");
    /// TID 1500.
    IMAGING_MEASUREMENTS = ("126010", "DCM", "Imaging Measurements");
    /// TID 1410, 1411, 1501.
    MEASUREMENT_GROUP = ("125007", "DCM", "Measurement Group");
    /// TID 1502.
    ACTIVITY_SESSION = ("C67447", "NCIt", "Activity Session");
    /// Words that name the nodule for people.
    TRACKING_IDENTIFIER = ("112039", "DCM", "Tracking Identifier");
    /// Shared by SR and SEG, and by later reports of the same nodule.
    TRACKING_UNIQUE_IDENTIFIER = ("112040", "DCM", "Tracking Unique Identifier");
    /// TID 1411.
    FINDING_CATEGORY = ("276214006", "SCT", "Finding category");
    /// CID 7150.
    MORPHOLOGICALLY_ABNORMAL_STRUCTURE = ("49755003", "SCT", "Morphologically Abnormal Structure");
    /// TID 1411.
    FINDING = ("121071", "DCM", "Finding");
    /// CID 6104.
    NODULE = ("27925004", "SCT", "Nodule");
    /// TID 1411.
    FINDING_SITE = ("363698007", "SCT", "Finding Site");
    /// The organ.
    LUNG = ("39607008", "SCT", "Lung");
    /// CID 6126.
    UPPER_LOBE = ("45653009", "SCT", "Upper lobe of lung");
    /// CID 6126.
    MIDDLE_LOBE = ("72481006", "SCT", "Middle lobe of right lung");
    /// CID 6126.
    LOWER_LOBE = ("90572001", "SCT", "Lower lobe of lung");
    /// TID 1411.
    LATERALITY = ("272741003", "SCT", "Laterality");
    /// CID 244.
    RIGHT = ("24028007", "SCT", "Right");
    /// CID 244.
    LEFT = ("7771000", "SCT", "Left");
    /// TID 4019.
    ALGORITHM_NAME = ("111001", "DCM", "Algorithm Name");
    /// TID 4019.
    ALGORITHM_VERSION = ("111003", "DCM", "Algorithm Version");
    /// TID 4019.
    ALGORITHM_PARAMETERS = ("111002", "DCM", "Algorithm Parameters");
    /// TID 4019.
    ALGORITHM_MANUFACTURER = ("122405", "DCM", "Algorithm Manufacturer");
    /// TID 4019.
    ALGORITHM_FAMILY = ("111000", "DCM", "Algorithm Family");
    /// CID 7162, trained networks.
    ARTIFICIAL_INTELLIGENCE = ("123110", "DCM", "Artificial Intelligence");
    /// CID 7162, filters without training.
    NEIGHBORHOOD_ANALYSIS = ("123101", "DCM", "Neighborhood Analysis");
    /// TID 1411.
    REFERENCED_SEGMENT = ("121191", "DCM", "Referenced Segment");
    /// TID 1411.
    SOURCE_SERIES_FOR_SEGMENTATION = ("121232", "DCM", "Source series for segmentation");
    /// TID 1410.
    IMAGE_REGION = ("111030", "DCM", "Image Region");
    /// Image that a region was drawn on.
    SOURCE = ("260753009", "SCT", "Source");
    /// TID 1419.
    VOLUME = ("118565006", "SCT", "Volume");
    /// Measurement method.
    MEASUREMENT_METHOD = ("370129005", "SCT", "Measurement Method");
    /// CID 7474.
    SUM_OF_VOXEL_VOLUMES = ("126030", "DCM", "Sum of segmented voxel volumes");
    /// CID 7470.
    LONG_AXIS = ("103339001", "SCT", "Long Axis");
    /// CID 7470.
    SHORT_AXIS = ("103340004", "SCT", "Short Axis");
    /// CID 7470, with derivation Mean.
    DIAMETER = ("81827009", "SCT", "Diameter");
    /// HU.
    ATTENUATION_COEFFICIENT = ("112031", "DCM", "Attenuation Coefficient");
    /// TID 1419.
    DERIVATION = ("121401", "DCM", "Derivation");
    /// CID 7464.
    MEAN = ("373098007", "SCT", "Mean");
    /// CID 7464.
    STANDARD_DEVIATION = ("386136009", "SCT", "Standard Deviation");
    /// Score of the detector.
    CERTAINTY_OF_FINDING = ("111012", "DCM", "Certainty of Finding");
    /// Free words.
    COMMENT = ("121106", "DCM", "Comment");
    /// CID 240.
    PRESENT = ("52101004", "SCT", "Present");
    /// CID 240.
    ABSENT = ("272519000", "SCT", "Absent");
    /// CID 6042.
    FAILED = ("111224", "DCM", "Failed");
    /// CID 6042.
    NOT_ATTEMPTED = ("111225", "DCM", "Not Attempted");
    /// LIDC's calcification.
    CALCIFICATION = ("C3672", "NCIt", "Calcification");
    /// RadLex.
    SOLID_NODULE = ("RID50151", "RADLEX", "solid pulmonary nodule");
    /// RadLex.
    PART_SOLID_NODULE = ("RID50152", "RADLEX", "part-solid pulmonary nodule");
    /// RadLex.
    NON_SOLID_NODULE = ("RID50153", "RADLEX", "non-solid pulmonary nodule");
    /// No standard code names a calcified nodule as an attenuation class.
    CALCIFIED_NODULE = ("CALCIFIED", PRIVATE_SCHEME, "Calcified pulmonary nodule");
    /// Concept of the attenuation class.
    NODULE_ATTENUATION = ("ATTENUATION", PRIVATE_SCHEME, "Nodule attenuation");
    /// Exam level: is there any.
    NODULE_PRESENCE = ("PRESENCE", PRIVATE_SCHEME, "Nodule presence");
    /// Exam level: how many.
    NODULE_COUNT = ("COUNT", PRIVATE_SCHEME, "Number of nodules");
    /// Exam level: what the report may be used for.
    INTENDED_USE = ("INTENDED_USE", PRIVATE_SCHEME, "Intended use");
    /// Exam level: what a reader should know of the scan.
    SERIES_WARNING = ("WARNING", PRIVATE_SCHEME, "Series warning");
    /// Exam level: lung volumes in words (a NUM there breaks a viewer).
    LUNG_VOLUMES = ("LUNG_VOLUMES", PRIVATE_SCHEME, "Lung volumes");
    /// Exam level: outcome of the analysis.
    ANALYSIS_OUTCOME = ("OUTCOME", PRIVATE_SCHEME, "Analysis outcome");
    /// Exam level: why there is none, as code in text.
    SKIP_REASON_CODE = ("SKIP_CODE", PRIVATE_SCHEME, "Skip reason code");
    /// Exam level: why there is none, in words.
    SKIP_REASON = ("SKIP_REASON", PRIVATE_SCHEME, "Skip reason");
    /// Risk of a nodule, by the model that is its method.
    PROBABILITY_OF_CANCER = ("111047", "DCM", "Probability of cancer");
    /// CID 7464.
    MINIMUM = ("255605001", "SCT", "Minimum");
    /// CID 7464.
    MAXIMUM = ("56851009", "SCT", "Maximum");
    /// RadLex.
    LUNG_RADS_ASSESSMENT = ("RID50134", "RADLEX", "Lung-RADS assessment");
    /// RadLex.
    LUNG_RADS_0 = ("RID50135", "RADLEX", "Lung-RADS 0");
    /// RadLex.
    LUNG_RADS_1 = ("RID50136", "RADLEX", "Lung-RADS 1");
    /// RadLex.
    LUNG_RADS_2 = ("RID50137", "RADLEX", "Lung-RADS 2");
    /// RadLex.
    LUNG_RADS_3 = ("RID50138", "RADLEX", "Lung-RADS 3");
    /// RadLex.
    LUNG_RADS_4A = ("RID50139", "RADLEX", "Lung-RADS 4A");
    /// RadLex.
    LUNG_RADS_4B = ("RID50140", "RADLEX", "Lung-RADS 4B");
    /// RadLex.
    LUNG_RADS_4X = ("RID50141", "RADLEX", "Lung-RADS 4X");
    /// Category of a guideline that no vocabulary codes.
    GUIDELINE_CATEGORY = ("CATEGORY", PRIVATE_SCHEME, "Guideline category");
    /// A guideline in one sentence.
    GUIDELINE_ASSESSMENT = ("GUIDELINE", PRIVATE_SCHEME, "Guideline assessment");
    /// Name, version, version of our table.
    GUIDELINE_VERSION = ("GUIDELINE_VERS", PRIVATE_SCHEME, "Guideline and version");
    /// Stable id of the row that gave the category.
    GUIDELINE_ROW = ("GUIDELINE_ROW", PRIVATE_SCHEME, "Guideline row");
    /// What the row recommends.
    GUIDELINE_MANAGEMENT = ("MANAGEMENT", PRIVATE_SCHEME, "Guideline recommendation");
    /// Months as the guideline states them.
    GUIDELINE_INTERVAL = ("INTERVAL", PRIVATE_SCHEME, "Months to next examination by guideline");
    /// Whether guidelines agree on the urgency.
    GUIDELINE_AGREEMENT = ("AGREEMENT", PRIVATE_SCHEME, "Agreement of guidelines");
    /// One term of a risk model's sum.
    RISK_TERM = ("RISK_TERM", PRIVATE_SCHEME, "Risk model term");
    /// Over what a range goes.
    RISK_OPEN = ("RISK_OPEN", PRIVATE_SCHEME, "Not known to the risk model");
    /// Why a model gives no number.
    RISK_NOT_COMPUTED = ("RISK_NONE", PRIVATE_SCHEME, "Risk not computed");
    /// Exam level: screening or incidental rules, and why.
    EXAM_CONTEXT = ("CONTEXT", PRIVATE_SCHEME, "Rules applied and why");
    /// Exam level: nodule that gives the category.
    DECIDED_BY = ("DECIDED_BY", PRIVATE_SCHEME, "Decided by");
    /// For a reader to confirm or reject.
    PROPOSED = ("PROPOSED", PRIVATE_SCHEME, "Proposed for a reader to confirm");
    /// Exam level: version of the site's data.
    CLINICAL_DATA = ("CLINICAL_DATA", PRIVATE_SCHEME, "Clinical data");
    /// Exam level: a value that is known, with its source.
    CLINICAL_INPUT = ("CLINICAL_INPUT", PRIVATE_SCHEME, "Clinical input");
    /// What a reader should know of an answer.
    CLINICAL_WARNING = ("CLINICAL_WARN", PRIVATE_SCHEME, "Note on clinical rules");
    /// Exam level: tenth of the site's exams.
    EXAM_TRIAGE = ("TRIAGE", PRIVATE_SCHEME, "Exam triage score (worklist order)");
    /// The site has no calibration for the networks.
    TRIAGE_NOT_CALIBRATED = ("TRIAGE_NONE", PRIVATE_SCHEME, "Not calibrated");
    /// Where a triage score comes from, or why there is none.
    TRIAGE_BASIS = ("TRIAGE_BASIS", PRIVATE_SCHEME, "Basis of the exam triage score");
    /// What a triage score may be used for.
    TRIAGE_USE = ("TRIAGE_USE", PRIVATE_SCHEME, "Use of the exam triage score");
    /// Where to scroll to.
    KEY_SLICE = ("KEY_SLICE", PRIVATE_SCHEME, "Key slice");
    /// Centroid of the outline, patient coordinates, towards the left.
    CENTER_X = ("CENTER_X", PRIVATE_SCHEME, "Center X (patient left)");
    /// Centroid of the outline, patient coordinates, towards the back.
    CENTER_Y = ("CENTER_Y", PRIVATE_SCHEME, "Center Y (patient posterior)");
    /// Centroid of the outline, patient coordinates, towards the head.
    CENTER_Z = ("CENTER_Z", PRIVATE_SCHEME, "Center Z (patient head)");
    /// Segmentation derivation (CID 7203).
    SEGMENTATION = ("113076", "DCM", "Segmentation");
    /// CID 7202.
    SOURCE_IMAGE_FOR_PROCESSING = ("121322", "DCM", "Source image for image processing operation");
    /// CID 7005.
    PROCESSING_EQUIPMENT = ("109102", "DCM", "Processing Equipment");
    /// CID 7005.
    ACQUISITION_EQUIPMENT = ("109101", "DCM", "Acquisition Equipment");
    /// Unit.
    MM = ("mm", "UCUM", "mm");
    /// Unit.
    MM3 = ("mm3", "UCUM", "cubic millimeter");
    /// Unit.
    HOUNSFIELD = ("[hnsf'U]", "UCUM", "Hounsfield unit");
    /// Unit.
    PERCENT = ("%", "UCUM", "Percent");
    /// Unit.
    PIXELS = ("{pixels}", "UCUM", "pixels");
}

/// Value of [`NODULE_ATTENUATION`].
#[must_use]
pub fn attenuation(class: Attenuation) -> Code {
    match class {
        Attenuation::Solid => SOLID_NODULE,
        Attenuation::PartSolid => PART_SOLID_NODULE,
        Attenuation::NonSolid => NON_SOLID_NODULE,
        Attenuation::Calcified => CALCIFIED_NODULE,
    }
}

/// Value of [`LATERALITY`].
#[must_use]
pub fn laterality(side: Side) -> Code {
    match side {
        Side::Left => LEFT,
        Side::Right => RIGHT,
    }
}

/// Where a nodule lies, beside its [`laterality`]: the lobe where that is sure, else the lung.
#[must_use]
pub fn site(lobe: Option<LobePlace>) -> Code {
    match lobe.filter(|found| found.sure).map(|found| found.lobe) {
        None => LUNG,
        Some(Lobe::Rul | Lobe::Lul) => UPPER_LOBE,
        Some(Lobe::Rml) => MIDDLE_LOBE,
        Some(Lobe::Rll | Lobe::Lll) => LOWER_LOBE,
    }
}

/// The lobe of a [`site`] code; `None` for the lung.
#[must_use]
pub fn lobe(site: Code, side: Side) -> Option<Lobe> {
    Lobe::ALL.into_iter().find(|lobe| {
        lobe.side() == side
            && self::site(Some(LobePlace { lobe: *lobe, fissure_mm: 0.0, sure: true })) == site
    })
}

/// Value of [`LUNG_RADS_ASSESSMENT`]; `None` for what is no category of Lung-RADS.
#[must_use]
pub fn lung_rads(category: &str) -> Option<Code> {
    Some(match category {
        "0" => LUNG_RADS_0,
        "1" => LUNG_RADS_1,
        "2" => LUNG_RADS_2,
        "3" => LUNG_RADS_3,
        "4A" => LUNG_RADS_4A,
        "4B" => LUNG_RADS_4B,
        "4X" => LUNG_RADS_4X,
        _ => return None,
    })
}

/// Private code of a risk model: value and meaning within the lengths of SH and LO (16 and 64 characters).
#[must_use]
pub fn risk_model(id: &str, title: &str) -> (String, String) {
    let value = match id {
        "herder2005_logistic" => "HERDER2005".to_owned(),
        "herder_bts_lr" => "HERDER_BTS".to_owned(),
        id => id.to_uppercase().chars().take(16).collect(),
    };
    (value, title.chars().take(64).collect())
}

/// Private code of a triage score: value and meaning, `TRIAGE_08` and `8 of 10`.
#[must_use]
pub fn triage_score(score: u8) -> (String, String) {
    (format!("TRIAGE_{score:02}"), format!("{score} of {}", domain::TRIAGE_SCORE_MAX))
}

/// Family of the algorithm behind a pack: packs named `baseline-*` are classical filters, all others are trained.
#[must_use]
pub fn algorithm_family(pack_name: &str) -> Code {
    if pack_name.starts_with("baseline-") { NEIGHBORHOOD_ANALYSIS } else { ARTIFICIAL_INTELLIGENCE }
}

/// CodingSchemeIdentificationSequence (0008,0110) for [`PRIVATE_SCHEME`].
pub(crate) fn scheme_identification() -> Attributes {
    let mut item = Attributes::new();
    item.text(tags::CODING_SCHEME_DESIGNATOR, PRIVATE_SCHEME)
        .text(tags::CODING_SCHEME_NAME, "lungcad private codes")
        .text(tags::CODING_SCHEME_VERSION, "1")
        .text(tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION, "lungcad");
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Goal: no code is refused by a checker for its length, none is listed twice under two meanings.
    #[test]
    fn codes_fit_their_value_representations() {
        let mut seen = HashSet::new();
        for code in ALL {
            assert!(
                code.value.len() <= 16 && code.scheme.len() <= 16 && code.meaning.len() <= 64,
                "{code:?}"
            );
            assert!(seen.insert((code.value, code.scheme)), "{code:?} is listed twice");
        }
    }
}
