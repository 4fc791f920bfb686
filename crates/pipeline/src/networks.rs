//! The networks of one pack, loaded and ready: what `server` hands to the worker without knowing what it is.

use crate::calibration::{CalibrationError, CalibrationFile};
use inference::{
    Kind, ModelPack, Network, NetworkError, OperatingPoint, ProviderChoice, Registry, Role, Runtime,
    RuntimeOptions,
};
use std::path::{Path, PathBuf};

/// Which pack, on what.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkOptions {
    /// Folder that holds `<name>/<version>/pack.toml`.
    pub folder: PathBuf,
    /// Pack name, or `name/version`; the newest version when none is given.
    pub pack: String,
    /// ONNX Runtime library or its folder; `None` searches the usual places.
    pub library: Option<PathBuf>,
    /// What runs the networks: `auto`, `cpu`, `openvino`, `openvino-bf16`, `cuda` or `cuda:<number>`.
    pub provider: String,
    /// Threads of the networks; findings do not depend on it.
    pub threads: usize,
    /// `quiet`, `balanced` or `sensitive`; `None` is the pack's default.
    pub operating_point: Option<String>,
    /// The site's own threshold (`lungcad calibrate`); goes before the pack's.
    pub calibration: Option<PathBuf>,
}

/// Why networks cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NetworksError {
    /// The pack folder or a pack in it.
    #[error(transparent)]
    Pack(#[from] inference::PackError),
    /// ONNX Runtime.
    #[error(transparent)]
    Runtime(#[from] inference::RuntimeError),
    /// A network of the pack.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The site's own threshold.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// A word of the configuration that is not known.
    #[error("{0}")]
    Word(String),
    /// A role that analysis needs is absent, or of a kind that it cannot use.
    #[error("model pack {pack}: {reason}")]
    Unfit {
        /// Name and version.
        pack: String,
        /// What is missing.
        reason: String,
    },
}

impl NetworkOptions {
    fn runtime(&self) -> Result<Runtime, NetworksError> {
        let provider: ProviderChoice = self.provider.parse().map_err(NetworksError::Word)?;
        Ok(Runtime::load(&RuntimeOptions { library: self.library.clone(), provider })?)
    }
}

/// A pack on disk, for lists.
#[derive(Debug, Clone)]
pub struct PackSummary {
    /// Name, or the folder's when the pack cannot be read.
    pub name: String,
    /// Version.
    pub version: String,
    /// Licence.
    pub licence: String,
    /// What it is for.
    pub intended_input: String,
    /// Folder.
    pub folder: PathBuf,
    /// Why it cannot be used, with the way out.
    pub problem: Option<String>,
}

/// Every pack below `folder`, sound or not.
///
/// # Errors
/// When the folder cannot be read.
pub fn list_packs(folder: &Path) -> Result<Vec<PackSummary>, NetworksError> {
    let registry = Registry::scan(folder)?;
    let summaries = registry.list().iter().map(|entry| {
        let manifest = entry.pack.as_ref().ok().map(ModelPack::manifest);
        PackSummary {
            name: entry.name.clone(),
            version: entry.version.clone(),
            licence: manifest.map(|m| m.licence.clone()).unwrap_or_default(),
            intended_input: manifest.map(|m| m.intended_input.clone()).unwrap_or_default(),
            folder: entry.folder.clone(),
            problem: entry.pack.as_ref().err().map(ToString::to_string),
        }
    });
    Ok(summaries.collect())
}

/// Hashes, tensors and self-test of every network of the pack in `folder`; what each ran on.
///
/// # Errors
/// The first thing that is wrong, with the way out.
pub fn verify_pack(folder: &Path, options: &NetworkOptions) -> Result<Vec<String>, NetworksError> {
    let runtime = options.runtime()?;
    Ok(ModelPack::verify(folder, &runtime, options.threads)?.1)
}

/// A pack's networks. One per worker: running needs `&mut`.
#[derive(Debug)]
pub struct Networks {
    pub(crate) pack: ModelPack,
    pub(crate) detectors: Detectors,
    pub(crate) reducer: Option<Network>,
    /// Without one a finding is a ball of the detector's diameter.
    pub(crate) segmenter: Option<Network>,
    /// Without one a nodule's class goes by HU, and its margin is not stated.
    pub(crate) characterizer: Option<Network>,
    /// Without one the lungs are found without a network.
    pub(crate) lungs: Option<Network>,
    pub(crate) threshold: f64,
}

/// Detectors of one shape that take turns at a scan: one at least.
#[derive(Debug)]
pub(crate) struct Detectors {
    pub(crate) first: Network,
    others: Vec<Network>,
}

impl Detectors {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Whose turn look number `look` is.
    pub(crate) fn at_turn(&mut self, look: usize) -> &mut Network {
        match (look % self.count()).checked_sub(1) {
            None => &mut self.first,
            Some(index) => &mut self.others[index],
        }
    }
}

impl Networks {
    /// Loads the pack and checks that analysis can use it.
    ///
    /// # Errors
    /// [`NetworksError`], with the way out.
    pub fn load(options: &NetworkOptions) -> Result<Self, NetworksError> {
        let pack = Registry::scan(&options.folder)?.take(&options.pack)?;
        let runtime = options.runtime()?;
        let name = format!("{} {}", pack.name(), pack.version());
        let unfit = |reason: &str| NetworksError::Unfit { pack: name.clone(), reason: reason.to_owned() };
        let load_one = |spec| Network::load(&pack, spec, &runtime, options.threads);
        let load = |role: Role| pack.network(role).map(load_one).transpose();
        let mut specs = pack.networks(Role::Detector);
        let first = load_one(specs.next().ok_or_else(|| unfit("has no detector"))?)?;
        let detectors = Detectors { first, others: specs.map(load_one).collect::<Result<_, _>>()? };
        let segmenter = load(Role::Segmenter)?;
        let reducer = load(Role::Reducer)?;
        let characterizer = load(Role::Characterizer)?;
        let lungs = load(Role::Lungs)?;
        if !matches!(detectors.first.spec().decode, Kind::CenterPoint(_) | Kind::Retinanet3d(_)) {
            return Err(unfit("its detector is of no kind that finds nodules"));
        }
        if segmenter.as_ref().is_some_and(|s| !matches!(s.spec().decode, Kind::ProbabilityPatch(_))) {
            return Err(unfit("its segmenter is not of kind probability-patch"));
        }
        if reducer.as_ref().is_some_and(|r| !matches!(r.spec().decode, Kind::Classifier(_))) {
            return Err(unfit("its reducer is not of kind classifier"));
        }
        if characterizer.as_ref().is_some_and(|c| !matches!(c.spec().decode, Kind::Classifier(_))) {
            return Err(unfit("its characterizer is not of kind classifier"));
        }
        if lungs.as_ref().is_some_and(|l| !matches!(l.spec().decode, Kind::Segmentation(_))) {
            return Err(unfit("its network for the lungs is not of kind segmentation"));
        }
        let points = &pack.manifest().operating_points;
        let threshold = match options.operating_point.as_deref() {
            None => points.default_threshold(),
            Some("quiet") => points.threshold(OperatingPoint::Quiet),
            Some("balanced") => points.threshold(OperatingPoint::Balanced),
            Some("sensitive") => points.threshold(OperatingPoint::Sensitive),
            Some(word) => {
                return Err(NetworksError::Word(format!(
                    "operating point {word:?} is unknown; use quiet, balanced or sensitive"
                )));
            }
        };
        let mut networks = Self { detectors, reducer, segmenter, characterizer, lungs, threshold, pack };
        if let Some(path) = &options.calibration {
            networks.threshold = networks.calibrated(path)?;
        }
        Ok(networks)
    }

    /// The site's own threshold for this pack.
    ///
    /// # Errors
    /// [`CalibrationError`] when the file cannot be read, was edited, or is another pack's.
    pub fn calibrated(&self, path: &Path) -> Result<f64, CalibrationError> {
        let content = |cause| CalibrationError::Content { path: path.display().to_string(), cause };
        CalibrationFile::read(path)?.threshold_for(&self.identity()).map_err(content)
    }

    /// Names and thresholds of the pack's operating points, the quietest first.
    #[must_use]
    pub fn operating_points(&self) -> Vec<(String, f64)> {
        let points = &self.pack.manifest().operating_points;
        [
            ("quiet", OperatingPoint::Quiet),
            ("balanced", OperatingPoint::Balanced),
            ("sensitive", OperatingPoint::Sensitive),
        ]
        .map(|(name, point)| (name.to_owned(), points.threshold(point)))
        .to_vec()
    }

    /// Pack, threshold and what really runs, for provenance.
    #[must_use]
    pub fn identity(&self) -> domain::PackIdentity {
        self.pack.identity(self.threshold, self.detectors.first.provenance())
    }
}
