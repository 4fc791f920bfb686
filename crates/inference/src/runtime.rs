//! Find and load ONNX Runtime: once per process, telemetry off, with the provider that the site chose.

use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

/// File name of the library inside a folder.
const LIBRARY: &str = "libonnxruntime.so";
/// Variable that names the library, the one that `ort` documents.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Precision of the OpenVINO provider's arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenVinoPrecision {
    /// 32-bit floats.
    F32,
    /// bfloat16; OpenVINO computes in f32 without a word where the CPU has no bfloat16.
    Bf16,
}

/// What runs the networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderChoice {
    /// OpenVINO in 32-bit arithmetic if the library was built with it, else ONNX Runtime's own CPU kernels.
    Auto,
    /// ONNX Runtime's own CPU kernels.
    Cpu,
    /// OpenVINO on the CPU, if the library was built with it.
    OpenVino(OpenVinoPrecision),
    /// NVIDIA GPU number `device_index`, if the library was built with it.
    Cuda {
        /// 0-based GPU.
        device_index: i32,
    },
}

impl ProviderChoice {
    /// Word of config and provenance.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "CPU",
            Self::OpenVino(OpenVinoPrecision::F32) => "OpenVINO",
            Self::OpenVino(OpenVinoPrecision::Bf16) => "OpenVINO in bfloat16",
            Self::Cuda { .. } => "CUDA",
        }
    }
}

impl FromStr for ProviderChoice {
    type Err = String;

    /// `auto`, `cpu`, `openvino`, `openvino-bf16`, `cuda` or `cuda:1`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "openvino" => Ok(Self::OpenVino(OpenVinoPrecision::F32)),
            "openvino-bf16" => Ok(Self::OpenVino(OpenVinoPrecision::Bf16)),
            "cuda" => Ok(Self::Cuda { device_index: 0 }),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|n| n.parse().ok())
                .filter(|n| (0..64).contains(n))
                .map(|device_index| Self::Cuda { device_index })
                .ok_or_else(|| {
                    format!("provider {text:?} is unknown; use auto, cpu, openvino, openvino-bf16, cuda or cuda:<number>")
                }),
        }
    }
}

/// Where to look and what to run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeOptions {
    /// The library, or the folder that holds `libonnxruntime.so`; `None` searches the usual places.
    pub library: Option<PathBuf>,
    /// What runs the networks; where it fails, the CPU does, with a line in the log.
    pub provider: ProviderChoice,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No library in any place.
    #[error(
        "finding ONNX Runtime: no {LIBRARY} at {}; run scripts/setup-onnxruntime, or set {VARIABLE} or the config's library path to it",
        looked.join(", ")
    )]
    NotFound {
        /// The places, in the order of the search.
        looked: Vec<String>,
    },
    /// The file is no ONNX Runtime of a version that we can use.
    #[error(
        "loading ONNX Runtime from {path}: {cause}; need version 1.24 or newer for this machine, as scripts/setup-onnxruntime installs it"
    )]
    Load {
        /// The file.
        path: String,
        /// What the loader said.
        cause: String,
    },
    /// Another library is loaded already; a process has one for its life.
    #[error(
        "loading ONNX Runtime from {asked}: this process already runs {loaded}; restart it to change the library"
    )]
    OtherLibrary {
        /// The file asked for.
        asked: String,
        /// The file in use.
        loaded: String,
    },
}

/// The loaded library. Cheap to clone; the library and its one environment live as long as the process.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
    version: String,
    provider: ProviderChoice,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("library", &self.library)
            .field("version", &self.version)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// ONNX Runtime allows one environment per process, made once.
static LOADED: Mutex<Option<(Environment, PathBuf)>> = Mutex::new(None);

impl Runtime {
    /// Find and load the library, or take the one already loaded.
    ///
    /// # Errors
    /// [`RuntimeError`]: no library, none of use, or another one in use.
    pub fn load(options: &RuntimeOptions) -> Result<Self, RuntimeError> {
        let library = find(options.library.as_deref(), &Surroundings::of_process())?;
        let mut loaded = LOADED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let environment = match loaded.as_ref() {
            Some((environment, path)) if *path == library => environment.clone(),
            Some((_, path)) => {
                return Err(RuntimeError::OtherLibrary {
                    asked: library.display().to_string(),
                    loaded: path.display().to_string(),
                });
            }
            None => {
                let environment = start(&library)?;
                *loaded = Some((environment.clone(), library.clone()));
                environment
            }
        };
        let version = version_of(&library);
        let provider = match options.provider {
            ProviderChoice::Auto if ep::OpenVINO::is_available().unwrap_or(false) => {
                ProviderChoice::OpenVino(OpenVinoPrecision::F32)
            }
            ProviderChoice::Auto => ProviderChoice::Cpu,
            chosen => chosen,
        };
        tracing::info!(library = %library.display(), %version, provider = provider.as_str(), "ONNX Runtime loaded");
        Ok(Self { environment, library, version, provider })
    }

    /// The file loaded, links resolved.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Version, e.g. `1.32.0`, or `unknown` where neither file name nor build text says it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Provider asked for, `auto` resolved; [`crate::Network::provenance`] says which one runs.
    #[must_use]
    pub fn provider(&self) -> ProviderChoice {
        self.provider
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

fn start(library: &Path) -> Result<Environment, RuntimeError> {
    let failed = |cause: String| RuntimeError::Load { path: library.display().to_string(), cause };
    let environment = ort::init_from(library)
        .map_err(|e| failed(e.to_string()))?
        .with_name("lungcad")
        .with_telemetry(false)
        .build()
        .map_err(|e| failed(e.to_string()))?;
    environment.set_log_level(ort::logging::LogLevel::Warning);
    Ok(environment)
}

/// From the resolved file name `libonnxruntime.so.1.32.0`, else from the branch in the build text.
fn version_of(library: &Path) -> String {
    let name = library.file_name().unwrap_or_default().to_string_lossy();
    let from_name = name.strip_prefix("libonnxruntime.so.").map(str::to_owned);
    let from_build = || ort::info().split("rel-").nth(1)?.split([',', ' ']).next().map(str::to_owned);
    from_name.or_else(from_build).unwrap_or_else(|| "unknown".to_owned())
}

/// What of the process decides where to look; a value, so that tests need not change the process.
struct Surroundings {
    variable: Option<PathBuf>,
    executable: Option<PathBuf>,
    working_folder: Option<PathBuf>,
    system_folder: PathBuf,
}

impl Surroundings {
    fn of_process() -> Self {
        Self {
            variable: std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from),
            executable: std::env::current_exe().ok(),
            working_folder: std::env::current_dir().ok(),
            system_folder: PathBuf::from("/usr/lib/lungcad"),
        }
    }

    /// Folders to search when nobody named the library.
    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        let tools = |base: &Path| base.join(".tools/onnxruntime/lib");
        if let Some(beside) = self.executable.as_deref().and_then(Path::parent) {
            folders.push(beside.join("lib"));
        }
        folders.extend(self.working_folder.as_deref().map(tools));
        // target/debug/lungcad and target/debug/deps/<test>: the checkout that they were built in
        let above = self.executable.iter().flat_map(|e| e.ancestors().skip(2).take(4));
        let mut checkout = above.filter(|a| a.join("target").is_dir()).map(tools);
        folders.extend(checkout.next().filter(|f| !folders.contains(f)));
        folders.push(self.system_folder.clone());
        folders
    }
}

/// The library, links resolved. A place that somebody named is the only one looked at.
fn find(configured: Option<&Path>, around: &Surroundings) -> Result<PathBuf, RuntimeError> {
    let named = [(configured, "config"), (around.variable.as_deref(), VARIABLE)];
    if let Some((path, source)) = named.into_iter().find_map(|(p, s)| Some((p?, s))) {
        let file = if path.is_dir() { path.join(LIBRARY) } else { path.to_path_buf() };
        return resolve(&file).ok_or_else(|| RuntimeError::NotFound {
            looked: vec![format!("{} (from {source})", file.display())],
        });
    }
    let folders = around.folders();
    folders.iter().find_map(|f| resolve(&f.join(LIBRARY))).ok_or_else(|| RuntimeError::NotFound {
        looked: folders.iter().map(|f| f.display().to_string()).collect(),
    })
}

fn resolve(file: &Path) -> Option<PathBuf> {
    file.canonicalize().ok().filter(|f| f.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(folder: &Path) -> Surroundings {
        Surroundings {
            variable: None,
            executable: Some(folder.join("bin/lungcad")),
            working_folder: Some(folder.join("work")),
            system_folder: folder.join("system"),
        }
    }

    fn place(folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let file = folder.join("libonnxruntime.so.1.30.0");
        std::fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, folder.join(LIBRARY)).unwrap();
        file.canonicalize().unwrap()
    }

    /// Goal: the order is config, variable, next to the binary, working folder, system. Method: fill the places from the last to the first.
    #[test]
    fn places_are_searched_in_order() {
        let temp = tempfile::tempdir().unwrap();
        let mut around = around(temp.path());
        for folder in ["system", "work/.tools/onnxruntime/lib", "bin/lib"] {
            let file = place(&temp.path().join(folder));
            assert_eq!(find(None, &around).unwrap(), file, "{folder}");
        }
        let file = place(&temp.path().join("variable"));
        around.variable = Some(temp.path().join("variable"));
        assert_eq!(find(None, &around).unwrap(), file);
        let configured = place(&temp.path().join("configured"));
        assert_eq!(find(Some(&configured), &around).unwrap(), configured);
    }

    /// Goal: the error names every place and the way out. Method: empty folders.
    #[test]
    fn a_missing_library_says_where_it_was_looked_for() {
        let temp = tempfile::tempdir().unwrap();
        let text = find(None, &around(temp.path())).unwrap_err().to_string();
        for part in
            ["bin/lib", "work/.tools/onnxruntime/lib", "system", "scripts/setup-onnxruntime", VARIABLE]
        {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        // a named place that is wrong is not replaced by another without a word
        place(&temp.path().join("system"));
        let wrong = temp.path().join("nowhere.so");
        let text = find(Some(&wrong), &around(temp.path())).unwrap_err().to_string();
        assert!(text.contains("nowhere.so (from config)"), "{text}");
    }

    /// Goal: config words become choices, others are refused with the list. Method: each word.
    #[test]
    fn provider_words() {
        assert_eq!("auto".parse(), Ok(ProviderChoice::Auto));
        assert_eq!("cpu".parse(), Ok(ProviderChoice::Cpu));
        assert_eq!("openvino-bf16".parse(), Ok(ProviderChoice::OpenVino(OpenVinoPrecision::Bf16)));
        assert_eq!("cuda:1".parse(), Ok(ProviderChoice::Cuda { device_index: 1 }));
        let text = "gpu".parse::<ProviderChoice>().unwrap_err();
        assert!(text.contains("cpu, openvino"), "{text}");
    }
}
