//! Jobs: one holder, tries counted at claim, fencing, dead, requeue, waiting.

use crate::support::{ALL, LEASE, claim, claim_analysis, logged, on_both, result, series_uid, state, store};
use archive::{FailOutcome, Finish, JobFilter, JobKind, JobState, Renewal};
use domain::{EventKind, SeriesState};
use std::collections::HashSet;
use std::time::{Duration, Instant};

on_both! {
    /// Goal: every job has one holder. Method: 24 series, 6 workers in 2 processes, claimed to the end.
    async fn every_job_is_claimed_once(stand) {
        let (here, there) = (stand.archive.clone(), stand.another("other").await);
        for n in 1..25 {
            store(&here, n, 1).await;
            assert!(here.complete_series(&series_uid(n), 1, "done").await.unwrap());
        }
        let workers = (0..6).map(|n| {
            let archive = if n % 2 == 0 { here.clone() } else { there.clone() };
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Some(job) = claim(&archive, &format!("w{n}")).await {
                    mine.push(job.series_uid.as_str().to_owned());
                }
                mine
            })
        });
        let mut all = Vec::new();
        for mine in futures::future::join_all(workers).await {
            all.extend(mine.unwrap());
        }
        assert_eq!(all.len(), 24);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 24);
        assert_eq!(state(&here, 7).await, SeriesState::Analyzing);
        there.close().await;
    }

    /// Goal: a lease that ended is taken over, and the old holder can do nothing any more.
    async fn an_expired_lease_is_taken_over_and_fenced(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        assert!(archive.complete_series(&series_uid(1), 1, "done").await.unwrap());
        let first = archive.claim("w1", &ALL, Duration::ZERO).await.unwrap().unwrap();
        let second = claim(&archive, "w2").await.unwrap();
        assert_eq!((second.job_id.as_str(), second.attempt), (first.job_id.as_str(), 2));
        assert!(second.last_error.as_deref().unwrap().contains("w1"));
        assert_eq!(logged(&archive, 1, EventKind::TryFailed).await, 1, "the log tells of the lost try");
        assert_eq!(archive.renew(&first, LEASE).await.unwrap(), Renewal::Lost);
        assert_eq!(archive.finish_analysis(&first, &result("old")).await.unwrap(), Finish::Stale);
        assert_eq!(archive.fail_job(&first, "x", LEASE).await.unwrap(), FailOutcome::Lost);
        assert_eq!(state(&archive, 1).await, SeriesState::Analyzing);
        assert_eq!(archive.renew(&second, LEASE).await.unwrap(), Renewal::Held);
        assert!(matches!(archive.finish_analysis(&second, &result("new")).await.unwrap(), Finish::Stored(_)));
    }

    /// Goal: a job that its worker gives back costs no try, and its old holder can do nothing any more.
    /// Method: more returns than tries (2), then a fenced holder, then the end.
    async fn a_job_given_back_costs_no_try(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        assert!(archive.complete_series(&series_uid(1), 1, "done").await.unwrap());
        for _ in 0..4 {
            let job = claim(&archive, "w").await.unwrap();
            assert_eq!(archive.hand_back(&job, "leaving").await.unwrap(), Renewal::Held);
            assert_eq!(state(&archive, 1).await, SeriesState::Queued);
            assert_eq!(archive.hand_back(&job, "leaving").await.unwrap(), Renewal::Lost);
            assert_eq!(archive.finish_analysis(&job, &result("old")).await.unwrap(), Finish::Stale);
        }
        let job = claim(&archive, "w").await.unwrap();
        assert_eq!(job.last_error.as_deref(), Some("leaving"));
        assert!(matches!(archive.finish_analysis(&job, &result("new")).await.unwrap(), Finish::Stored(_)));
    }

    /// Goal: a scan that kills every worker ends dead, with its cause, though nobody reports a failure.
    async fn a_job_that_kills_its_workers_ends_dead(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        assert!(archive.complete_series(&series_uid(1), 1, "done").await.unwrap());
        for n in 1..=2 {
            assert_eq!(archive.claim("w", &ALL, Duration::ZERO).await.unwrap().unwrap().attempt, n);
        }
        // Expired jobs are looked for once a second and process: another process looks at once.
        let other = stand.settings.clone();
        let other = archive::Archive::open(&other).await.unwrap();
        assert!(claim(&other, "w").await.is_none());
        let series = archive.series(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!(series.state, SeriesState::Failed);
        assert!(series.failure_message.unwrap().contains("worker w was lost"));
        assert_eq!(logged(&archive, 1, EventKind::Failed).await, 1);
        other.close().await;
    }

    /// Goal: failures are tried again after their pause, then dead; a requeue gives new tries.
    async fn failures_are_bounded_and_requeued(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let job = claim_analysis(&archive, 1, "w").await;
        let outcome = archive.fail_job(&job, "out of memory", Duration::from_secs(3600)).await.unwrap();
        assert!(matches!(outcome, FailOutcome::Retry { run_at } if run_at > archive::now()));
        assert_eq!(state(&archive, 1).await, SeriesState::Queued);
        assert!(claim(&archive, "w").await.is_none(), "not before its pause");

        store(&archive, 2, 1).await;
        let job = claim_analysis(&archive, 2, "w").await;
        archive.fail_job(&job, "first", Duration::ZERO).await.unwrap();
        let job = claim(&archive, "w").await.unwrap();
        assert_eq!((job.attempt, job.last_error.as_deref()), (2, Some("first")));
        assert_eq!(archive.fail_job(&job, "second", Duration::ZERO).await.unwrap(), FailOutcome::Dead);
        assert_eq!(state(&archive, 2).await, SeriesState::Failed);
        assert_eq!(logged(&archive, 2, EventKind::TryFailed).await, 1);
        let dead = JobFilter { state: Some(JobState::Dead), ..JobFilter::default() };
        let listed = archive.jobs(&dead).await.unwrap();
        assert_eq!((listed.len(), listed[0].error.as_deref()), (1, Some("second")));

        archive.requeue_job(&job.job_id, "memory was added").await.unwrap();
        assert!(archive.requeue_job(&job.job_id, "twice").await.is_err());
        assert_eq!(state(&archive, 2).await, SeriesState::Queued);
        let job = claim(&archive, "w").await.unwrap();
        assert_eq!(job.attempt, 1);
        assert_eq!(archive.fail_job_for_good(&job, "hopeless").await.unwrap(), FailOutcome::Dead);
        let failure = archive.series(&series_uid(2)).await.unwrap().unwrap().failure_message;
        assert_eq!(failure.as_deref(), Some("hopeless"));
    }

    /// Goal: a supervisor ends the tries of a dead worker at once, and only its.
    async fn a_dead_workers_jobs_are_released(stand) {
        let archive = stand.archive;
        for n in 1..3 {
            store(&archive, n, 1).await;
        }
        let mine = claim_analysis(&archive, 1, "w1").await;
        let other = claim_analysis(&archive, 2, "w2").await;
        let released = archive.release_worker("w1", "killed by signal 11", Duration::ZERO).await.unwrap();
        assert_eq!(released.len(), 1);
        assert!(matches!(released[0].outcome, FailOutcome::Retry { .. }));
        assert_eq!(archive.renew(&mine, LEASE).await.unwrap(), Renewal::Lost);
        assert_eq!(archive.renew(&other, LEASE).await.unwrap(), Renewal::Held);
        let again = claim(&archive, "w1").await.unwrap();
        assert_eq!(again.last_error.as_deref(), Some("killed by signal 11"));
    }

    /// Goal: a waiting worker is woken by work queued here, and by another process.
    async fn waiting_ends_when_work_comes(stand) {
        let (here, there) = (stand.archive.clone(), stand.another("other").await);
        for (n, queueing) in [(1, here.clone()), (2, there.clone())] {
            store(&here, n, 1).await;
            let waiting = {
                let archive = here.clone();
                tokio::spawn(async move {
                    loop {
                        if let Some(job) = claim(&archive, "w").await {
                            return job;
                        }
                        archive.wait_for_work().await;
                    }
                })
            };
            let started = Instant::now();
            assert!(queueing.complete_series(&series_uid(n), 1, "done").await.unwrap());
            assert_eq!(waiting.await.unwrap().series_uid, series_uid(n));
            assert!(started.elapsed() < Duration::from_secs(5));
        }
        there.close().await;
    }

    /// Goal: a worker gets only the kinds it asks for.
    async fn kinds_are_kept_apart(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        assert!(archive.complete_series(&series_uid(1), 1, "done").await.unwrap());
        let deliver = [JobKind::DeliverResult, JobKind::ReportSeries];
        assert!(archive.claim("w", &deliver, LEASE).await.unwrap().is_none());
        assert!(archive.claim("w", &[], LEASE).await.unwrap().is_none());
        let job = archive.claim("w", &[JobKind::AnalyzeSeries], LEASE).await.unwrap().unwrap();
        assert_eq!(job.kind, JobKind::AnalyzeSeries);
        let counts = archive.counts().await.unwrap();
        assert_eq!((counts.jobs.len(), counts.jobs[0].count), (1, 1));
    }
}
