//! Several processes of each role over one PostgreSQL and one S3 bucket, with workers that die.

use crate::backends::{S3, TestDatabase, ask_archive, children_of, kill_9};
use crate::durability::{QUICK, gone};
use crate::support::{Orthanc, Server, ServerSpec, SimulatedScan, have, simulate, wait_for};
use archive::{JobFilter, ResultState};
use domain::{EventKind, SeriesInstanceUid, SeriesState};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Goal: roles in processes of their own share work over PostgreSQL and S3, a dead worker's series is taken over,
/// and one result of each arrives. Method: four series, two workers, one of them killed once.
#[test]
fn roles_share_a_database_and_a_bucket() {
    if !have("Orthanc") || !have("psql") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scans = scans(folder.path(), 4);
    let Some(mut site) = Site::start(2) else { return };
    site.send(&scans);
    wait_for("an analysis", Duration::from_secs(120), || {
        (site.states(&scans).get("analyzing").copied().unwrap_or(0) > 0).then_some(())
    });
    site.kill_worker(0, Victim::Whole);
    let seconds = site.finish(&scans, None);
    println!("4 series, 2 workers, 1 killed: {seconds:.1} s; {}", site.judge(&scans));
}

/// Goal: the same with 30 series, three workers and a death every few seconds.
#[test]
#[ignore = "nightly: 30 analyses with interruptions, some minutes"]
fn thirty_series_survive_workers_that_die_at_random() {
    if !have("Orthanc") || !have("psql") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scans = scans(folder.path(), 30);
    let Some(mut site) = Site::start(3) else { return };
    site.send(&scans);
    let seconds = site.finish(&scans, Some(Duration::from_secs(8)));
    println!("30 series, 3 workers, {} killed: {seconds:.1} s; {}", site.deaths_count, site.judge(&scans));
    assert!(site.deaths_count >= 5, "only {} deaths", site.deaths_count);
}

/// Goal: state how throughput grows with workers. Method: eight series through 1, 2 and 3 worker processes of one
/// thread each; the figure is bound by the cores of the machine, which are printed.
#[test]
#[ignore = "nightly: measures"]
fn throughput_of_one_two_and_three_workers() {
    if !have("Orthanc") || !have("psql") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scans = scans(folder.path(), 8);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    for workers_count in 1..=3 {
        let Some(mut site) = Site::start(workers_count) else { return };
        site.send(&scans);
        site.finish(&scans, None);
        let told = site.judge(&scans);
        println!("{workers_count} workers on {cores} cores: {told}");
    }
}

/// Small scans, each a study of its own.
fn scans(folder: &Path, count: usize) -> Vec<SimulatedScan> {
    let make = |n: usize| {
        let seed = (n + 1).to_string();
        let mut arguments = vec!["--nodule", "RUL,14,solid", "--seed", &seed];
        arguments.extend(QUICK);
        simulate(&folder.join(format!("scan-{n}")), &arguments)
    };
    let made: Vec<SimulatedScan> = (0..count).map(make).collect();
    let distinct: BTreeSet<&str> = made.iter().map(|scan| scan.series.as_str()).collect();
    assert_eq!(distinct.len(), count, "seeds make series of their own");
    made
}

/// Which process of a worker dies.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// `lungcad serve --roles work`; it is started again, as a service manager would.
    Whole,
    /// Its child; its supervisor starts another.
    Child,
}

/// Receiver, deliverer, web and workers, each a process of its own with a folder of its own.
struct Site {
    workers: Vec<Option<Server>>,
    specs: Vec<ServerSpec>,
    receiver: Server,
    web: Server,
    _deliverer: Server,
    orthanc: Orthanc,
    s3: S3,
    database: TestDatabase,
    deaths_count: usize,
    /// State of the random choice; printed, so that a bad night can be repeated.
    seed: u64,
    // Last, so that the folders outlive the processes.
    folder: tempfile::TempDir,
}

impl Site {
    fn start(workers_count: usize) -> Option<Self> {
        let s3 = S3::start()?;
        let database = TestDatabase::postgres()?;
        let folder = tempfile::tempdir().unwrap();
        let orthanc = Orthanc::start();
        let spec = |name: &str, roles: &'static str| {
            let own = folder.path().join(name);
            std::fs::create_dir_all(&own).unwrap();
            let mut spec = ServerSpec::new(&own).destination("pacs", orthanc.dicom_port, "ORTHANC", "");
            spec.roles = roles;
            let pairs = [
                ("LUNGCAD_STORAGE__DATABASE", database.address.as_str()),
                ("LUNGCAD_WORKER__LEASE_S", "6"),
                // A series that is unlucky again and again is not the one to blame.
                ("LUNGCAD_WORKER__TRIES_MAX", "30"),
                ("LUNGCAD_MODELS__THREADS", "1"),
            ];
            spec.environment = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
            spec.environment.extend(s3.environment());
            spec
        };
        let receiver = spec("receive", "receive").start();
        let web = spec("web", "web").start();
        let deliverer = spec("deliver", "deliver").start();
        let specs: Vec<ServerSpec> = (0..workers_count).map(|n| spec(&format!("work-{n}"), "work")).collect();
        let workers: Vec<Option<Server>> = specs.iter().map(|spec| Some(spec.start())).collect();
        for worker in workers.iter().flatten() {
            ready(worker);
        }
        let seed = u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos()) | 1;
        Some(Self {
            workers,
            specs,
            receiver,
            web,
            _deliverer: deliverer,
            orthanc,
            s3,
            database,
            deaths_count: 0,
            seed,
            folder,
        })
    }

    fn send(&self, scans: &[SimulatedScan]) {
        for scan in scans {
            self.receiver.send(&scan.folder);
        }
    }

    /// How many of the series are in which state.
    fn states(&self, scans: &[SimulatedScan]) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for scan in scans {
            let record = self.web.get_json(&format!("/api/v1/series/{}", scan.series));
            *states.entry(record["state"].as_str().unwrap_or("unknown").to_owned()).or_default() += 1;
        }
        states
    }

    fn random(&mut self, below: usize) -> usize {
        // xorshift64 (Marsaglia 2003); the quality does not matter here.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed % below as u64).unwrap()
    }

    /// kill -9, and a new start where nobody else starts it.
    fn kill_worker(&mut self, index: usize, victim: Victim) {
        let server = self.workers[index].take().unwrap();
        let children = children_of(server.process.0.id());
        self.deaths_count += 1;
        match (victim, children.first()) {
            (Victim::Child, Some(child)) => {
                kill_9(*child);
                self.workers[index] = Some(server);
            }
            _ => {
                server.kill();
                gone(&children);
                self.workers[index] = Some(self.specs[index].start());
            }
        }
    }

    /// Waits until every series is delivered, killing a worker every `death_every`; seconds it took.
    fn finish(&mut self, scans: &[SimulatedScan], death_every: Option<Duration>) -> f64 {
        let started = Instant::now();
        let limit = Duration::from_secs(120 + 60 * scans.len() as u64);
        let seed = self.seed;
        let mut last_death = Instant::now();
        let mut open: Vec<&SimulatedScan> = scans.iter().collect();
        while !open.is_empty() {
            assert!(started.elapsed() < limit, "seed {seed}: {:?}\n{}", self.states(scans), self.logs());
            if death_every.is_some_and(|every| last_death.elapsed() > every) {
                let index = self.random(self.workers.len());
                let victim = if self.random(2) == 0 { Victim::Whole } else { Victim::Child };
                self.kill_worker(index, victim);
                last_death = Instant::now();
            }
            open.retain(|scan| {
                let record = self.web.get_json(&format!("/api/v1/series/{}", scan.series));
                let deliveries = record["deliveries"].as_array().cloned().unwrap_or_default();
                assert_ne!(record["state"], "failed", "seed {seed}: {record:#}");
                record["state"] != "done"
                    || deliveries.is_empty()
                    || deliveries.iter().any(|d| d["state"] != "delivered")
            });
            std::thread::park_timeout(Duration::from_millis(300));
        }
        started.elapsed().as_secs_f64()
    }

    fn logs(&self) -> String {
        self.workers.iter().flatten().map(Server::log).collect()
    }

    /// The claim: every instance is there, every series has one current result, the PACS has its SR and SEG and
    /// nothing else. In words: tries and times.
    fn judge(&self, scans: &[SimulatedScan]) -> String {
        let files: usize = scans.iter().map(|scan| std::fs::read_dir(&scan.folder).unwrap().count()).sum();
        let series: Vec<SeriesInstanceUid> =
            scans.iter().map(|scan| SeriesInstanceUid::new(&scan.series).unwrap()).collect();
        let (address, folder) = (&self.database.address, self.folder.path());
        let facts = ask_archive(address, folder, self.s3.blobs(), async move |archive| {
            let mut facts = Facts::default();
            for uid in &series {
                facts.add(&archive, uid).await;
            }
            facts
        });
        assert_eq!(facts.instances_count, files, "instances");
        let there = self.orthanc.instances();
        let uids: BTreeSet<String> =
            there.iter().map(|(_, tags)| tags["SOPInstanceUID"].as_str().unwrap().to_owned()).collect();
        assert_eq!(uids.len(), there.len(), "each object once");
        assert_eq!(uids, facts.objects, "the objects of the current results, and no other");
        facts.words(scans.len())
    }
}

/// Waits until the worker of a process says that it is ready.
fn ready(server: &Server) {
    wait_for(&format!("worker\n{}", server.log()), Duration::from_secs(120), || {
        server.log().contains("worker ready").then_some(())
    });
}

/// What the archive holds of all series.
#[derive(Default)]
struct Facts {
    instances_count: usize,
    objects: BTreeSet<String>,
    tries_count: i64,
    /// From complete to claimed, first tries, microseconds.
    wake_ups_us: Vec<i64>,
    first_completed_at: Option<i64>,
    last_published_at: Option<i64>,
}

impl Facts {
    async fn add(&mut self, archive: &archive::Archive, uid: &SeriesInstanceUid) {
        let record = archive.series(uid).await.unwrap().unwrap();
        assert_eq!((record.state, record.revision), (SeriesState::Done, 1), "{uid}");
        for instance in archive.series_instances(uid).await.unwrap() {
            let bytes = archive.blob(&instance.blob_key).await.unwrap();
            assert_eq!(i64::try_from(bytes.len()).unwrap(), instance.size_bytes);
            self.instances_count += 1;
        }
        let results = archive.results(uid).await.unwrap();
        let current: Vec<_> = results.iter().filter(|r| r.state == ResultState::Current).collect();
        assert_eq!(current.len(), 1, "{results:#?}");
        let objects = archive.objects(&current[0].result_id).await.unwrap();
        let dicom: Vec<String> = objects.into_iter().filter_map(|o| o.sop_instance_uid).collect();
        assert_eq!(dicom.len(), 2, "{uid}: one SR and one SEG");
        self.objects.extend(dicom);
        let filter = JobFilter { series_uid: Some(uid.clone()), ..JobFilter::default() };
        self.tries_count += archive.jobs(&filter).await.unwrap().iter().map(|j| j.attempt).sum::<i64>();
        let events = archive.events(uid).await.unwrap();
        let at = |kind: EventKind| events.iter().find(|e| e.kind == kind).map(|e| e.at);
        let (completed, started) = (at(EventKind::Completed), at(EventKind::AnalysisStarted));
        self.wake_ups_us.extend(started.zip(completed).map(|(s, c)| s - c));
        self.first_completed_at = self.first_completed_at.into_iter().chain(completed).min();
        self.last_published_at = self.last_published_at.max(at(EventKind::ResultPublished));
    }

    /// One line of figures. The quickest wake-up is of a worker that was waiting; polling alone takes 125 ms in
    /// the mean.
    #[allow(clippy::cast_precision_loss)] // figures for people
    fn words(&self, series_count: usize) -> String {
        let span = self.last_published_at.unwrap_or(0) - self.first_completed_at.unwrap_or(0);
        let per_hour = series_count as f64 / (span as f64 / 1e6) * 3600.0;
        let wake_up = self.wake_ups_us.iter().min().copied().unwrap_or(-1);
        format!(
            "{series_count} series in {:.1} s from complete to published, {per_hour:.0} series/h, {} tries of {} \
             jobs, quickest claim {:.0} ms after completion",
            span as f64 / 1e6,
            self.tries_count,
            3 * series_count,
            wake_up as f64 / 1e3
        )
    }
}
