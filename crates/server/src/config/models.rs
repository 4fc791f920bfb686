//! `[models]`: which networks, on what.

use super::{ConfigError, within};
use serde::Deserialize;
use std::path::PathBuf;

/// `[models]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    folder: String,
    pack: String,
    provider: String,
    threads: i64,
    runtime_library: String,
}

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// OpenVINO where the library has it, else ONNX Runtime's own CPU provider.
    Auto,
    /// ONNX Runtime's own CPU provider.
    Cpu,
    /// OpenVINO, 32-bit arithmetic.
    OpenVino,
    /// OpenVINO, 16-bit arithmetic (bfloat16) where the processor has it.
    OpenVinoBf16,
    /// CUDA.
    Cuda,
}

/// Networks in use.
#[derive(Debug, Clone)]
pub(crate) struct ModelSettings {
    /// Folder of packs.
    pub(crate) folder: PathBuf,
    /// Name of the pack in use.
    pub(crate) pack: String,
    /// Version asked for; `None` = the highest.
    pub(crate) pack_version: Option<String>,
    /// Provider wished for.
    pub(crate) provider: Provider,
    /// Threads of one worker; `None` = cores divided by workers.
    pub(crate) threads: Option<usize>,
    /// Library path; `None` = search.
    pub(crate) runtime_library: Option<PathBuf>,
}

impl ModelSettings {
    pub(super) fn from_raw(raw: Raw) -> Result<Self, ConfigError> {
        let provider = match raw.provider.as_str() {
            "auto" => Provider::Auto,
            "cpu" => Provider::Cpu,
            "openvino" => Provider::OpenVino,
            "openvino-bf16" => Provider::OpenVinoBf16,
            "cuda" => Provider::Cuda,
            other => {
                let cause = format!("{other:?} is not known; use auto, cpu, openvino, openvino-bf16 or cuda");
                return Err(ConfigError::invalid("models.provider", cause));
            }
        };
        let (pack, version) = match raw.pack.split_once('@') {
            Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
            None => (raw.pack, None),
        };
        // Both become folder names below models.folder, so nothing but plain names may pass.
        for part in [Some(&pack), version.as_ref()].into_iter().flatten() {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if part.is_empty() || part.starts_with('.') || !part.chars().all(plain) {
                let cause = format!("{part:?} is not a pack name; write NAME or NAME@VERSION");
                return Err(ConfigError::invalid("models.pack", cause));
            }
        }
        let threads = usize::try_from(within("models.threads", raw.threads, 0, 1_024)?).unwrap_or(0);
        Ok(Self {
            folder: PathBuf::from(raw.folder),
            pack,
            pack_version: version,
            provider,
            threads: (threads > 0).then_some(threads),
            runtime_library: (!raw.runtime_library.is_empty()).then(|| PathBuf::from(raw.runtime_library)),
        })
    }
}
