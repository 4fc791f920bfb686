//! The report job: judge the findings with what is known today, place the exam among the site's own, write the objects,
//! publish.
//!
//! The first report of an analysis and a report after a change of clinical data are the same job: both judge anew.

use super::{JobError, Worker};
use crate::assemble::SeriesInstances;
use crate::assess::{AssessSettings, SiteData, assess, changed, merged};
use crate::report::{ReportObject, ReportSettings, objects};
use crate::triage::{SiteTriage, TriageCalibration, placed};
use archive::{ClaimedJob, Finish, Judged, NewClinical, NewObject, ResultRecord};
use dcm::derived::Predecessor;
use dcm::group::AssemblyRules;
use domain::{AnalysisResult, SeriesDocument, SeriesInstanceUid, SeriesState, StudyInstanceUid};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;

impl Worker {
    /// The site's clinical data in use of a study; what waited for it becomes its first version.
    pub(super) async fn site_data(&self, study: &StudyInstanceUid) -> Result<SiteData, JobError> {
        let mut record = self.archive.clinical(study).await?;
        if record.is_none() && self.take_awaited(study).await? {
            record = self.archive.clinical(study).await?;
        }
        Ok(record.map_or(SiteData { version: 0, json: String::new() }, |record| SiteData {
            version: record.version,
            json: record.data_json,
        }))
    }

    /// Stores what was stated of a study before it came; whether there was something. What was said of its order stands over
    /// what was said of its patient.
    async fn take_awaited(&self, study: &StudyInstanceUid) -> Result<bool, JobError> {
        let waiting = self.archive.awaited_of(study).await?;
        let Some(last) = waiting.last() else { return Ok(false) };
        let mut patch = Value::Object(Map::new());
        for one in &waiting {
            patch = merged(patch, &serde_json::from_str(&one.data_json)?);
        }
        let data = match changed(None, &patch) {
            Ok(data) => data.to_string(),
            Err(cause) => {
                // Values that an earlier release accepted must not hold up a result.
                tracing::warn!(%study, cause, "clinical data that waited for the study is not taken");
                return Ok(false);
            }
        };
        let new = NewClinical {
            patch_json: data.clone(),
            data_json: data,
            origin: last.origin.clone(),
            author: last.author.clone(),
        };
        match self.archive.store_clinical(study, 0, &new).await {
            // Somebody stated something meanwhile: that is newer.
            Ok(_) | Err(archive::Error::Conflict(_)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// What the site had to compare the exam with when `record` was made: a report that is written again says the same.
    async fn site_triage(
        &self,
        record: &ResultRecord,
        study: &StudyInstanceUid,
    ) -> Result<SiteTriage, JobError> {
        let version = archive::shown_with(&record.config_digest).triage;
        if version == 0 {
            let exams = self.archive.exams_before(&record.pack, record.created_at, study).await?;
            return Ok(SiteTriage::NotCalibrated { exams_count: u64::try_from(exams).unwrap_or(0) });
        }
        let stored = self.archive.triage_calibration(version).await?;
        let calibration = TriageCalibration::parse(&stored.calibration_json).map_err(JobError::Triage)?;
        Ok(SiteTriage::Calibrated { version, calibration })
    }

    pub(super) async fn report_series(&self, job: &ClaimedJob) -> Result<(), JobError> {
        let record = self.archive.result(job.result_id.as_deref().unwrap_or_default()).await?;
        let mut result: AnalysisResult = serde_json::from_str(&record.result_json)?;
        result.triage = Some(placed(&result, &self.site_triage(&record, &job.study_uid).await?));
        let triage_score = result.triage.as_ref().and_then(|triage| triage.score).map(i64::from);
        let site = self.site_data(&job.study_uid).await?;
        let clinical_version = site.version;
        let instances = self.instances(&job.series_uid).await?;
        let mut settings = self.settings.report.clone();
        settings.objects.written_at = written_at(record.created_at, &self.settings.report);
        let is_own = |r: &ResultRecord| r.result_id == record.result_id;
        settings.objects.predecessor = self.predecessor(&record.series_uid, is_own).await?;
        let (archive, judging) = (self.archive.clone(), self.settings.assess.clone());
        let rules = self.settings.assembly.clone();
        let (pool, runtime) = (Arc::clone(&self.pool), tokio::runtime::Handle::current());
        let written = tokio::task::spawn_blocking(move || {
            let load = |key: &str| runtime.block_on(archive.blob(key)).map_err(|e| e.to_string());
            pool.install(|| {
                let started = Instant::now();
                let mut result = judged(result, &site, &judging, &settings, &load)?;
                let objects = write_objects(&result, &instances, &rules, &settings, &load)?;
                let report_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                result.timings_ms.report = report_ms;
                result.timings_ms.total = result.timings_ms.total.saturating_add(report_ms);
                Ok::<_, JobError>((objects, SeriesDocument::analyzed(&result, SeriesState::Done)))
            })
        });
        let (written, document) = written.await.map_err(|_| JobError::Panicked)??;
        let objects: Vec<NewObject> = written.into_iter().map(new_object).collect();
        let judged =
            Judged { document_json: serde_json::to_string(&document)?, clinical_version, triage_score };
        let destinations = &self.settings.destinations;
        match self.archive.finish_judged_report(job, &judged, &objects, destinations).await? {
            Finish::Stored(_) => {
                tracing::info!(series = %job.series_uid, objects = objects.len(), "result published")
            }
            Finish::Stale => {
                tracing::info!(series = %job.series_uid, "series was reopened meanwhile; objects thrown away")
            }
            Finish::Outdated => {
                tracing::info!(series = %job.series_uid, "clinical data changed meanwhile; the report is written again")
            }
        }
        Ok(())
    }

    /// The report of the series that was current before its own one, if there was any.
    pub(super) async fn predecessor(
        &self,
        series: &SeriesInstanceUid,
        is_own: impl Fn(&ResultRecord) -> bool,
    ) -> Result<Option<Predecessor>, JobError> {
        let Some(instance) = self.archive.series_instances(series).await?.into_iter().next() else {
            return Ok(None);
        };
        let results = self.archive.results(series).await?;
        let mut earlier: Vec<ResultRecord> =
            results.into_iter().filter(|r| !is_own(r) && r.published_at.is_some()).collect();
        earlier.sort_by_key(|r| r.published_at);
        let Some(last) = earlier.pop() else { return Ok(None) };
        let sr = self.archive.objects(&last.result_id).await?.into_iter().find(|o| o.role == "sr");
        Ok(sr.and_then(|sr| {
            Some(Predecessor {
                study_instance_uid: instance.study_uid.to_string(),
                series_instance_uid: sr.series_uid?,
                sop_class_uid: sr.sop_class_uid?,
                sop_instance_uid: sr.sop_instance_uid?,
            })
        }))
    }
}

/// The result with what rules say to its findings; the header is that of its first slice.
fn judged(
    mut result: AnalysisResult,
    site: &SiteData,
    judging: &AssessSettings,
    settings: &ReportSettings,
    load: crate::assemble::Load<'_>,
) -> Result<AnalysisResult, JobError> {
    let source = first_slice(&result, load)?;
    assess(&mut result, &source, site, judging, &settings.read)?;
    Ok(result)
}

/// Bytes of the instance of the first slice.
fn first_slice(result: &AnalysisResult, load: crate::assemble::Load<'_>) -> Result<bytes::Bytes, JobError> {
    let key = result.slices.first().map(|s| s.blob_key.as_str()).unwrap_or_default();
    load(key).map_err(|cause| {
        let instance = result.series_instance_uid.to_string();
        crate::report::ReportError::Source { instance, cause }.into()
    })
}

fn write_objects(
    result: &AnalysisResult,
    instances: &SeriesInstances,
    rules: &AssemblyRules,
    settings: &ReportSettings,
    load: crate::assemble::Load<'_>,
) -> Result<Vec<ReportObject>, JobError> {
    let plan = instances.plan(rules).map_err(JobError::Plan)?;
    let mut wanted: Vec<usize> = result.findings.iter().map(|f| f.measures.key_slice_index).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let slices = instances.slices_hu(&plan, &wanted, load).map_err(JobError::Plan)?;
    let slice_hu =
        |index: usize| slices.get(&index).cloned().ok_or_else(|| format!("slice {index} is missing"));
    let source = first_slice(result, load)?;
    Ok(objects(result, &source, &slice_hu, settings)?)
}

pub(super) fn new_object(object: ReportObject) -> NewObject {
    let dicom = object.dicom;
    NewObject {
        role: object.role.to_owned(),
        name: object.name,
        sop_class_uid: dicom.as_ref().map(|d| d.sop_class_uid.clone()),
        sop_instance_uid: dicom.as_ref().map(|d| d.sop_instance_uid.clone()),
        series_uid: dicom.map(|d| d.series_instance_uid),
        bytes: object.bytes.into(),
    }
}

/// Time of a stored result in the offset of the site: a repeated report writes the same object.
pub(super) fn written_at(micros: i64, settings: &ReportSettings) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(settings.objects.written_at.offset())
}
