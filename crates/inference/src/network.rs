//! One network, ready to run: shapes checked, threads explicit, same input same output.

use crate::manifest::{CenterPointDecode, InputSpec, Kind, NetworkSpec, OutputSpec};
use crate::pack::{ModelPack, PackError};
use crate::runtime::{OpenVinoPrecision, ProviderChoice, Runtime};
use ndarray::{ArrayD, ArrayView5, ArrayViewD, CowArray, IxDyn};
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider as _, ExecutionProviderDispatch};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

/// Bound on the threads of one session.
const THREADS_MAX: usize = 256;

/// Why a network does not run.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The pack is not sound.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// ONNX Runtime refused the file.
    #[error("loading network {file} of pack {pack}: {cause}")]
    Load {
        /// Pack name and version.
        pack: String,
        /// File name.
        file: String,
        /// What ONNX Runtime said.
        cause: String,
    },
    /// The graph has other tensors than `pack.toml` states.
    #[error("checking network {file} of pack {pack}: {reason}; make pack.toml and the graph agree")]
    Mismatch {
        /// Pack name and version.
        pack: String,
        /// File name.
        file: String,
        /// Tensor and difference.
        reason: String,
    },
    /// A caller's tensor does not fit.
    #[error("running network {file}: {reason}")]
    Input {
        /// File name.
        file: String,
        /// Tensor and difference.
        reason: String,
    },
    /// ONNX Runtime failed at run time.
    #[error("running network {file}: {cause}; if memory ran out, lower the number of workers")]
    Run {
        /// File name.
        file: String,
        /// What ONNX Runtime said.
        cause: String,
    },
    /// The known input gave another output than the pack states.
    #[error(
        "self-test of network {file}: element {flat_index} of output {tensor:?} is {found}, {expected} +- {tolerance} is stated; the file, the runtime or this machine's arithmetic is not the one that the pack was made for"
    )]
    Selftest {
        /// File name.
        file: String,
        /// Output tensor.
        tensor: String,
        /// Row-major index.
        flat_index: usize,
        /// Value found.
        found: f32,
        /// Value stated.
        expected: f64,
        /// Difference allowed.
        tolerance: f64,
    },
}

/// One loaded network. `run` needs `&mut self`: one `Network` per worker thread.
pub struct Network {
    session: Session,
    spec: NetworkSpec,
    provenance: String,
    /// The provider that really runs it.
    ran: ProviderChoice,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("file", &self.spec.file)
            .field("provenance", &self.provenance)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Load the file of `spec` on `threads` threads (1 to 256), hash checked, and compare its tensors with the pack.
    ///
    /// Where the runtime's provider cannot run it, the CPU does; a warning names the cause and
    /// [`Network::provenance`] says what really runs.
    ///
    /// # Errors
    /// [`NetworkError`]: the file changed, ONNX Runtime refuses it, or its tensors are not the stated ones.
    pub fn load(
        pack: &ModelPack,
        spec: &NetworkSpec,
        runtime: &Runtime,
        threads: usize,
    ) -> Result<Self, NetworkError> {
        let bytes = pack.read(spec)?;
        let threads = threads.clamp(1, THREADS_MAX);
        let whole_name = format!("{} {}", pack.name(), pack.version());
        let choice = runtime.provider();
        let asked = match provider(choice, threads) {
            Some(dispatch) => match open(&bytes, runtime, threads, Some(dispatch)) {
                Ok(session) => Some(session),
                Err(cause) => {
                    tracing::warn!(
                        pack = %whole_name, file = %spec.file, asked = choice.as_str(), %cause,
                        "execution provider failed; this network runs on CPU instead"
                    );
                    None
                }
            },
            None => None,
        };
        let (session, ran) = match asked {
            Some(session) => (session, choice),
            None => (
                open(&bytes, runtime, threads, None).map_err(|e| load_error(&whole_name, spec, &e))?,
                ProviderChoice::Cpu,
            ),
        };
        check_tensors(&session, spec).map_err(|reason| NetworkError::Mismatch {
            pack: whole_name,
            file: spec.file.clone(),
            reason,
        })?;
        let written = spec.number_format.as_str();
        let provenance = format!("onnxruntime {} {}, {written}", runtime.version(), ran.as_str());
        Ok(Self { session, spec: spec.clone(), provenance, ran })
    }

    /// How much wider than the pack states the self-test may miss: bfloat16 keeps 8 bits, and what the pack states
    /// is for 32-bit arithmetic.
    pub(crate) fn precision_slack(&self) -> f64 {
        if self.ran == ProviderChoice::OpenVino(OpenVinoPrecision::Bf16) { 10.0 } else { 1.0 }
    }

    /// What the pack says of this network.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// ONNX Runtime version, provider and number format really used, e.g. `onnxruntime 1.32.0 CPU, f32`.
    #[must_use]
    pub fn provenance(&self) -> &str {
        &self.provenance
    }

    /// Run a network of one input; outputs in the order of the pack.
    ///
    /// # Errors
    /// [`NetworkError::Input`] for a shape other than the stated one, [`NetworkError::Run`] when ONNX Runtime fails.
    #[allow(clippy::needless_pass_by_value)] // a view is two words; callers write `array.view()`
    pub fn run(&mut self, input: ArrayView5<'_, f32>) -> Result<Vec<ArrayD<f32>>, NetworkError> {
        self.run_all(&[input.into_dyn()])
    }

    /// Run a network that takes inputs of any size (kind `retinanet3d`; `center-point` with `tile_voxels_max`): each
    /// axis a multiple of its divisor, no more voxels than the window. Outputs keep the stated share of the input's axes.
    ///
    /// # Errors
    /// As [`Network::run`]; [`NetworkError::Input`] for another kind too.
    #[allow(clippy::needless_pass_by_value)] // a view is two words
    pub fn run_any_size(&mut self, input: ArrayView5<'_, f32>) -> Result<Vec<ArrayD<f32>>, NetworkError> {
        let refuse = |reason: String| NetworkError::Input { file: self.spec.file.clone(), reason };
        let sizes = match &self.spec.decode {
            Kind::Retinanet3d(decode) => Some((decode.size_divisor, decode.window.iter().product::<usize>())),
            Kind::CenterPoint(decode) => {
                decode.tile_voxels_max.map(|voxels| ([CenterPointDecode::SIZE_DIVISOR; 3], voxels))
            }
            _ => None,
        };
        let Some((divisor, voxels_max)) = sizes else {
            return Err(refuse(format!("kind {} takes one size only", self.spec.decode.as_str())));
        };
        let (stated, shape) = (self.spec.inputs.first().map(InputSpec::edge), input.shape().to_vec());
        let edge = [shape[2], shape[3], shape[4]];
        let divides = (0..3).all(|a| edge[a] > 0 && edge[a].is_multiple_of(divisor[a]));
        let Some(stated) = stated.filter(|_| shape[..2] == [1, 1] && divides && input.len() <= voxels_max)
        else {
            return Err(refuse(format!(
                "input {shape:?} is no multiple of {divisor:?} of at most {voxels_max} voxels"
            )));
        };
        let scaled = |output: &OutputSpec| {
            let axis = |a: usize| edge[a] * output.shape[a + 2] / stated[a];
            vec![output.shape[0], output.shape[1], axis(0), axis(1), axis(2)]
        };
        let shapes = self.spec.outputs.iter().map(scaled).collect();
        self.run_session(&[input.into_dyn()], shapes)
    }

    /// Run with one array per input of the pack, in its order; outputs in the order of the pack.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_all(&mut self, inputs: &[ArrayViewD<'_, f32>]) -> Result<Vec<ArrayD<f32>>, NetworkError> {
        self.check_inputs(inputs)?;
        let shapes = self.spec.outputs.iter().map(|o| o.shape.clone()).collect();
        self.run_session(inputs, shapes)
    }

    /// Runs inputs that were checked; outputs must have `shapes`.
    fn run_session(
        &mut self,
        inputs: &[ArrayViewD<'_, f32>],
        shapes: Vec<Vec<usize>>,
    ) -> Result<Vec<ArrayD<f32>>, NetworkError> {
        let file = self.spec.file.clone();
        let failed = |cause: String| NetworkError::Run { file: file.clone(), cause };
        let whole: Vec<CowArray<'_, f32, IxDyn>> = inputs.iter().map(|i| i.as_standard_layout()).collect();
        let mut fed: Vec<(String, SessionInputValue<'_>)> = Vec::with_capacity(whole.len());
        for (spec, array) in self.spec.inputs.iter().zip(&whole) {
            let tensor = TensorRef::from_array_view(array.view()).map_err(|e| failed(e.to_string()))?;
            fed.push((spec.tensor.clone(), tensor.into()));
        }
        let found = self.session.run(fed).map_err(|e| failed(e.to_string()))?;
        let mut outputs = Vec::with_capacity(self.spec.outputs.len());
        for (spec, shape) in self.spec.outputs.iter().zip(shapes) {
            let value =
                found.get(&spec.tensor).ok_or_else(|| failed(format!("no output {:?}", spec.tensor)))?;
            let array = value.try_extract_array::<f32>().map_err(|e| failed(e.to_string()))?;
            if array.shape() != shape {
                return Err(failed(format!(
                    "output {:?} has shape {:?}, the pack states {shape:?}",
                    spec.tensor,
                    array.shape()
                )));
            }
            outputs.push(array.to_owned());
        }
        Ok(outputs)
    }

    fn check_inputs(&self, inputs: &[ArrayViewD<'_, f32>]) -> Result<(), NetworkError> {
        let refuse = |reason: String| NetworkError::Input { file: self.spec.file.clone(), reason };
        if inputs.len() != self.spec.inputs.len() {
            return Err(refuse(format!(
                "{} inputs given, the pack states {}",
                inputs.len(),
                self.spec.inputs.len()
            )));
        }
        for (array, spec) in inputs.iter().zip(&self.spec.inputs) {
            if array.shape() != spec.shape {
                return Err(refuse(format!(
                    "input {:?} has shape {:?}, the pack states {:?}",
                    spec.tensor,
                    array.shape(),
                    spec.shape
                )));
            }
        }
        Ok(())
    }
}

/// The provider with its options, set to fail aloud; ONNX Runtime drops a failing one silently otherwise. `None` is the CPU.
fn provider(choice: ProviderChoice, threads: usize) -> Option<ExecutionProviderDispatch> {
    match choice {
        ProviderChoice::Auto | ProviderChoice::Cpu => None,
        ProviderChoice::OpenVino(precision) => {
            // The provider ignores ONNX Runtime's thread count and takes precision only through this text.
            let hint = match precision {
                OpenVinoPrecision::F32 => "f32",
                OpenVinoPrecision::Bf16 => "bf16",
            };
            let options = format!(
                r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{hint}","INFERENCE_NUM_THREADS":"{threads}","NUM_STREAMS":"1"}}}}"#
            );
            let openvino = ep::OpenVINO::default().with_device_type("CPU");
            Some(openvino.with_arbitrary_config("load_config", options).build().error_on_failure())
        }
        ProviderChoice::Cuda { device_index } => {
            Some(ep::CUDA::default().with_device_id(device_index).build().error_on_failure())
        }
    }
}

/// A session whose threads sleep between runs: idle workers must not burn the CPU of a shared server.
fn open(
    bytes: &[u8],
    runtime: &Runtime,
    threads: usize,
    dispatch: Option<ExecutionProviderDispatch>,
) -> Result<Session, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut builder = Session::builder(runtime.environment())
        .map_err(|e| text(&e))?
        .with_optimization_level(GraphOptimizationLevel::Level3)
        .map_err(|e| text(&e))?
        .with_intra_threads(threads)
        .map_err(|e| text(&e))?
        .with_intra_op_spinning(false)
        .map_err(|e| text(&e))?
        .with_deterministic_compute(true)
        .map_err(|e| text(&e))?;
    if let Some(dispatch) = dispatch {
        builder = builder.with_execution_providers([dispatch]).map_err(|e| text(&e))?;
    }
    builder.commit_from_memory(bytes).map_err(|e| text(&e))
}

fn load_error(pack: &str, spec: &NetworkSpec, cause: &str) -> NetworkError {
    NetworkError::Load { pack: pack.to_owned(), file: spec.file.clone(), cause: cause.to_owned() }
}

/// The graph's tensors against the stated ones. A graph axis of unknown size fits any stated size.
fn check_tensors(session: &Session, spec: &NetworkSpec) -> Result<(), String> {
    let inputs: Vec<(&str, &[usize])> = spec.inputs.iter().map(InputSpec::named_shape).collect();
    let outputs: Vec<(&str, &[usize])> = spec.outputs.iter().map(OutputSpec::named_shape).collect();
    check_side("input", session.inputs(), &inputs)?;
    if session.inputs().len() != inputs.len() {
        return Err(format!(
            "the graph has {} inputs, pack.toml states {}",
            session.inputs().len(),
            inputs.len()
        ));
    }
    check_side("output", session.outputs(), &outputs)?;
    let opset = session.opset_for_domain("");
    match opset {
        Some(found) if found != spec.opset => {
            Err(format!("the graph has opset {found}, pack.toml states {}", spec.opset))
        }
        _ => Ok(()),
    }
}

fn check_side(side: &str, graph: &[Outlet], stated: &[(&str, &[usize])]) -> Result<(), String> {
    for (name, shape) in stated {
        let Some(outlet) = graph.iter().find(|o| o.name() == *name) else {
            let names: Vec<&str> = graph.iter().map(Outlet::name).collect();
            return Err(format!("the graph has no {side} {name:?}, only {names:?}"));
        };
        let ValueType::Tensor { ty: TensorElementType::Float32, shape: found, .. } = outlet.dtype() else {
            return Err(format!("{side} {name:?} is no tensor of f32 but {}", outlet.dtype()));
        };
        let fits = found.len() == shape.len()
            && found.iter().zip(*shape).all(|(f, s)| *f < 0 || usize::try_from(*f).is_ok_and(|f| f == *s));
        if !fits {
            let found: Vec<i64> = found.iter().copied().collect();
            return Err(format!("{side} {name:?} has shape {found:?} in the graph, {shape:?} in pack.toml"));
        }
    }
    Ok(())
}

impl InputSpec {
    fn named_shape(&self) -> (&str, &[usize]) {
        (&self.tensor, &self.shape)
    }
}

impl OutputSpec {
    fn named_shape(&self) -> (&str, &[usize]) {
        (&self.tensor, &self.shape)
    }
}
