//! The same stages on files: no server, no archive. Files in, findings, objects, pictures and a page out.

use crate::analyze::{AnalysisSettings, AnalyzeError, Step, analyze};
use crate::assemble::{Reconstruction, SeriesInstances, StoredInstance, choose};
use crate::assess::{AssessSettings, SiteData, assess};
use crate::discover::{DiscoverError, Place, discover};
use crate::networks::Networks;
use crate::report::{ReportObject, ReportSettings, objects};
use crate::triage::{SiteTriage, placed};
use dcm::group::AssemblyRules;
use dcm::header::{InstanceHeader, ReadOptions};
use domain::{
    AnalysisResult, FindingsDocument, ReasonDocument, SeriesDocument, SeriesInstanceUid, SeriesState,
    SkipReason, StudyInstanceUid,
};
use rayon::prelude::*;
use render::{Language, OverviewPage, SeriesPictures, overview_html};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to do with the files.
#[derive(Debug, Clone)]
pub struct BatchSettings {
    /// Bounds and character set.
    pub read: ReadOptions,
    /// Which series are analysed.
    pub assembly: AssemblyRules,
    /// Findings.
    pub analysis: AnalysisSettings,
    /// Risks and categories.
    pub assess: AssessSettings,
    /// What the caller states of the patient; it holds for every study of the run.
    pub site: SiteData,
    /// Language of the page.
    pub language: Language,
    /// Objects.
    pub report: ReportSettings,
    /// Version that stands in the document.
    pub lungcad_version: String,
}

/// What is happening, for a display.
#[derive(Debug, Clone)]
pub enum BatchEvent {
    /// Headers are read.
    Reading {
        /// Files read.
        done: usize,
        /// Files found.
        total: usize,
    },
    /// A series is taken up.
    Series {
        /// 1-based.
        number: usize,
        /// Series found.
        total: usize,
        /// Its description, or its UID.
        name: String,
    },
    /// A step of its analysis.
    Step {
        /// Which.
        step: Step,
        /// How much is done.
        done: usize,
        /// Of how much.
        total: usize,
    },
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Input files.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// Nothing to look at.
    #[error("no DICOM images below the given paths ({files_count} files looked at)")]
    NothingFound {
        /// Files looked at.
        files_count: usize,
    },
    /// Output folder.
    #[error("writing {path}: {cause}; choose another folder with --out")]
    Write {
        /// The file.
        path: String,
        /// The system's words.
        cause: String,
    },
}

/// What came out.
#[derive(Debug)]
pub struct BatchOutcome {
    /// As written to `findings.json`.
    pub document: FindingsDocument,
    /// Results of the series that were analysed.
    pub results: Vec<AnalysisResult>,
    /// Files that are not DICOM.
    pub not_dicom_count: usize,
}

/// Takes events; may be called from any thread.
pub type Events<'a> = &'a (dyn Fn(BatchEvent) + Sync);

/// One series of the files.
pub(crate) struct FileSeries {
    pub(crate) study: StudyInstanceUid,
    pub(crate) series: SeriesInstanceUid,
    pub(crate) name: String,
    pub(crate) instances: SeriesInstances,
}

/// Bytes of a file by the key that [`read_all`] gave it.
pub(crate) fn loader(places: &[Place]) -> impl Fn(&str) -> Result<bytes::Bytes, String> + Sync + '_ {
    |key| {
        let place = key.parse::<usize>().ok().and_then(|index| places.get(index));
        place.ok_or_else(|| format!("file {key} is not known"))?.read().map_err(|e| e.to_string())
    }
}

/// Analyses every CT series below `paths` and writes everything to `out`.
///
/// # Errors
/// [`BatchError`] when files cannot be read or written. A series that fails is in the document with its reason.
pub fn run(
    paths: &[PathBuf],
    out: &Path,
    networks: &mut Networks,
    settings: &BatchSettings,
    events: Events<'_>,
) -> Result<BatchOutcome, BatchError> {
    std::fs::create_dir_all(out).map_err(|e| write_error(out, &e))?;
    let places = discover(paths)?;
    let (all, not_dicom_count) = read_all(&places, &settings.read, events)?;
    if all.is_empty() {
        return Err(BatchError::NothingFound { files_count: places.len() });
    }
    let load = loader(&places);
    let plans: Vec<Result<Reconstruction, SkipReason>> = all
        .iter()
        .map(|one| {
            let plan = one.instances.plan(&settings.assembly)?;
            Ok(Reconstruction::of(one.series.clone(), plan, &one.instances))
        })
        .collect();
    let rivals: Vec<Reconstruction> = plans.iter().flatten().cloned().collect();
    let mut run =
        Run { out, networks, settings, events, load: &load, pictures: Vec::new(), results: Vec::new() };
    let mut documents = Vec::new();
    for (index, (one, plan)) in all.iter().zip(plans).enumerate() {
        events(BatchEvent::Series { number: index + 1, total: all.len(), name: one.name.clone() });
        let chosen = plan.and_then(|own| match choose(&own, &rivals).better {
            None => Ok(own),
            Some((better, why)) => {
                Err(SkipReason::BetterReconstruction { better_series_instance_uid: better, why })
            }
        });
        documents.push(match chosen {
            Ok(own) => run.series(index + 1, one, &own)?,
            Err(reason) => SeriesDocument::skipped(one.study.as_str(), one.series.as_str(), &reason),
        });
    }
    let (pictures, results) = (run.pictures, run.results);
    let document = FindingsDocument::new(&settings.lungcad_version, documents);
    write_documents(out, paths, &document, &pictures, settings)?;
    Ok(BatchOutcome { document, results, not_dicom_count })
}

/// What the series of one run share.
struct Run<'a> {
    out: &'a Path,
    networks: &'a mut Networks,
    settings: &'a BatchSettings,
    events: Events<'a>,
    load: crate::assemble::Load<'a>,
    pictures: Vec<SeriesPictures>,
    results: Vec<AnalysisResult>,
}

impl Run<'_> {
    fn series(
        &mut self,
        number: usize,
        one: &FileSeries,
        own: &Reconstruction,
    ) -> Result<SeriesDocument, BatchError> {
        let events = self.events;
        let step = |step: Step, done: usize, total: usize| events(BatchEvent::Step { step, done, total });
        let assembled = match one.instances.assemble(&own.plan, self.load, &|d, t| step(Step::Assemble, d, t))
        {
            Ok(assembled) => assembled,
            Err(reason) => {
                return Ok(SeriesDocument::skipped(one.study.as_str(), one.series.as_str(), &reason));
            }
        };
        let mut result = match analyze(&assembled, self.networks, &self.settings.analysis, &step) {
            Ok(result) => result,
            Err(AnalyzeError::Skip(reason)) => {
                return Ok(SeriesDocument::skipped(one.study.as_str(), one.series.as_str(), &reason));
            }
            Err(error) => return Ok(failed(one, "ANALYSIS_FAILED", &error.to_string())),
        };
        let started = Instant::now();
        let folder = self.out.join(format!("series-{number:02}"));
        std::fs::create_dir_all(&folder).map_err(|e| write_error(&folder, &e))?;
        let slice_hu = |index: usize| {
            if index >= assembled.volume.shape()[0] {
                return Err(format!("slice {index} is outside the volume"));
            }
            Ok(assembled.volume.hu.index_axis(ndarray::Axis(0), index).to_owned())
        };
        result.triage = Some(placed(&result, &SiteTriage::NoArchive));
        let key = result.slices.first().map(|s| s.blob_key.clone()).unwrap_or_default();
        let written = (self.load)(&key).and_then(|source| {
            let settings = self.settings;
            assess(&mut result, &source, &settings.site, &settings.assess, &settings.read)
                .map_err(|error| error.to_string())?;
            objects(&result, &source, &slice_hu, &settings.report).map_err(|error| error.to_string())
        });
        let written = match written {
            Ok(written) => written,
            Err(cause) => return Ok(failed(one, "REPORT_FAILED", &cause)),
        };
        let mut pictures = write_objects(&folder, number, one, &written)?;
        if let Ok(png) = render::overview_picture(&assembled.volume, &result.findings) {
            write(&folder.join("overview.png"), &png)?;
            pictures.overview = Some(format!("series-{number:02}/overview.png"));
        }
        self.pictures.push(pictures);
        let report_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        result.timings_ms.report = report_ms;
        result.timings_ms.total += report_ms;
        let document = SeriesDocument::analyzed(&result, SeriesState::Done);
        self.results.push(result);
        Ok(document)
    }
}

fn failed(one: &FileSeries, code: &str, message: &str) -> SeriesDocument {
    let reason = ReasonDocument { code: code.to_owned(), message: message.to_owned() };
    SeriesDocument::without_result(one.study.as_str(), one.series.as_str(), SeriesState::Failed, Some(reason))
}

/// Headers of all files, by series in the order of their UIDs, and how many are not DICOM.
pub(crate) fn read_all(
    places: &[Place],
    read: &ReadOptions,
    events: Events<'_>,
) -> Result<(Vec<FileSeries>, usize), DiscoverError> {
    let total = places.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let found: Vec<Option<StoredInstance>> = places
        .par_iter()
        .enumerate()
        .map(|(index, place)| {
            let bytes = place.read()?;
            let so_far = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            events(BatchEvent::Reading { done: so_far, total });
            let Ok(header) = dcm::header::read(&bytes, read) else { return Ok(None) };
            let sha256 = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            Ok(Some(StoredInstance { header, blob_key: index.to_string(), sha256 }))
        })
        .collect::<Result<_, DiscoverError>>()?;
    let not_dicom_count = found.iter().filter(|f| f.is_none()).count();
    let mut by_series: BTreeMap<SeriesInstanceUid, Vec<StoredInstance>> = BTreeMap::new();
    for one in found.into_iter().flatten() {
        by_series.entry(one.header.series_instance_uid.clone()).or_default().push(one);
    }
    let series = by_series.into_iter().filter_map(|(series, instances)| {
        let first = instances.first()?.header.clone();
        let name = name_of(&first);
        let study = first.study_instance_uid;
        Some(FileSeries {
            study,
            series,
            name,
            instances: SeriesInstances::new(instances, read.limits.clone()),
        })
    });
    Ok((series.collect(), not_dicom_count))
}

fn name_of(header: &InstanceHeader) -> String {
    let description = header.series_description.clone().filter(|d| !d.is_empty());
    description.unwrap_or_else(|| header.series_instance_uid.to_string())
}

fn write_objects(
    folder: &Path,
    number: usize,
    one: &FileSeries,
    written: &[ReportObject],
) -> Result<SeriesPictures, BatchError> {
    let mut pictures =
        SeriesPictures { series_instance_uid: one.series.to_string(), ..SeriesPictures::default() };
    for object in written {
        write(&folder.join(&object.name), &object.bytes)?;
        let relative = format!("series-{number:02}/{}", object.name);
        match object.role {
            "png" => pictures.nodules.push((pictures.nodules.len() + 1, relative)),
            role => pictures.files.push((role.to_uppercase(), relative)),
        }
    }
    Ok(pictures)
}

fn write_documents(
    out: &Path,
    paths: &[PathBuf],
    document: &FindingsDocument,
    pictures: &[SeriesPictures],
    settings: &BatchSettings,
) -> Result<(), BatchError> {
    let json = serde_json::to_vec_pretty(document)
        .map_err(|e| BatchError::Write { path: "findings.json".to_owned(), cause: e.to_string() })?;
    write(&out.join("findings.json"), &json)?;
    write(&out.join("findings.csv"), render::findings_csv(document).as_bytes())?;
    let source: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    let at = settings.report.objects.written_at;
    let made_at = format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute());
    let source = source.join(", ");
    let page =
        OverviewPage { document, pictures, source: &source, made_at: &made_at, language: settings.language };
    write(&out.join("overview.html"), overview_html(&page).as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BatchError> {
    std::fs::write(path, bytes).map_err(|e| write_error(path, &e))
}

fn write_error(path: &Path, cause: &std::io::Error) -> BatchError {
    BatchError::Write { path: path.display().to_string(), cause: cause.to_string() }
}
