//! The scan as DICOM instances, one at a time, with the quirks and faults asked for.

use crate::grid::Grid;
use crate::spec::{Dose, ObjectKind, PixelStorage, SeriesSpec, SliceOrder};
use crate::truth::SeriesUids;
use crate::{PhantomError, Simulated, generator};
use dcm::ct::{CtSeries, CtSlice, PixelSign, write_enhanced, write_slice};
use domain::derived_uid;
use rand::seq::SliceRandom;

/// Stream of the generator that shuffles slices.
const SHUFFLE_STREAM: u64 = 7;
/// Outside of the reconstructed circle where a maker pads, HU.
const PADDING_HU: i16 = -2000;

/// One DICOM file.
#[derive(Debug, Clone)]
pub struct SimulatedInstance {
    /// Slice, counted from the feet; 0 for a multi-frame instance.
    pub slice_index: usize,
    /// Instance Number.
    pub instance_number: u32,
    /// SOP Instance UID.
    pub sop_instance_uid: String,
    /// File name, unique in the series, ends in `.dcm`.
    pub file_name: String,
    /// PS3.10 file.
    pub bytes: Vec<u8>,
}

/// UIDs of the series that a specification makes; another specification has others.
#[must_use]
pub fn series_uids(spec: &SeriesSpec) -> SeriesUids {
    let all = format!("{spec:?}");
    let person = format!("{}/{}", spec.patient_id, spec.seed);
    SeriesUids {
        study: derived_uid(&["phantom study", &person, &all]),
        series: derived_uid(&["phantom series", &person, &all]),
        frame_of_reference: derived_uid(&["phantom frame", &person, &all]),
    }
}

/// What comes when: a slice, or a second, different image at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    slice: usize,
    again: bool,
    number: u32,
}

/// Files of a scan, made when asked for.
#[derive(Debug)]
pub struct Instances<'a> {
    scan: &'a Simulated,
    uids: SeriesUids,
    grid: Grid,
    turns: std::vec::IntoIter<Turn>,
}

impl Simulated {
    /// The DICOM files in the order of sending; each is encoded when it is asked for.
    #[must_use]
    pub fn instances(&self) -> Instances<'_> {
        let turns = match self.spec.object {
            ObjectKind::SingleFrame => turns(&self.spec),
            ObjectKind::Enhanced => vec![Turn { slice: 0, again: false, number: 1 }],
        };
        Instances {
            scan: self,
            uids: series_uids(&self.spec),
            grid: Grid::of(&self.spec),
            turns: turns.into_iter(),
        }
    }
}

/// Slices in sending order with their Instance Numbers.
fn turns(spec: &SeriesSpec) -> Vec<Turn> {
    let mut slices: Vec<usize> = (0..spec.slices_count).collect();
    match spec.order {
        SliceOrder::FeetFirst => {}
        SliceOrder::HeadFirst => slices.reverse(),
        SliceOrder::Shuffled => slices.shuffle(&mut generator(spec.seed, SHUFFLE_STREAM)),
    }
    let mut turns: Vec<Turn> =
        slices.iter().zip(1..).map(|(slice, number)| Turn { slice: *slice, again: false, number }).collect();
    let faults = spec.faults;
    turns.retain(|t| Some(t.slice) != faults.missing_slice_index);
    if let Some(twice) = faults.duplicate_slice_index.filter(|i| *i < spec.slices_count) {
        let number = u32::try_from(spec.slices_count + 1).unwrap_or(u32::MAX);
        turns.push(Turn { slice: twice, again: true, number });
    }
    if let Some(at) = turns.iter().position(|t| Some(t.slice) == faults.late_slice_index && !t.again) {
        let late = turns.remove(at);
        turns.push(late);
    }
    turns
}

impl Iterator for Instances<'_> {
    type Item = Result<SimulatedInstance, PhantomError>;

    fn next(&mut self) -> Option<Self::Item> {
        let turn = self.turns.next()?;
        Some(match self.scan.spec.object {
            ObjectKind::SingleFrame => self.single(turn),
            ObjectKind::Enhanced => self.enhanced(),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.turns.size_hint()
    }
}

impl ExactSizeIterator for Instances<'_> {}

impl Instances<'_> {
    fn uid_of(&self, turn: Turn) -> String {
        derived_uid(&[
            "phantom instance",
            &self.uids.series,
            &turn.slice.to_string(),
            if turn.again { "again" } else { "" },
        ])
    }

    fn single(&self, turn: Turn) -> Result<SimulatedInstance, PhantomError> {
        let series = series_attributes(&self.scan.spec, &self.uids, &self.grid, turn.slice);
        let hu = self.pixels(turn);
        let uid = self.uid_of(turn);
        let slice = CtSlice {
            series: &series,
            sop_instance_uid: &uid,
            instance_number: turn.number,
            image_position_patient_mm: self.grid.position(turn.slice),
            hu: &hu,
        };
        let bytes = write_slice(&slice)
            .map_err(|e| PhantomError::Write { slice_index: turn.slice, cause: e.to_string() })?;
        let file_name = format!("{:04}{}.dcm", turn.number, if turn.again { "-again" } else { "" });
        Ok(SimulatedInstance {
            slice_index: turn.slice,
            instance_number: turn.number,
            sop_instance_uid: uid,
            file_name,
            bytes,
        })
    }

    /// All slices in one instance; faults leave out or repeat frames.
    fn enhanced(&self) -> Result<SimulatedInstance, PhantomError> {
        let series = series_attributes(&self.scan.spec, &self.uids, &self.grid, 0);
        let turns = turns(&self.scan.spec);
        let frames: Vec<(String, Vec<i16>)> =
            turns.iter().map(|t| (self.uid_of(*t), self.pixels(*t))).collect();
        let slices: Vec<CtSlice<'_>> = turns
            .iter()
            .zip(&frames)
            .map(|(turn, (uid, hu))| CtSlice {
                series: &series,
                sop_instance_uid: uid,
                instance_number: turn.number,
                image_position_patient_mm: self.grid.position(turn.slice),
                hu,
            })
            .collect();
        let uid = derived_uid(&["phantom enhanced", &self.uids.series]);
        let bytes = write_enhanced(&series, &uid, &slices)
            .map_err(|e| PhantomError::Write { slice_index: 0, cause: e.to_string() })?;
        Ok(SimulatedInstance {
            slice_index: 0,
            instance_number: 1,
            sop_instance_uid: uid,
            file_name: "enhanced.dcm".to_owned(),
            bytes,
        })
    }

    fn pixels(&self, turn: Turn) -> Vec<i16> {
        let mut hu: Vec<i16> =
            self.scan.volume.hu.index_axis(ndarray::Axis(0), turn.slice).iter().copied().collect();
        if turn.again {
            // Another phase at the same place: not the same pixels.
            for (i, v) in hu.iter_mut().enumerate() {
                *v += if i % 3 == 0 { 2 } else { -1 };
            }
        }
        if self.scan.spec.storage == PixelStorage::SignedPaddedCircle {
            let n = self.scan.spec.matrix;
            let middle = (n as f64 - 1.0) / 2.0;
            for (i, v) in hu.iter_mut().enumerate() {
                let (y, x) = ((i / n) as f64 - middle, (i % n) as f64 - middle);
                if x.hypot(y) > n as f64 / 2.0 {
                    *v = PADDING_HU;
                }
            }
        }
        hu
    }
}

/// Attributes of the series as slice `slice` carries them.
fn series_attributes(spec: &SeriesSpec, uids: &SeriesUids, grid: &Grid, slice: usize) -> CtSeries {
    let (intercept, slope, sign) = match spec.storage {
        PixelStorage::Unsigned1024 => (-1024.0, 1.0, PixelSign::Unsigned),
        PixelStorage::Unsigned8192 => (-8192.0, 1.0, PixelSign::Unsigned),
        PixelStorage::SignedPaddedCircle => (0.0, 1.0, PixelSign::Signed),
        PixelStorage::SlopePerSlice => {
            (-1024.0 - (slice % 7) as f64, 0.5 + 0.125 * (slice % 5) as f64, PixelSign::Unsigned)
        }
    };
    let mas = match spec.dose {
        Dose::Mas(mas) => mas,
        Dose::NoiseSdHu(_) | Dose::Noiseless => 30.0,
    };
    CtSeries {
        study_instance_uid: uids.study.clone(),
        series_instance_uid: uids.series.clone(),
        frame_of_reference_uid: uids.frame_of_reference.clone(),
        patient_name: format!("Phantom^Seed {}", spec.seed),
        patient_id: spec.patient_id.clone(),
        series_description: format!("Chest {:.1} {}", spec.thickness_mm, spec.kernel.as_str()),
        patient_position: spec.position.as_str().to_owned(),
        rows: spec.matrix as u16,
        columns: spec.matrix as u16,
        image_orientation_patient: grid.orientation(),
        pixel_spacing_mm: [spec.pixel_mm, spec.pixel_mm],
        slice_thickness_mm: spec.thickness_mm,
        gantry_tilt_degrees: spec.tilt_degrees,
        exposure_mas: mas.round() as u32,
        tube_current_ma: (mas * 2.0).round() as u32,
        convolution_kernel: spec.kernel.as_str().to_owned(),
        rescale_intercept: intercept,
        rescale_slope: slope,
        pixel_sign: sign,
        ..CtSeries::default()
    }
}
