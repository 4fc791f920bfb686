//! Claims analysis and report jobs, one at a time, and runs the stages on them.
//!
//! Runs in a process of its own ([`crate::supervise`]). A job that takes longer than allowed ends the process:
//! a thread inside a decoder or network cannot be stopped in any other way.

mod report_job;

use crate::analyze::{AnalysisSettings, AnalyzeError, analyze};
use crate::assemble::{Choice, Reconstruction, SeriesInstances, StoredInstance, choose};
use crate::assess::{AssessError, AssessSettings};
use crate::networks::Networks;
use crate::report::{ReportSettings, skipped_objects};
use archive::{
    Archive, ClaimedJob, FailOutcome, Finish, JobKind, NewObject, NewResult, NewSkip, Renewal, ResultRecord,
    ShownWith,
};
use dcm::group::AssemblyRules;
use dcm::header::InstanceHeader;
use dcm::sr::skipped::SkippedSeries;
use domain::{AnalysisResult, SeriesDocument, SeriesInstanceUid, SeriesState, SkipReason};
use report_job::{new_object, written_at};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Threads that decode have stacks of this size: codecs in C and deep data sets need more than the usual 2 MiB.
const STACK_SIZE: usize = 16 << 20;
/// Pause before a failed try is repeated, times the number of the try.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A job in hand may be finished for this long when the worker is asked to leave; less than the time after which
/// its supervisor kills it.
const LEAVE_AFTER: Duration = Duration::from_secs(5);

/// Settings of a worker.
#[derive(Debug, Clone)]
pub struct WorkSettings {
    /// Which series are analysed.
    pub assembly: AssemblyRules,
    /// Findings.
    pub analysis: AnalysisSettings,
    /// Risks and categories.
    pub assess: AssessSettings,
    /// Objects.
    pub report: ReportSettings,
    /// Names of the destinations that results go to.
    pub destinations: Vec<String>,
    /// Lease of a job; renewed at a third of it.
    pub lease: Duration,
    /// A job that takes longer ends the process.
    pub job_time_max: Duration,
    /// Threads of decoding and analysis.
    pub threads_count: usize,
}

/// Why the worker stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerEnd {
    /// Asked to.
    Cancelled,
    /// A job hangs; the process must end so that its thread does.
    Stuck,
}

/// Why a job failed; the text is what an administrator sees.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Archive(#[from] archive::Error),
    #[error(transparent)]
    Analyze(#[from] AnalyzeError),
    #[error(transparent)]
    Assess(#[from] AssessError),
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    #[error("stored facts of instance {0} cannot be read back: {1}")]
    Facts(String, serde_json::Error),
    #[error("stored result cannot be read back: {0}")]
    Result(#[from] serde_json::Error),
    #[error("{0}")]
    Triage(String),
    #[error("no slice of the series can be assembled any more: {0}")]
    Plan(SkipReason),
    #[error("analysis stopped with an internal error; see the log")]
    Panicked,
    #[error("starting threads: {0}")]
    Threads(String),
}

struct Worker {
    archive: Archive,
    networks: Arc<Mutex<Networks>>,
    settings: Arc<WorkSettings>,
    pool: Arc<rayon::ThreadPool>,
}

/// Works until `cancel` or until a job hangs.
///
/// # Errors
/// When the threads cannot be started.
pub async fn work(
    archive: Archive,
    networks: Networks,
    settings: WorkSettings,
    name: String,
    cancel: CancellationToken,
) -> Result<WorkerEnd, String> {
    let pool = thread_pool(settings.threads_count)?;
    let worker =
        Worker { archive, networks: Arc::new(Mutex::new(networks)), settings: Arc::new(settings), pool };
    while !cancel.is_cancelled() {
        match worker
            .archive
            .claim(&name, &[JobKind::AnalyzeSeries, JobKind::ReportSeries], worker.settings.lease)
            .await
        {
            Ok(Some(job)) => {
                if worker.run(&job, &cancel).await == WorkerEnd::Stuck {
                    return Ok(WorkerEnd::Stuck);
                }
            }
            Ok(None) => tokio::select! {
                () = worker.archive.wait_for_work() => {}
                () = cancel.cancelled() => break,
            },
            Err(error) => {
                tracing::error!(%error, "claiming a job failed");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = cancel.cancelled() => break,
                }
            }
        }
    }
    Ok(WorkerEnd::Cancelled)
}

/// Threads for decoding and analysis, with stacks large enough for codecs.
///
/// # Errors
/// What the system said.
pub fn thread_pool(threads_count: usize) -> Result<Arc<rayon::ThreadPool>, String> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads_count)
        .stack_size(STACK_SIZE)
        .thread_name(|n| format!("analyze-{n}"))
        .build()
        .map(Arc::new)
        .map_err(|e| JobError::Threads(e.to_string()).to_string())
}

impl Worker {
    async fn run(&self, job: &ClaimedJob, cancel: &CancellationToken) -> WorkerEnd {
        let done = CancellationToken::new();
        let heart =
            tokio::spawn(heartbeat(self.archive.clone(), job.clone(), self.settings.lease, done.clone()));
        let work = async {
            match job.kind {
                JobKind::AnalyzeSeries => self.analyze_series(job).await,
                JobKind::ReportSeries => self.report_series(job).await,
                JobKind::DeliverResult => Ok(()),
            }
        };
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(self.settings.job_time_max, work) => Some(outcome),
            () = time_to_leave(cancel) => None,
        };
        done.cancel();
        let _ = heart.await;
        let Some(outcome) = outcome else {
            self.hand_back(job).await;
            return WorkerEnd::Cancelled;
        };
        let (text, end) = match outcome {
            Ok(Ok(())) => return WorkerEnd::Cancelled,
            Ok(Err(error)) => (error.to_string(), WorkerEnd::Cancelled),
            Err(_) => {
                let limit = self.settings.job_time_max.as_secs();
                (format!("took longer than worker.job_time_max_s ({limit} s)"), WorkerEnd::Stuck)
            }
        };
        let pause = RETRY_AFTER.saturating_mul(u32::try_from(job.attempt).unwrap_or(1));
        tracing::warn!(series = %job.series_uid, kind = job.kind.as_str(), attempt = job.attempt, error = %text, "job failed");
        match self.archive.fail_job(job, &text, pause).await {
            Ok(FailOutcome::Dead) => {
                tracing::error!(series = %job.series_uid, "no more tries; requeue the series when mended");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "noting a failed job failed; its lease ends by itself"),
        }
        end
    }

    /// Gives the job to whoever asks next. The caller must end the process: a thread may still work on it.
    async fn hand_back(&self, job: &ClaimedJob) {
        tracing::info!(series = %job.series_uid, "leaving; the job in hand is given back");
        if let Err(error) = self.archive.hand_back(job, "its worker was asked to leave").await {
            tracing::warn!(%error, "giving a job back failed; its lease ends by itself");
        }
    }

    async fn instances(&self, series: &SeriesInstanceUid) -> Result<SeriesInstances, JobError> {
        let mut stored = Vec::new();
        for record in self.archive.series_instances(series).await? {
            let header: InstanceHeader = serde_json::from_str(&record.facts_json)
                .map_err(|e| JobError::Facts(record.sop_instance_uid.to_string(), e))?;
            stored.push(StoredInstance { header, blob_key: record.blob_key, sha256: record.data_set_sha256 });
        }
        Ok(SeriesInstances::new(stored, self.settings.report.read.limits.clone()))
    }

    async fn analyze_series(&self, job: &ClaimedJob) -> Result<(), JobError> {
        let instances = self.instances(&job.series_uid).await?;
        let plan = match instances.plan(&self.settings.assembly) {
            Ok(plan) => plan,
            Err(reason) => return self.skip(job, &instances, reason).await,
        };
        let own = Reconstruction::of(job.series_uid.clone(), plan, &instances);
        let choice = self.choice(job, &own).await?;
        if let Some((better, why)) = choice.better {
            let reason = SkipReason::BetterReconstruction { better_series_instance_uid: better, why };
            return self.skip(job, &instances, reason).await;
        }
        tracing::info!(series = %job.series_uid, slices = own.plan.slices.len(), attempt = job.attempt, "analysis started");
        archive::faults::point("before_analysis");
        let (instances, analyzed) = self.blocking_analysis(instances, own).await?;
        let result = match analyzed {
            Ok(result) => result,
            Err(AnalyzeError::Skip(reason)) => return self.skip(job, &instances, reason).await,
            Err(error) => return Err(error.into()),
        };
        // A result is kept apart by the clinical data and the triage calibration that it is shown with, so that no earlier
        // one is written over.
        let clinical = self.site_data(&job.study_uid).await?.version;
        let pack = crate::triage::pack_key(&result.pack);
        let triage = self.archive.triage_version(&pack).await?;
        let new = NewResult {
            input_digest: result.input_digest.clone(),
            config_digest: archive::config_digest_with(&result.config_digest, ShownWith { clinical, triage }),
            pack,
            finding_count: i64::try_from(result.findings.len()).unwrap_or(i64::MAX),
            result_json: serde_json::to_string(&result)?,
            document_json: serde_json::to_string(&SeriesDocument::analyzed(&result, SeriesState::Done))?,
        };
        let finish = self.archive.finish_analysis(job, &new).await?;
        match finish {
            Finish::Stored(_) => {
                tracing::info!(series = %job.series_uid, findings = result.findings.len(), ms = result.timings_ms.total, "analyzed");
                self.withdraw_worse(&choice.worse, &job.series_uid).await?;
            }
            Finish::Stale | Finish::Outdated => {
                tracing::info!(series = %job.series_uid, "series was reopened meanwhile; result thrown away")
            }
        }
        Ok(())
    }

    /// Assembly and analysis on the worker's threads.
    async fn blocking_analysis(
        &self,
        instances: SeriesInstances,
        own: Reconstruction,
    ) -> Result<(SeriesInstances, Result<AnalysisResult, AnalyzeError>), JobError> {
        let (archive, networks) = (self.archive.clone(), Arc::clone(&self.networks));
        let (settings, pool) = (Arc::clone(&self.settings), Arc::clone(&self.pool));
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let load = |key: &str| runtime.block_on(archive.blob(key)).map_err(|e| e.to_string());
            // A panic of an earlier job left the networks as they were: running them changes nothing in them.
            let mut guard = networks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let networks: &mut Networks = &mut guard;
            let analyzed = pool.install(|| {
                let assembled = instances.assemble(&own.plan, &load, &|_, _| {})?;
                analyze(&assembled, networks, &settings.analysis, &|_, _, _| {})
            });
            (instances, analyzed)
        })
        .await
        .map_err(|_| JobError::Panicked)
    }

    /// How the series compares with the others of its study that can be analysed.
    async fn choice(&self, job: &ClaimedJob, own: &Reconstruction) -> Result<Choice, JobError> {
        let mut others = Vec::new();
        for series in self.archive.series_of_study(&job.study_uid).await? {
            let out_of_the_race = match series.state {
                SeriesState::Skipped => series.reason_code.as_deref() != Some("BETTER_RECONSTRUCTION"),
                SeriesState::Failed => true,
                _ => false,
            };
            if series.series_uid == job.series_uid || series.modality != "CT" || out_of_the_race {
                continue;
            }
            let instances = self.instances(&series.series_uid).await?;
            if let Ok(plan) = instances.plan(&self.settings.assembly) {
                others.push(Reconstruction::of(series.series_uid, plan, &instances));
            }
        }
        Ok(choose(own, &others))
    }

    /// Results of worse reconstructions of the same acquisition give way, so that one result is current.
    async fn withdraw_worse(
        &self,
        worse: &[(SeriesInstanceUid, String)],
        own: &SeriesInstanceUid,
    ) -> Result<(), JobError> {
        for (series, why) in worse {
            let Some(record) = self.archive.series(series).await? else { continue };
            // One whose findings are judged again has a result as well.
            if !matches!(record.state, SeriesState::Done | SeriesState::Reporting) {
                continue;
            }
            let reason = SkipReason::BetterReconstruction {
                better_series_instance_uid: own.clone(),
                why: why.clone(),
            };
            let skip = new_skip(&reason)?;
            // A revision that moved on means that it is being received again: it will compete by itself.
            match self.archive.skip_series(series, record.revision, &skip).await {
                Ok(_) => tracing::info!(%series, better = %own, "result gave way to a better reconstruction"),
                Err(archive::Error::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn skip(
        &self,
        job: &ClaimedJob,
        instances: &SeriesInstances,
        reason: SkipReason,
    ) -> Result<(), JobError> {
        let document = SeriesDocument::skipped(job.study_uid.as_str(), job.series_uid.as_str(), &reason);
        let result = NewResult {
            input_digest: instances.input_digest.clone(),
            config_digest: format!("skip {}", reason.code()),
            pack: String::new(),
            finding_count: 0,
            result_json: String::new(),
            document_json: serde_json::to_string(&document)?,
        };
        let objects = self.skip_objects(instances, &reason, &result, &job.series_uid).await?;
        let skip = new_skip(&reason)?;
        tracing::info!(series = %job.series_uid, code = reason.code(), %reason, "series not analysed");
        let destinations: &[String] = if objects.is_empty() { &[] } else { &self.settings.destinations };
        self.archive.finish_skip(job, &skip, &result, &objects, destinations).await?;
        Ok(())
    }

    async fn skip_objects(
        &self,
        instances: &SeriesInstances,
        reason: &SkipReason,
        own: &NewResult,
        series: &SeriesInstanceUid,
    ) -> Result<Vec<NewObject>, JobError> {
        // What is no CT gets no report: it may be one of ours that the PACS sent back, and so for ever.
        let wanted = self.settings.report.skipped_report && !matches!(reason, SkipReason::NotCt { .. });
        let Some(key) = instances.blob_key(0).filter(|_| wanted) else {
            return Ok(Vec::new());
        };
        let bytes = self.archive.blob(key).await?;
        let skipped = SkippedSeries { reason, instances: &[], input_digest: &instances.input_digest };
        let mut settings = self.settings.report.clone();
        settings.objects.written_at = written_at(archive::now(), &self.settings.report);
        let is_own =
            |r: &ResultRecord| r.input_digest == own.input_digest && r.config_digest == own.config_digest;
        settings.objects.predecessor = self.predecessor(series, is_own).await?;
        Ok(skipped_objects(&skipped, &bytes, &settings)?.into_iter().map(new_object).collect())
    }
}

fn new_skip(reason: &SkipReason) -> Result<NewSkip, serde_json::Error> {
    Ok(NewSkip {
        code: reason.code().to_owned(),
        message: reason.to_string(),
        reason_json: serde_json::to_string(reason)?,
    })
}

/// Resolves a while after `cancel`.
async fn time_to_leave(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(LEAVE_AFTER).await;
}

/// Renews the lease until the job is done or lost.
pub(crate) async fn heartbeat(archive: Archive, job: ClaimedJob, lease: Duration, done: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(lease / 3) => {}
            () = done.cancelled() => return,
        }
        match archive.renew(&job, lease).await {
            Ok(Renewal::Held) => {}
            Ok(Renewal::Lost) => {
                tracing::info!(series = %job.series_uid, "job was taken away; its result will be thrown away");
                return;
            }
            Err(error) => tracing::warn!(%error, "renewing a lease failed"),
        }
    }
}
