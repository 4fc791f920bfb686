//! Checked configuration to the settings of the stages.

use crate::cli::CliError;
use crate::config::{
    BrockSize, DestinationSettings, HerderForm, Language, ObjectKind, Provider, Settings, SrClass,
};
use dcm::derived::{ObjectOptions, Preliminary};
use dcm::group::AssemblyRules;
use dcm::header::ReadOptions;
use dcm::limits::Limits;
use dimse::{Implementation, PeerSettings};
use pipeline::analyze::AnalysisSettings;
use pipeline::assess::{self, AssessSettings, SiteSetting};
use pipeline::deliver::Destination;
use pipeline::receive::{OtherObjects, ReceiveSettings};
use pipeline::report::ReportSettings;
use pipeline::{NetworkOptions, completeness::CompletionRules};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Memory for instances in flight beyond the largest single one.
const RECEIVE_MEMORY_SPARE: usize = 192 << 20;

/// How we name ourselves to peers.
pub(super) fn implementation() -> Implementation {
    Implementation {
        class_uid: dcm::part10::IMPLEMENTATION_CLASS_UID.to_owned(),
        version_name: dcm::part10::IMPLEMENTATION_VERSION_NAME.to_owned(),
    }
}

/// Bounds and character set for reading.
pub(super) fn read_options(settings: &Settings) -> ReadOptions {
    let object_size_max = usize::try_from(settings.dicom.object_size_max).unwrap_or(usize::MAX);
    let fallback = settings.dicom.charset_fallback.clone();
    ReadOptions {
        limits: Limits { object_size_max, inflated_size_max: object_size_max, ..Limits::default() },
        charset_fallback: (!fallback.is_empty()).then_some(fallback),
    }
}

/// Intake.
pub(super) fn receive(settings: &Settings) -> ReceiveSettings {
    let read = read_options(settings);
    ReceiveSettings {
        memory_size_max: read.limits.object_size_max.saturating_add(RECEIVE_MEMORY_SPARE),
        read,
        other_objects: if settings.dicom.keep_other_objects {
            OtherObjects::Keep
        } else {
            OtherObjects::Refuse
        },
    }
}

/// Completion.
pub(super) fn completion(settings: &Settings) -> CompletionRules {
    CompletionRules { quiet: settings.completion.quiet, quiet_long: settings.completion.quiet_long }
}

/// Which series are analysed.
pub(super) fn assembly(settings: &Settings) -> AssemblyRules {
    AssemblyRules {
        slices_count_min: settings.assembly.slices_count_min,
        coverage_mm_min: settings.assembly.coverage_mm_min,
        thickness_mm_max: settings.assembly.thickness_mm_max,
        thickness_mm_warn: settings.assembly.thickness_mm_warn,
        tilt_degrees_max: settings.assembly.tilt_degrees_max,
        ..AssemblyRules::default()
    }
}

/// Findings.
pub(super) fn analysis(settings: &Settings) -> AnalysisSettings {
    AnalysisSettings { findings_count_max: settings.analysis.findings_max, ..AnalysisSettings::default() }
}

/// Risks and categories.
pub(super) fn assess(settings: &Settings) -> AssessSettings {
    let clinical = &settings.clinical;
    AssessSettings {
        brock_size: match clinical.brock_size {
            BrockSize::LongestAxial => assess::BrockSize::LongestAxial,
            BrockSize::MeanAxial => assess::BrockSize::MeanAxial,
        },
        herder_form: match clinical.herder_form {
            HerderForm::Logistic => assess::HerderForm::Logistic,
            HerderForm::BtsLikelihoodRatio => assess::HerderForm::BtsLikelihoodRatio,
        },
        indication: SiteSetting {
            context: clinical.context,
            screening_codes: clinical.screening_codes.clone(),
            screening_words: clinical.screening_words.clone(),
            screening_guideline: pipeline::clinical::guideline_id(&clinical.screening_guideline),
            incidental_guideline: pipeline::clinical::guideline_id(&clinical.incidental_guideline),
        },
    }
}

/// Language of pages.
pub(super) fn language(settings: &Settings) -> pipeline::Language {
    match settings.report.language {
        Language::English => pipeline::Language::English,
        Language::Chinese => pipeline::Language::Chinese,
    }
}

/// Objects. `installation` names this installation in Device Observer UID and serial number.
pub(super) fn report(settings: &Settings, installation: &str) -> ReportSettings {
    let now = OffsetDateTime::now_utc();
    let local = time::UtcOffset::local_offset_at(now).map_or(now, |offset| now.to_offset(offset));
    let mut objects = ObjectOptions::new(installation, env!("CARGO_PKG_VERSION"), local);
    objects.preliminary =
        if settings.report.preliminary { Preliminary::Preliminary } else { Preliminary::Final };
    objects.sr_class = match settings.report.sr_class {
        SrClass::Comprehensive3d => dcm::derived::SrClass::Comprehensive3d,
        SrClass::Comprehensive => dcm::derived::SrClass::Comprehensive,
        SrClass::Enhanced => dcm::derived::SrClass::Enhanced,
    };
    ReportSettings {
        objects,
        seg_enabled: settings.report.seg_enabled,
        skipped_report: settings.report.send_skipped_report,
        read: read_options(settings),
    }
}

/// Threads of one worker.
pub(super) fn threads(settings: &Settings) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    settings.models.threads.unwrap_or_else(|| (cores / settings.worker.count.max(1)).max(1))
}

/// A folder named relatively is looked for in the working folder, then where packages and builds put it.
fn models_folder(named: &Path) -> PathBuf {
    if named.is_absolute() || named.exists() {
        return named.to_owned();
    }
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent);
    let places =
        ["", "../share/lungcad", "../..", "../../.."].map(|up| beside.map(|b| b.join(up).join(named)));
    places.into_iter().flatten().find(|p| p.is_dir()).unwrap_or_else(|| named.to_owned())
}

/// Networks.
pub(super) fn networks(settings: &Settings, threads: usize) -> NetworkOptions {
    let models = &settings.models;
    let provider = match models.provider {
        Provider::Auto => "auto",
        Provider::Cpu => "cpu",
        Provider::OpenVino => "openvino",
        Provider::OpenVinoBf16 => "openvino-bf16",
        Provider::Cuda => "cuda",
    };
    let point = settings.analysis.operating_point.as_str();
    NetworkOptions {
        folder: models_folder(&models.folder),
        pack: match &models.pack_version {
            Some(version) => format!("{}/{version}", models.pack),
            None => models.pack.clone(),
        },
        library: models.runtime_library.clone(),
        provider: provider.to_owned(),
        threads,
        operating_point: (point != "default").then(|| point.to_owned()),
        calibration: settings.analysis.calibration_file.clone(),
    }
}

/// Where results go.
pub(super) fn destination(settings: &DestinationSettings) -> Result<Destination, CliError> {
    let role = |kind: &ObjectKind| match kind {
        ObjectKind::Sr => "sr".to_owned(),
        ObjectKind::Seg => "seg".to_owned(),
    };
    Ok(Destination {
        name: settings.name.clone(),
        peer: peer(settings)?,
        roles: settings.objects.iter().map(role).collect(),
        retry_first: settings.retry_first,
        retry_last: settings.retry_max,
    })
}

/// How to call a destination.
pub(super) fn peer(settings: &DestinationSettings) -> Result<PeerSettings, CliError> {
    let mut peer = PeerSettings::new(
        settings.address.clone(),
        settings.calling_ae_title.as_str(),
        settings.ae_title.as_str(),
    )
    .map_err(|e| CliError::usage(format!("destination {}: {e}", settings.name)))?;
    peer.connect_timeout = settings.connect_timeout;
    peer.response_timeout = settings.response_timeout;
    peer.prefer_transfer_syntaxes = vec![settings.transfer_syntax.uid().to_owned()];
    peer.implementation = implementation();
    Ok(peer)
}

/// A name for this installation that survives restarts: kept beside the data, made at first use.
pub(super) fn installation_id(settings: &Settings) -> String {
    let path = settings.storage.root.join("installation-id");
    if let Ok(text) = std::fs::read_to_string(&path)
        && !text.trim().is_empty()
    {
        return text.trim().to_owned();
    }
    let id = uuid::Uuid::new_v4().to_string();
    let written = std::fs::create_dir_all(&settings.storage.root).and_then(|()| std::fs::write(&path, &id));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "keeping the installation id failed; objects name another device after a restart");
    }
    id
}
