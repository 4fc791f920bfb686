//! The small report of a series that was not analysed, with the reason: never silence.

use super::content::{ContentItem, ImageReference, Relationship};
use super::document::{Completion, Document, EvidenceSeries, instance, report_root, uid_role};
use crate::codes;
use crate::derived::{DerivedObject, ObjectOptions, WriteError};
use crate::source::SourceContext;
use domain::SkipReason;

use Relationship::{Contains, HasAcqContext, HasObsContext};

/// An instance of the series that was not analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceReference {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// SOP Instance UID.
    pub sop_instance_uid: String,
}

/// A series that was not analysed.
#[derive(Debug, Clone, Copy)]
pub struct SkippedSeries<'a> {
    /// Why.
    pub reason: &'a SkipReason,
    /// Its instances; where none are given the one that the context was read from stands for them.
    pub instances: &'a [InstanceReference],
    /// Hash over the instances that went in: with the reason it makes the UIDs.
    pub input_digest: &'a str,
}

/// Writes the report: CompletionFlag `PARTIAL`, the reason's code as its description, and one exam-level
/// group with outcome, code and sentence.
///
/// # Errors
/// [`WriteError::Encode`] when the library refuses.
pub fn write(
    skipped: &SkippedSeries<'_>,
    source: &SourceContext,
    options: &ObjectOptions,
) -> Result<DerivedObject, WriteError> {
    let code = skipped.reason.code();
    let uid = |part: &str| {
        let role = uid_role(part, options);
        domain::derived_uid(&[&role, &source.series_instance_uid, skipped.input_digest, code])
    };
    let own = [InstanceReference {
        sop_class_uid: source.sop_class_uid.clone(),
        sop_instance_uid: source.sop_instance_uid.clone(),
    }];
    let instances = if skipped.instances.is_empty() { &own[..] } else { skipped.instances };
    let entry = instances.first().unwrap_or(&own[0]);
    let group = ContentItem::container(codes::MEASUREMENT_GROUP, Some("1501"))
        .with(ContentItem::text(HasObsContext, codes::TRACKING_IDENTIFIER, "Exam"))
        .with(ContentItem::uid(HasObsContext, codes::TRACKING_UNIQUE_IDENTIFIER, &uid("skipped exam")))
        .with(ContentItem::code(Contains, codes::ANALYSIS_OUTCOME, codes::NOT_ATTEMPTED))
        .with(ContentItem::text(Contains, codes::SKIP_REASON_CODE, code))
        .with(ContentItem::text(Contains, codes::SKIP_REASON, &skipped.reason.to_string()))
        .with(ContentItem::text(Contains, codes::INTENDED_USE, domain::INTENDED_USE));
    let library = ContentItem::container(codes::IMAGE_LIBRARY_GROUP, None)
        .with(ContentItem::code(HasAcqContext, codes::MODALITY, codes::COMPUTED_TOMOGRAPHY))
        .with(ContentItem::image(
            Contains,
            None,
            ImageReference {
                sop_class_uid: &entry.sop_class_uid,
                sop_instance_uid: &entry.sop_instance_uid,
                frame_number: None,
                segment_number: None,
            },
        ));
    let tree = report_root(source, options)
        .with(ContentItem::container(codes::IMAGE_LIBRARY, Some("1600")).with(library))
        .with(ContentItem::container(codes::IMAGING_MEASUREMENTS, None).with(group));
    let document = Document {
        sop_instance_uid: uid("skipped sr"),
        series_instance_uid: uid("skipped sr series"),
        pack_version: "",
        completion: Completion::Partial(code),
        evidence: vec![EvidenceSeries {
            series_instance_uid: source.series_instance_uid.clone(),
            instances: instances.iter().map(|i| instance(&i.sop_class_uid, &i.sop_instance_uid)).collect(),
        }],
        tree,
    };
    document.write(source, options)
}
