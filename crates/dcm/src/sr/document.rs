//! What every report carries around its content: flags, observer, evidence, predecessor, request.

use super::content::{ContentItem, Relationship};
use crate::attributes::{Attributes, EXPLICIT_VR_LITTLE_ENDIAN};
use crate::codes;
use crate::derived::{
    DerivedObject, Identity, ObjectOptions, PRODUCT, Predecessor, Preliminary, WriteError, common_modules,
};
use crate::source::SourceContext;
use dicom_dictionary_std::tags;

pub(super) const WHAT: &str = "structured report";

/// Whether the report holds all that was to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completion<'a> {
    Complete,
    /// With the reason, LO.
    Partial(&'a str),
}

/// One series of the evidence with its instance items.
pub(super) struct EvidenceSeries {
    pub(super) series_instance_uid: String,
    pub(super) instances: Vec<Attributes>,
}

/// A report before it becomes bytes.
pub(super) struct Document<'a> {
    pub(super) sop_instance_uid: String,
    pub(super) series_instance_uid: String,
    pub(super) pack_version: &'a str,
    pub(super) completion: Completion<'a>,
    pub(super) evidence: Vec<EvidenceSeries>,
    pub(super) tree: ContentItem,
}

impl Document<'_> {
    /// The file.
    pub(super) fn write(
        self,
        source: &SourceContext,
        options: &ObjectOptions,
    ) -> Result<DerivedObject, WriteError> {
        let identity = Identity {
            sop_class_uid: options.sr_class.sop_class_uid(),
            sop_instance_uid: &self.sop_instance_uid,
            series_instance_uid: &self.series_instance_uid,
            modality: "SR",
            series_number: options.sr_series_number,
            series_description: "lungcad report",
            pack_version: self.pack_version,
        };
        let mut a = common_modules(&identity, source, options);
        let (flag, description) = match self.completion {
            Completion::Complete => ("COMPLETE", None),
            Completion::Partial(reason) => ("PARTIAL", Some(reason)),
        };
        a.empty(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE)
            .text(tags::COMPLETION_FLAG, flag)
            .text(tags::VERIFICATION_FLAG, "UNVERIFIED")
            .text(tags::PRELIMINARY_FLAG, preliminary_term(options.preliminary))
            .item(tags::AUTHOR_OBSERVER_SEQUENCE, author(source, options))
            .empty(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE)
            .item(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, codes::scheme_identification())
            .item(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, evidence(source, self.evidence));
        if let Some(description) = description {
            a.text(tags::COMPLETION_FLAG_DESCRIPTION, description);
        }
        if let Some(old) = &options.predecessor {
            a.item(tags::PREDECESSOR_DOCUMENTS_SEQUENCE, predecessor(old));
        }
        if !source.text(tags::ACCESSION_NUMBER).is_empty() {
            a.item(tags::REFERENCED_REQUEST_SEQUENCE, request(source));
        }
        a.extend(self.tree.into_attributes());
        let bytes = a.into_part10(WHAT, EXPLICIT_VR_LITTLE_ENDIAN)?;
        Ok(DerivedObject {
            sop_class_uid: options.sr_class.sop_class_uid().to_owned(),
            sop_instance_uid: self.sop_instance_uid,
            series_instance_uid: self.series_instance_uid,
            bytes,
        })
    }
}

fn preliminary_term(preliminary: Preliminary) -> &'static str {
    match preliminary {
        Preliminary::Preliminary => "PRELIMINARY",
        Preliminary::Final => "FINAL",
    }
}

/// Part of a UID role: everything but the time of writing that changes the content of a report. One UID
/// never names two contents (PS3.5 9.1).
pub(super) fn uid_role(part: &str, options: &ObjectOptions) -> String {
    let old = options.predecessor.as_ref().map_or("", |p| p.sop_instance_uid.as_str());
    let flag = preliminary_term(options.preliminary);
    format!("{part}|{}|{flag}|{old}|{}", options.sr_class.sop_class_uid(), options.software_version)
}

/// Who wrote it: a device.
fn author(source: &SourceContext, options: &ObjectOptions) -> Attributes {
    let mut item = Attributes::new();
    item.text(tags::OBSERVER_TYPE, "DEV")
        .text(tags::STATION_NAME, PRODUCT)
        .text(tags::DEVICE_UID, &options.device_observer_uid())
        .text(tags::MANUFACTURER, PRODUCT)
        .text(tags::MANUFACTURER_MODEL_NAME, PRODUCT)
        .text(tags::INSTITUTION_NAME, source.text(tags::INSTITUTION_NAME))
        .empty(tags::INSTITUTION_CODE_SEQUENCE);
    item
}

fn evidence(source: &SourceContext, series: Vec<EvidenceSeries>) -> Attributes {
    let items = series.into_iter().map(|s| {
        let mut item = Attributes::new();
        item.text(tags::SERIES_INSTANCE_UID, &s.series_instance_uid)
            .sequence(tags::REFERENCED_SOP_SEQUENCE, s.instances);
        item
    });
    let mut study = Attributes::new();
    study
        .text(tags::STUDY_INSTANCE_UID, &source.study_instance_uid)
        .sequence(tags::REFERENCED_SERIES_SEQUENCE, items.collect());
    study
}

fn predecessor(old: &Predecessor) -> Attributes {
    let mut series = Attributes::new();
    series
        .text(tags::SERIES_INSTANCE_UID, &old.series_instance_uid)
        .item(tags::REFERENCED_SOP_SEQUENCE, instance(&old.sop_class_uid, &old.sop_instance_uid));
    let mut study = Attributes::new();
    study
        .text(tags::STUDY_INSTANCE_UID, &old.study_instance_uid)
        .item(tags::REFERENCED_SERIES_SEQUENCE, series);
    study
}

/// Reference to an instance by class and UID.
pub(super) fn instance(sop_class_uid: &str, sop_instance_uid: &str) -> Attributes {
    let mut item = Attributes::new();
    item.text(tags::REFERENCED_SOP_CLASS_UID, sop_class_uid)
        .text(tags::REFERENCED_SOP_INSTANCE_UID, sop_instance_uid);
    item
}

/// The order that the scan was made for.
fn request(source: &SourceContext) -> Attributes {
    let mut item = Attributes::new();
    item.text(tags::STUDY_INSTANCE_UID, &source.study_instance_uid)
        .empty(tags::REFERENCED_STUDY_SEQUENCE)
        .text(tags::ACCESSION_NUMBER, source.text(tags::ACCESSION_NUMBER))
        .empty(tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST)
        .empty(tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST)
        .text(tags::REQUESTED_PROCEDURE_ID, source.request(tags::REQUESTED_PROCEDURE_ID))
        .text(tags::REQUESTED_PROCEDURE_DESCRIPTION, source.request(tags::REQUESTED_PROCEDURE_DESCRIPTION))
        .empty(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE);
    item
}

/// Root of TID 1500 with language, observer and procedure (TID 1204, 1001, 1004).
pub(super) fn report_root(source: &SourceContext, options: &ObjectOptions) -> ContentItem {
    use Relationship::{HasConceptMod, HasObsContext};
    let (value, scheme, meaning) = source.procedure_code().unwrap_or((
        codes::CT_UNSPECIFIED.value,
        codes::CT_UNSPECIFIED.scheme,
        codes::CT_UNSPECIFIED.meaning,
    ));
    ContentItem::root(codes::IMAGING_MEASUREMENT_REPORT, "1500")
        .with(ContentItem::code(HasConceptMod, codes::LANGUAGE, codes::ENGLISH_US))
        .with(ContentItem::code(HasObsContext, codes::OBSERVER_TYPE, codes::DEVICE))
        .with(ContentItem::uid(HasObsContext, codes::DEVICE_OBSERVER_UID, &options.device_observer_uid()))
        .with(ContentItem::text(HasObsContext, codes::DEVICE_OBSERVER_NAME, PRODUCT))
        .with(ContentItem::text(HasObsContext, codes::DEVICE_OBSERVER_MANUFACTURER, PRODUCT))
        .with(ContentItem::text(HasObsContext, codes::DEVICE_OBSERVER_MODEL_NAME, PRODUCT))
        .with(ContentItem::text(
            HasObsContext,
            codes::DEVICE_OBSERVER_SERIAL_NUMBER,
            &options.installation_id,
        ))
        .with(ContentItem::any_code(HasConceptMod, codes::PROCEDURE_REPORTED, value, scheme, meaning))
}
