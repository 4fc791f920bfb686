//! ONNX Runtime and model packs: finds the runtime library, reads and checks a pack, runs a network.
//!
//! It must not know: what a nodule is, how a scan is tiled, DICOM, clocks, the network. It moves
//! checked tensors through checked files and says what really ran.
//!
//! Entry types: [`Runtime`] (the loaded library), [`ModelPack`] (a checked folder), [`Network`] (one
//! session), [`Registry`] (the packs below a folder), [`selftest`] (known input, known output).
//!
//! ```no_run
//! use inference::{ModelPack, Network, ProviderChoice, Role, Runtime, RuntimeOptions};
//! let runtime = Runtime::load(&RuntimeOptions { library: None, provider: ProviderChoice::Cpu })?;
//! let pack = ModelPack::open("models/baseline-log/1.0.0".as_ref())?;
//! let spec = pack.network(Role::Detector).ok_or("the pack has no detector")?;
//! let mut network = Network::load(&pack, spec, &runtime, 2)?;
//! let tile = ndarray::Array5::<f32>::zeros(spec.inputs[0].shape5());
//! let outputs = network.run(tile.view())?;
//! println!("{} gave {:?} on {}", spec.file, outputs[0].shape(), network.provenance());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod manifest;
mod network;
mod pack;
mod registry;
mod runtime;
pub mod selftest;

pub use manifest::{
    Activation, AnchorOffset, AxisOrder, Calibration, CenterPointDecode, ClassifierDecode, InputSpec, Kind,
    Manifest, NetworkSpec, NumberFormat, OperatingPoint, OperatingPoints, OutputSpec, PatchDecode, Probe,
    RetinanetDecode, Role, SegmentationDecode, SelftestSpec, SliceFit,
};
pub use network::{Network, NetworkError};
pub use pack::{ModelPack, PackError};
pub use registry::{PackEntry, Registry};
pub use runtime::{OpenVinoPrecision, ProviderChoice, Runtime, RuntimeError, RuntimeOptions};
