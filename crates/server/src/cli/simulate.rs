//! `lungcad simulate`: a chest CT whose nodules are known.

use super::send::progress_bar;
use super::{CliError, say, table};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command};
use phantom::{
    Dose, Faults, Kernel, NoduleSpec, ObjectKind, PatientPosition, PixelStorage, SeriesSpec, SliceOrder,
};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// Folder for dicom/*.dcm and truth.json; made when absent
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The same seed gives the same scan to the bit
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A nodule, for example RUL,8,solid,spiculated or LLL,6,juxtapleural or 10,at=-60/-20/30 (LPS mm);
    /// may be given again [default: four nodules of different kind]
    #[arg(long = "nodule", value_name = "WORDS", conflicts_with = "no_nodules")]
    nodules: Vec<NoduleSpec>,
    /// A scan without nodules
    #[arg(long)]
    no_nodules: bool,
    #[command(flatten)]
    scan: ScanArguments,
    #[command(flatten)]
    quirks: QuirkArguments,
    /// Threads [default: all cores]; the scan does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// Geometry, dose and kernel.
#[derive(Debug, Args)]
#[command(next_help_heading = "Scan")]
struct ScanArguments {
    /// Slices
    #[arg(long, value_name = "N", default_value_t = 275)]
    slices: usize,
    /// Rows and columns
    #[arg(long, value_name = "N", default_value_t = 512)]
    matrix: usize,
    /// Pixel spacing, mm
    #[arg(long, value_name = "MM", default_value_t = 0.7)]
    pixel: f64,
    /// Distance between slices, mm
    #[arg(long, value_name = "MM", default_value_t = 1.0)]
    spacing: f64,
    /// Slice thickness, mm
    #[arg(long, value_name = "MM", default_value_t = 1.0)]
    thickness: f64,
    /// How the patient lies: HFS, FFS, HFP or FFP
    #[arg(long, value_name = "WORD", default_value = "HFS")]
    position: PatientPosition,
    /// Tube current times time; noise follows it, the thickness and the kernel
    #[arg(long, value_name = "MAS", default_value_t = 30.0, conflicts_with = "noise_sd")]
    dose: f64,
    /// Standard deviation of the noise in the heart, HU, instead of a dose; 0 = none
    #[arg(long, value_name = "HU")]
    noise_sd: Option<f64>,
    /// Reconstruction kernel
    #[arg(long, value_name = "WORD", default_value = "soft", value_parser = word::<Kernel>(&["soft", "medium", "sharp"]))]
    kernel: Kernel,
    /// Slices turned about the left-right axis and stacked along their normal, degrees
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, allow_negative_numbers = true)]
    oblique: f64,
    /// Gantry tilt: slices turned, stacked along the table, degrees
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, allow_negative_numbers = true)]
    tilt: f64,
    /// Patient ID; also goes into the UIDs
    #[arg(long, value_name = "TEXT", default_value = "PHANTOM")]
    patient_id: String,
}

/// How it is written, and what is wrong with it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Quirks and faults")]
struct QuirkArguments {
    /// Numbering of the slices
    #[arg(long, value_name = "WORD", default_value = "head_first",
        value_parser = word::<SliceOrder>(&["head_first", "feet_first", "shuffled"]))]
    order: SliceOrder,
    /// How stored values are made of HU
    #[arg(long, value_name = "WORD", default_value = "unsigned1024",
        value_parser = word::<PixelStorage>(&["unsigned1024", "unsigned8192", "signed_padded_circle", "slope_per_slice"]))]
    storage: PixelStorage,
    /// One multi-frame instance (Legacy Converted Enhanced CT)
    #[arg(long)]
    enhanced: bool,
    /// Slice that is left out, counted from 0 at the feet
    #[arg(long, value_name = "INDEX")]
    missing_slice: Option<usize>,
    /// Slice that comes twice with other noise
    #[arg(long, value_name = "INDEX")]
    duplicate_slice: Option<usize>,
    /// Slice that comes after all others
    #[arg(long, value_name = "INDEX")]
    late_slice: Option<usize>,
}

/// One of `words`, as phantom spells it.
fn word<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    words: &'static [&'static str],
) -> WordParser<T> {
    WordParser { words, kind: std::marker::PhantomData }
}

struct WordParser<T> {
    words: &'static [&'static str],
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T> Clone for WordParser<T> {
    fn clone(&self) -> Self {
        Self { words: self.words, kind: std::marker::PhantomData }
    }
}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> TypedValueParser for WordParser<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let text = PossibleValuesParser::new(self.words).parse_ref(command, arg, value)?;
        serde_json::from_value(serde_json::Value::String(text))
            .map_err(|e| clap::Error::raw(clap::error::ErrorKind::InvalidValue, format!("{e}\n")))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = clap::builder::PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(clap::builder::PossibleValue::new)))
    }
}

impl SimulateArguments {
    fn spec(&self) -> SeriesSpec {
        let nodules = match (self.no_nodules, self.nodules.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => SeriesSpec::demo(self.seed).nodules,
            (false, false) => self.nodules.clone(),
        };
        let (scan, quirks) = (&self.scan, &self.quirks);
        let dose = match scan.noise_sd {
            Some(sd) if sd <= 0.0 => Dose::Noiseless,
            Some(sd) => Dose::NoiseSdHu(sd),
            None => Dose::Mas(scan.dose),
        };
        SeriesSpec {
            seed: self.seed,
            slices_count: scan.slices,
            matrix: scan.matrix,
            pixel_mm: scan.pixel,
            spacing_mm: scan.spacing,
            thickness_mm: scan.thickness,
            position: scan.position,
            oblique_degrees: scan.oblique,
            tilt_degrees: scan.tilt,
            kernel: scan.kernel,
            dose,
            order: quirks.order,
            storage: quirks.storage,
            object: if quirks.enhanced { ObjectKind::Enhanced } else { ObjectKind::SingleFrame },
            faults: Faults {
                missing_slice_index: quirks.missing_slice,
                duplicate_slice_index: quirks.duplicate_slice,
                late_slice_index: quirks.late_slice,
            },
            nodules,
            patient_id: scan.patient_id.clone(),
            ..SeriesSpec::default()
        }
    }
}

/// Simulates, writes and prints what was planted.
pub(crate) fn run(arguments: &SimulateArguments) -> Result<(), CliError> {
    let spec = arguments.spec();
    spec.check().map_err(|e| CliError::usage(e.to_string()))?;
    let folder = arguments.out.join("dicom");
    prepare(&folder)?;
    let bar = progress_bar("slices");
    let scan = match arguments.threads {
        None => simulate(&spec, &bar),
        Some(count) => rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(count))
            .build()
            .map_err(|e| CliError::failed(format!("starting {count} threads: {e}")))?
            .install(|| simulate(&spec, &bar)),
    };
    let scan = scan.map_err(|e| CliError::failed(e.to_string()))?;
    bar.set_message("writing");
    let mut count = 0_usize;
    for instance in scan.instances() {
        let instance = instance.map_err(|e| CliError::failed(e.to_string()))?;
        write(&folder.join(&instance.file_name), &instance.bytes)?;
        count += 1;
    }
    let truth = serde_json::to_vec_pretty(&scan.truth)
        .map_err(|e| CliError::failed(format!("writing truth: {e}")))?;
    let truth_path = arguments.out.join("truth.json");
    write(&truth_path, &truth)?;
    bar.finish_and_clear();
    tell(&scan.truth, count, &folder, &truth_path);
    Ok(())
}

fn simulate(
    spec: &SeriesSpec,
    bar: &indicatif::ProgressBar,
) -> Result<phantom::Simulated, phantom::PhantomError> {
    phantom::simulate(spec, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })
}

/// The folder must be empty: two scans in one would look like one broken series.
fn prepare(folder: &Path) -> Result<(), CliError> {
    let failed = |e: std::io::Error| CliError::failed(format!("making folder {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(CliError::usage(format!("{} is not empty", folder.display()))
            .with_hint("name another --out folder"));
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, bytes).map_err(|e| CliError::failed(format!("writing {}: {e}", path.display())))
}

fn tell(truth: &phantom::TruthDocument, count: usize, folder: &Path, truth_path: &Path) {
    for series in &truth.series {
        let mut rows = table(&["nodule", "kind", "lobe", "mm", "mm3", "LPS mm"]);
        for (number, nodule) in series.nodules.iter().enumerate() {
            let planted = &nodule.planted;
            let center = planted.centre_lps;
            rows.add_row([
                (number + 1).to_string(),
                planted.kind.as_str().to_owned(),
                planted.lobe.as_str().to_owned(),
                format!("{:.1}", planted.diameter_mm),
                format!("{:.0}", planted.drawn_volume_mm3),
                format!("{:.1} {:.1} {:.1}", center.x, center.y, center.z),
            ]);
        }
        say(format_args!("series {}", series.series_instance_uid));
        if !series.nodules.is_empty() {
            say(rows);
        }
    }
    say(format_args!("{count} files in {}, truth in {}", folder.display(), truth_path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: SimulateArguments,
    }

    #[test]
    fn defaults_of_the_command_are_those_of_the_phantom() {
        let line = Line::try_parse_from(["x", "--out", "d"]).unwrap();
        assert_eq!(line.arguments.spec(), SeriesSpec::demo(1));
        let line = Line::try_parse_from(["x", "--out", "d", "--no-nodules"]).unwrap();
        assert_eq!(line.arguments.spec(), SeriesSpec::default());
    }

    #[test]
    fn a_small_scan_is_written_with_its_truth() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("scan");
        let small = "--slices 24 --matrix 96 --pixel 3.6 --spacing 8 --thickness 2 --nodule RUL,20 --kernel sharp --tilt -3";
        let line = format!("x --out {} {small}", out.display());
        let line = Line::try_parse_from(line.split(' ')).unwrap();
        run(&line.arguments).unwrap();
        assert_eq!(std::fs::read_dir(out.join("dicom")).unwrap().count(), 24);
        let truth: serde_json::Value =
            serde_json::from_slice(&std::fs::read(out.join("truth.json")).unwrap()).unwrap();
        assert_eq!(truth["series"][0]["nodules"].as_array().unwrap().len(), 1);
        assert_eq!(run(&line.arguments).unwrap_err().exit, crate::cli::Exit::Usage);
    }
}
