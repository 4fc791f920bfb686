//! The nouns of lungcad. Every other crate speaks these types; this one knows nobody.
//!
//! It must not know: files, network, clocks, DICOM encoding, algorithms, SQL, HTTP.
//!
//! | noun | meaning |
//! |---|---|
//! | [`StudyInstanceUid`], [`SeriesInstanceUid`], [`SopInstanceUid`], [`FrameOfReferenceUid`] | checked DICOM UIDs |
//! | [`LpsPoint`], [`VoxelPoint`], [`VoxelIndex`], [`Affine`] | places, in patient millimetres and in array indices |
//! | [`Volume`] | HU array `[z, y, x]` with its affine |
//! | [`Mask`] | a set of voxels of one volume, as runs |
//! | [`SkipReason`] | why a series was not analysed, on purpose |
//! | [`SeriesWarning`] | what a reader should know about a series that was analysed |
//! | [`Candidate`] | what a network proposes |
//! | [`Finding`] | what lungcad reports |
//! | [`AnalysisResult`] | the findings of one series with their provenance |
//! | [`SourceSlice`] | the instance (and frame) behind one slice of a volume |
//! | [`ClinicalAssessment`] | what risk models and guidelines say to the findings, with what went in |
//! | [`ExamTriage`] | in which tenth of the site's own exams an exam lies: orders a list |
//! | [`FindingsDocument`] | `findings.json` version 3, the only serialised form |
//! | [`EvaluationDocument`] | `evaluation.json` version 1: marks, outlines and classes against truth |
//! | [`SeriesState`], [`Stage`] | where a series stands on its way |
//! | [`EventKind`] | what happened to a series, for the log a PACS administrator reads |
//! | [`AeTitle`] | checked application entity title |
//!
//! Conventions: arrays are `[z, y, x]`; patient space is LPS millimetres; a point is a voxel's centre.

mod ae;
mod clinical;
mod document;
mod evaluation;
mod event;
mod finding;
mod geometry;
mod lifecycle;
mod lobe;
mod mask;
mod result;
mod series;
mod triage;
mod uid;
mod volume;

pub use ae::{AeTitle, AeTitleError};
pub use clinical::{
    AnswerBasis, AnswerStatus, AnswerTerm, AssumedInput, ClinicalAssessment, ExamAssessment, ExamContext,
    GuidelineAssessment, GuidelineCategory, InputSource, InputValue, IntervalMonths, NoduleAssessment,
    RiskAssessment, SourcedInput,
};
pub use document::{
    FindingsDocument, INTENDED_USE, LungsDocument, NoduleDocument, PackDocument, ReasonDocument, SCHEMA,
    SeriesDocument,
};
pub use evaluation::{
    AgreementMeans, CalibrationBin, CalibrationDocument, ClassificationDocument, ComparedDocument,
    DetectionDocument, EVALUATION_SCHEMA, Estimate, EvaluationDocument, FalseMarkDocument, FalseMarkUnit,
    MarkCounts, NoduleOutcomeDocument, OperatingPointDocument, OutlineDocument, OutlineGroup, RateDocument,
    ScanReason, SegmentationDocument, Share, SubgroupDocument,
};
pub use event::EventKind;
pub use finding::{
    Attenuation, Candidate, Character, Finding, LungPlace, NoduleMeasures, Rated, Side, TypeProbabilities,
};
pub use geometry::{Affine, AffineError, LpsPoint, VoxelIndex, VoxelPoint};
pub use lifecycle::{SeriesState, Stage};
pub use lobe::{Lobe, LobePlace};
pub use mask::{BoundingBox, Mask, Run};
pub use result::{AnalysisResult, LungVolumes, PackIdentity, SourceSlice, Timings};
pub use series::{SeriesWarning, SkipReason};
pub use triage::{ExamTriage, TRIAGE_SCORE_MAX, TRIAGE_USE, TriageStatus};
pub use uid::{
    FrameOfReferenceUid, SeriesInstanceUid, SopInstanceUid, StudyInstanceUid, UidError, derived_uid,
};
pub use volume::Volume;
