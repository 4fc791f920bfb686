//! Several reconstructions of one acquisition: which series belong together, and which is best for nodules.

use crate::header::InstanceHeader;
use serde::{Deserialize, Serialize};

/// Slices no thicker than this are equally good for nodules: then the kernel decides.
const THIN_MM: f64 = 1.5;

/// How a kernel draws edges, from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelClass {
    /// Soft or medium: what the networks were trained on.
    Soft,
    /// The name says nothing to us.
    Unknown,
    /// Lung, bone, edge.
    Sharp,
}

impl KernelClass {
    fn word(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Unknown => "unknown",
            Self::Sharp => "sharp",
        }
    }
}

/// What decides between reconstructions. Lengths in mm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReconstructionSummary {
    /// Distance of slices.
    pub spacing_mm: f64,
    /// Larger of spacing and SliceThickness.
    pub thickness_mm: f64,
    /// First to last slice.
    pub coverage_mm: f64,
    /// Slices of the stack.
    pub slices_count: usize,
    /// ConvolutionKernel, values joined by a backslash; empty when not given.
    pub kernel: String,
    /// Class of that kernel.
    pub kernel_class: KernelClass,
    /// A contrast agent was given.
    pub contrast: bool,
    /// The pixels went through lossy compression.
    pub lossy: bool,
}

/// Class of a kernel by maker conventions: Siemens letters with a sharpness number (B30f, Br40d, Bl57),
/// GE words, Philips letters, Canon FC numbers.
#[must_use]
pub fn kernel_class(kernel: &str) -> KernelClass {
    let name = kernel.split('\\').next().unwrap_or("").trim().to_ascii_uppercase();
    let number: Option<u32> = name
        .trim_start_matches(|c: char| !c.is_ascii_digit())
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|n| n.parse().ok());
    match name.as_str() {
        "STANDARD" | "STND" | "SOFT" | "CHST" | "DETAIL" | "A" | "B" | "SB" | "SA" => {
            return KernelClass::Soft;
        }
        "LUNG" | "BONE" | "BONEPLUS" | "EDGE" | "ULTRA" | "C" | "D" | "E" | "L" | "YC" | "YD" | "YE"
        | "YL" => {
            return KernelClass::Sharp;
        }
        "YA" | "YB" => return KernelClass::Soft,
        _ => {}
    }
    match number {
        // Canon: FC01-FC19 body soft, FC30 and up bone and lung.
        Some(n) if name.starts_with("FC") => {
            if n < 20 {
                KernelClass::Soft
            } else if n >= 30 {
                KernelClass::Sharp
            } else {
                KernelClass::Unknown
            }
        }
        // Siemens and United Imaging: the number grows with sharpness, 50 and up is lung or bone.
        Some(n @ 10..=99) if name.starts_with(['B', 'I', 'Q', 'H', 'S']) => {
            if n < 50 {
                KernelClass::Soft
            } else {
                KernelClass::Sharp
            }
        }
        _ => KernelClass::Unknown,
    }
}

/// Why `a` is better for nodules than `b`, in words; `None` when it is not.
///
/// In this order: thinner slices (1.5 mm and below count alike), softer kernel, longer coverage, no
/// contrast agent, no lossy compression, thinner after all.
#[must_use]
pub fn better_reconstruction(a: &ReconstructionSummary, b: &ReconstructionSummary) -> Option<String> {
    let thin = |s: &ReconstructionSummary| s.thickness_mm.max(THIN_MM);
    let by_thickness = format!("slices of {:.2} mm instead of {:.2} mm", a.thickness_mm, b.thickness_mm);
    // 0.2 mm is no difference for a nodule of 4 mm.
    if (thin(a) - thin(b)).abs() > 0.2 {
        return (thin(a) < thin(b)).then_some(by_thickness);
    }
    if a.kernel_class != b.kernel_class {
        let why = format!(
            "{} kernel {} instead of {} kernel {}",
            a.kernel_class.word(),
            a.kernel,
            b.kernel_class.word(),
            b.kernel
        );
        return (a.kernel_class < b.kernel_class).then_some(why);
    }
    if (a.coverage_mm - b.coverage_mm).abs() > 10.0 {
        let why = format!("coverage of {:.0} mm instead of {:.0} mm", a.coverage_mm, b.coverage_mm);
        return (a.coverage_mm > b.coverage_mm).then_some(why);
    }
    if a.contrast != b.contrast {
        return (!a.contrast).then(|| "no contrast agent".to_owned());
    }
    if a.lossy != b.lossy {
        return (!a.lossy).then(|| "no lossy compression".to_owned());
    }
    (b.thickness_mm - a.thickness_mm > 0.01).then_some(by_thickness)
}

/// What tells which series stem from one acquisition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcquisitionKey {
    study_instance_uid: String,
    /// AcquisitionUID or IrradiationEventUID, the sure sign.
    uid: Option<String>,
    number: Option<i64>,
    /// Acquisition times of first and last slice, seconds of the day.
    time_s: Option<[f64; 2]>,
    /// Lowest and highest slice position along the body axis, LPS z in mm.
    z_mm: [f64; 2],
}

/// The key of one series, from its CT images; `None` without a single located image.
#[must_use]
pub fn acquisition_key(headers: &[InstanceHeader]) -> Option<AcquisitionKey> {
    let images = || headers.iter().filter(|h| h.is_ct_image());
    let first = images().next()?;
    let range = |values: &mut dyn Iterator<Item = f64>| -> Option<[f64; 2]> {
        values.fold(None, |r, v| Some(r.map_or([v, v], |[a, b]: [f64; 2]| [a.min(v), b.max(v)])))
    };
    let z_mm = range(&mut images().flat_map(|h| &h.frames).filter_map(|f| f.position.map(|[_, _, z]| z)))?;
    Some(AcquisitionKey {
        study_instance_uid: first.study_instance_uid.to_string(),
        uid: first.acquisition_uid.clone().or_else(|| first.irradiation_event_uid.clone()),
        number: first.acquisition_number,
        time_s: range(&mut images().filter_map(time_of_day_s)),
        z_mm,
    })
}

/// AcquisitionTime or the time in AcquisitionDateTime, seconds of the day.
fn time_of_day_s(header: &InstanceHeader) -> Option<f64> {
    let time = match (&header.acquisition_time, &header.acquisition_date_time) {
        (Some(time), _) => time.as_str(),
        (None, Some(both)) => both.get(8..)?,
        (None, None) => return None,
    };
    let part = |from: usize| time.get(from..from + 2)?.parse::<f64>().ok();
    Some(part(0)? * 3600.0 + part(2).unwrap_or(0.0) * 60.0 + part(4).unwrap_or(0.0))
}

impl AcquisitionKey {
    /// Do both series stem from one acquisition? Same study; same acquisition UID where both have one;
    /// otherwise same number and overlapping times; always half of the shorter coverage in common.
    #[must_use]
    pub fn same_acquisition(&self, other: &Self) -> bool {
        if self.study_instance_uid != other.study_instance_uid || !self.overlaps(other) {
            return false;
        }
        if let (Some(a), Some(b)) = (&self.uid, &other.uid) {
            return a == b;
        }
        if let (Some(a), Some(b)) = (self.number, other.number)
            && a != b
        {
            return false;
        }
        match (self.time_s, other.time_s) {
            // Makers stamp first rotation, each slice or the start: allow the length of a breath hold.
            (Some([a0, a1]), Some([b0, b1])) => a0 <= b1 + 30.0 && b0 <= a1 + 30.0,
            _ => self.number.is_some() && self.number == other.number,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let ([a0, a1], [b0, b1]) = (self.z_mm, other.z_mm);
        let common = a1.min(b1) - a0.max(b0);
        common >= 0.5 * (a1 - a0).min(b1 - b0) && common >= 0.0
    }
}
