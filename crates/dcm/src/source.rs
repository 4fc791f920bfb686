//! What a derived object takes over from the CT that it was derived from.
//!
//! Patient and study attributes are copied as they are (empty ones too), because archives split a study
//! whose objects disagree. Text is decoded with the scan's character set and written as UTF-8, never
//! copied raw under another set. Geometry is kept as the decimal strings that were sent.

use crate::attributes::{Attributes, vr_of};
use crate::guard::{self, GuardError};
use crate::limits::Limits;
use crate::text;
use crate::walk::{Element, Level, Visitor, walk};
use dicom_core::header::{Tag, VR};
use dicom_dictionary_std::tags;
use std::collections::BTreeMap;

/// Patient and study attributes that are copied when the scan has them.
const COPIED: &[Tag] = &[
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::STUDY_DESCRIPTION,
    tags::PHYSICIANS_OF_RECORD,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_BIRTH_TIME,
    tags::PATIENT_SEX,
    tags::PATIENT_AGE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
    tags::PATIENT_COMMENTS,
    tags::PATIENT_IDENTITY_REMOVED,
    tags::DEIDENTIFICATION_METHOD,
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_ID,
    tags::ADMISSION_ID,
];

/// Sequences that are copied, text values only.
const COPIED_SEQUENCES: &[Tag] = &[
    tags::PROCEDURE_CODE_SEQUENCE,
    tags::OTHER_PATIENT_I_DS_SEQUENCE,
    tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
    tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
];

/// Sequences whose codes say why the scan was made; read, not copied.
const CODES_OF_THE_ORDER: &[Tag] = &[
    tags::REQUESTED_PROCEDURE_CODE_SEQUENCE,
    tags::REASON_FOR_REQUESTED_PROCEDURE_CODE_SEQUENCE,
    tags::PERFORMED_PROTOCOL_CODE_SEQUENCE,
    tags::REASON_FOR_PERFORMED_PROCEDURE_CODE_SEQUENCE,
];

/// Present in every derived object, empty where the scan has nothing (type 2 of the Patient and General Study modules).
const ALWAYS: &[Tag] = &[
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_ID,
];

/// Patient, study, equipment and geometry of one CT instance.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceContext {
    /// SOP Class UID of the instance that was read.
    pub sop_class_uid: String,
    /// The instance that was read.
    pub sop_instance_uid: String,
    /// Its study.
    pub study_instance_uid: String,
    /// Its series.
    pub series_instance_uid: String,
    /// Its frame of reference; derived from the series where the scan has none.
    pub frame_of_reference_uid: String,
    /// ImageOrientationPatient as sent: six decimal strings.
    pub image_orientation_patient: Vec<String>,
    /// PixelSpacing as sent: between rows, between columns, mm.
    pub pixel_spacing: Vec<String>,
    /// SliceThickness as sent, mm.
    pub slice_thickness: Option<String>,
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Transfer syntax of the instance that was read.
    pub transfer_syntax_uid: String,
    top: Node,
}

/// Attributes of the patient that risk models use, as sent; empty where absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonTexts<'a> {
    /// PatientAge (0010,1010), AS.
    pub age: &'a str,
    /// PatientBirthDate (0010,0030), DA.
    pub birth_date: &'a str,
    /// StudyDate (0008,0020), DA.
    pub study_date: &'a str,
    /// PatientSex (0010,0040), CS.
    pub sex: &'a str,
    /// SmokingStatus (0010,21A0), CS: YES, NO or UNKNOWN, of today.
    pub smoking_status: &'a str,
}

/// Text attributes of a data set, and its sequences.
#[derive(Debug, Clone, PartialEq, Default)]
struct Node {
    texts: BTreeMap<Tag, String>,
    sequences: BTreeMap<Tag, Vec<Node>>,
}

impl SourceContext {
    /// Reads a file (or a data set that its bytes make recognisable) within `limits`.
    ///
    /// `charset_fallback` is the site's character set for scans that declare none.
    ///
    /// # Errors
    /// [`GuardError`] when the bytes are not a data set or break a limit. Missing attributes are no error
    /// here; a writer that cannot do without one says so.
    pub fn read(
        file_bytes: &[u8],
        limits: &Limits,
        charset_fallback: Option<&str>,
    ) -> Result<Self, GuardError> {
        let located = guard::locate(file_bytes, limits)?;
        let data_set = file_bytes.get(located.offset..).unwrap_or(&[]);
        let (plain, encoding) = guard::plain(data_set, &located.transfer_syntax_uid, limits)?;
        let mut reader = Reader {
            charset: Vec::new(),
            fallback: charset_fallback,
            top: Node::default(),
            numbers: BTreeMap::new(),
        };
        walk(&plain, encoding, limits, &mut reader)?;
        let mut source = Self::from_parts(reader.top, &reader.numbers);
        source.transfer_syntax_uid = located.transfer_syntax_uid;
        Ok(source)
    }

    fn from_parts(top: Node, numbers: &BTreeMap<Tag, u16>) -> Self {
        let text = |tag: Tag| top.text(tag).to_owned();
        let group =
            |sequence: Tag, tag: Tag| top.functional_group(sequence, tag).unwrap_or_else(|| top.text(tag));
        let values = |text: &str| -> Vec<String> {
            text.split('\\').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect()
        };
        let series_instance_uid = text(tags::SERIES_INSTANCE_UID);
        let frame_of_reference_uid = match top.text(tags::FRAME_OF_REFERENCE_UID) {
            "" => domain::derived_uid(&["frame of reference", &series_instance_uid]),
            uid => uid.to_owned(),
        };
        let thickness = group(tags::PIXEL_MEASURES_SEQUENCE, tags::SLICE_THICKNESS).to_owned();
        Self {
            sop_class_uid: text(tags::SOP_CLASS_UID),
            sop_instance_uid: text(tags::SOP_INSTANCE_UID),
            study_instance_uid: text(tags::STUDY_INSTANCE_UID),
            frame_of_reference_uid,
            image_orientation_patient: values(group(
                tags::PLANE_ORIENTATION_SEQUENCE,
                tags::IMAGE_ORIENTATION_PATIENT,
            )),
            pixel_spacing: values(group(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING)),
            slice_thickness: Some(thickness).filter(|t| !t.is_empty()),
            rows: numbers.get(&tags::ROWS).copied().unwrap_or(0),
            columns: numbers.get(&tags::COLUMNS).copied().unwrap_or(0),
            series_instance_uid,
            transfer_syntax_uid: String::new(),
            top,
        }
    }

    /// Text of a top-level attribute, empty when absent; several values stay joined by backslashes.
    pub(crate) fn text(&self, tag: Tag) -> &str {
        self.top.text(tag)
    }

    /// First code of ProcedureCodeSequence, when it is complete: value, scheme, meaning.
    pub(crate) fn procedure_code(&self) -> Option<(&str, &str, &str)> {
        let item = self.top.sequences.get(&tags::PROCEDURE_CODE_SEQUENCE)?.first()?;
        let (value, scheme, meaning) = (
            item.text(tags::CODE_VALUE),
            item.text(tags::CODING_SCHEME_DESIGNATOR),
            item.text(tags::CODE_MEANING),
        );
        let complete = !value.is_empty() && value.len() <= 16 && !scheme.is_empty() && !meaning.is_empty();
        complete.then_some((value, scheme, meaning))
    }

    /// Code values that say what was ordered, done and why, of the scan itself and of its requests; each once.
    #[must_use]
    pub fn order_codes(&self) -> Vec<String> {
        let requests = self.top.sequences.get(&tags::REQUEST_ATTRIBUTES_SEQUENCE).into_iter().flatten();
        let mut codes: Vec<String> = Vec::new();
        for node in std::iter::once(&self.top).chain(requests) {
            let tags = CODES_OF_THE_ORDER.iter().chain(&[tags::PROCEDURE_CODE_SEQUENCE]);
            for item in tags.filter_map(|tag| node.sequences.get(tag)).flatten() {
                let code = item.text(tags::CODE_VALUE).to_owned();
                if !code.is_empty() && !codes.contains(&code) {
                    codes.push(code);
                }
            }
        }
        codes
    }

    /// Names that say why the scan was made: protocol, study, series, requested procedure; each once.
    #[must_use]
    pub fn protocol_names(&self) -> Vec<String> {
        let own = [tags::PROTOCOL_NAME, tags::STUDY_DESCRIPTION, tags::SERIES_DESCRIPTION];
        let asked = [tags::REQUESTED_PROCEDURE_DESCRIPTION, tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION];
        let of_request = asked.iter().map(|tag| self.request(*tag));
        let mut names: Vec<String> = Vec::new();
        for name in own.iter().map(|tag| self.text(*tag)).chain(of_request).chain([self.text(asked[0])]) {
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// What the header says of the person, as sent; empty where absent.
    #[must_use]
    pub fn person(&self) -> PersonTexts<'_> {
        PersonTexts {
            age: self.text(tags::PATIENT_AGE),
            birth_date: self.text(tags::PATIENT_BIRTH_DATE),
            study_date: self.text(tags::STUDY_DATE),
            sex: self.text(tags::PATIENT_SEX),
            smoking_status: self.text(tags::SMOKING_STATUS),
        }
    }

    /// Text of an attribute of the first item of RequestAttributesSequence (0040,0275).
    pub(crate) fn request(&self, tag: Tag) -> &str {
        let items = self.top.sequences.get(&tags::REQUEST_ATTRIBUTES_SEQUENCE);
        items.and_then(|i| i.first()).map_or("", |item| item.text(tag))
    }

    /// Patient and study attributes for a derived object.
    pub(crate) fn patient_and_study(&self) -> Attributes {
        let mut a = Attributes::new();
        for tag in ALWAYS {
            a.empty(*tag);
        }
        for tag in COPIED {
            if let Some(text) = self.top.texts.get(tag) {
                a.text(*tag, text);
            }
        }
        for tag in COPIED_SEQUENCES {
            if let Some(items) = self.top.sequences.get(tag).filter(|items| !items.is_empty()) {
                a.sequence(*tag, items.iter().map(Node::attributes).collect());
            }
        }
        a
    }
}

impl Node {
    fn text(&self, tag: Tag) -> &str {
        self.texts.get(&tag).map_or("", String::as_str)
    }

    fn attributes(&self) -> Attributes {
        let mut a = Attributes::new();
        for (tag, text) in &self.texts {
            a.text(*tag, text);
        }
        for (tag, items) in &self.sequences {
            a.sequence(*tag, items.iter().map(Self::attributes).collect());
        }
        a
    }

    /// Attribute of a functional group: of the first frame, else shared (PS3.3 C.7.6.16).
    fn functional_group(&self, sequence: Tag, tag: Tag) -> Option<&str> {
        [tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE].iter().find_map(
            |groups| {
                let group = self.sequences.get(groups)?.first()?;
                group.sequences.get(&sequence)?.first()?.texts.get(&tag).map(String::as_str)
            },
        )
    }
}

/// Collects what [`SourceContext`] needs while the bytes are walked.
struct Reader<'f> {
    charset: Vec<String>,
    fallback: Option<&'f str>,
    top: Node,
    numbers: BTreeMap<Tag, u16>,
}

/// Top-level sequences that are kept.
fn is_kept_sequence(tag: Tag) -> bool {
    COPIED_SEQUENCES.contains(&tag)
        || CODES_OF_THE_ORDER.contains(&tag)
        || [
            tags::REQUEST_ATTRIBUTES_SEQUENCE,
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
        ]
        .contains(&tag)
}

/// Of functional groups only the first item of each level is kept: thousands of frames cost nothing.
fn is_wanted(path: &[Level]) -> bool {
    match path.first() {
        None => true,
        Some(first) if !is_kept_sequence(first.tag) => false,
        Some(first) if first.tag.0 == 0x5200 => path.iter().all(|level| level.item == 0),
        Some(_) => path.len() <= 3 && path.iter().all(|level| level.item < 16),
    }
}

impl Reader<'_> {
    /// The node that `path` leads to, made where it is not there yet; `is_wanted` has bounded the indices.
    fn node(&mut self, path: &[Level]) -> Option<&mut Node> {
        let mut node = &mut self.top;
        for level in path {
            let items = node.sequences.entry(level.tag).or_default();
            items.resize_with(items.len().max(level.item + 1), Node::default);
            node = items.get_mut(level.item)?;
        }
        Some(node)
    }
}

impl<'b> Visitor<'b> for Reader<'_> {
    fn element(&mut self, path: &[Level], element: &Element<'b>) {
        if !is_wanted(path) {
            return;
        }
        let vr = vr_of(element.tag);
        if path.is_empty() && [tags::ROWS, tags::COLUMNS].contains(&element.tag) {
            if let Some(number) = element.encoding.u16_at(element.value, 0) {
                self.numbers.insert(element.tag, number);
            }
            return;
        }
        if !is_string(vr) || element.value.len() > 10_240 {
            return;
        }
        let charset: Vec<&str> = self.charset.iter().map(String::as_str).collect();
        let decoded = text::decode(element.value, &charset, self.fallback);
        let value = text::trimmed(&decoded).to_owned();
        if path.is_empty() && element.tag == tags::SPECIFIC_CHARACTER_SET {
            self.charset = value.split('\\').map(str::to_owned).collect();
            return;
        }
        if let Some(node) = self.node(path) {
            node.texts.insert(element.tag, value);
        }
    }

    fn item(&mut self, path: &[Level]) {
        if is_wanted(path) {
            let _made = self.node(path);
        }
    }
}

fn is_string(vr: VR) -> bool {
    use VR::{AE, AS, CS, DA, DS, DT, IS, LO, LT, PN, SH, ST, TM, UC, UI, UR, UT};
    matches!(vr, AE | AS | CS | DA | DS | DT | IS | LO | LT | PN | SH | ST | TM | UC | UI | UR | UT)
}
