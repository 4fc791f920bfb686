//! Small CT series to refer to.

use dcm::ct::{self, CtSeries, CtSlice};

/// A series of `count` empty slices, 1 mm apart along the slice normal.
pub(crate) struct SmallSeries {
    pub(crate) series: CtSeries,
    pub(crate) count: usize,
    pub(crate) hu: Vec<i16>,
}

impl SmallSeries {
    /// 12 slices of 24 x 20 pixels, changed by `change`.
    pub(crate) fn new(change: impl FnOnce(&mut CtSeries)) -> Self {
        let mut series = CtSeries {
            study_instance_uid: "1.2.826.0.1.3680043.8.498.1".to_owned(),
            series_instance_uid: "1.2.826.0.1.3680043.8.498.2".to_owned(),
            frame_of_reference_uid: "1.2.826.0.1.3680043.8.498.3".to_owned(),
            rows: 24,
            columns: 20,
            pixel_spacing_mm: [0.703125, 0.703125],
            ..CtSeries::default()
        };
        change(&mut series);
        let hu = vec![-850; usize::from(series.rows) * usize::from(series.columns)];
        Self { series, count: 12, hu }
    }

    pub(crate) fn sop_instance_uid(&self, index: usize) -> String {
        format!("1.2.826.0.1.3680043.8.498.4.{}", index + 1)
    }

    /// Unit normal of the slices.
    pub(crate) fn normal(&self) -> [f64; 3] {
        let [a, b, c, d, e, f] = self.series.image_orientation_patient;
        [b * f - c * e, c * d - a * f, a * e - b * d]
    }

    /// Position of slice `index`, LPS mm.
    pub(crate) fn position(&self, index: usize) -> [f64; 3] {
        let along = index as f64 * 1.0;
        let start = [-7.25, -8.5, -100.125];
        let normal = self.normal();
        [0, 1, 2].map(|axis| start[axis] + along * normal[axis])
    }

    fn slice<'a>(&'a self, index: usize, uid: &'a str) -> CtSlice<'a> {
        CtSlice {
            series: &self.series,
            sop_instance_uid: uid,
            instance_number: u32::try_from(self.count - index).unwrap(),
            image_position_patient_mm: self.position(index),
            hu: &self.hu,
        }
    }

    /// One file per slice.
    pub(crate) fn files(&self) -> Vec<Vec<u8>> {
        (0..self.count).map(|i| ct::write_slice(&self.slice(i, &self.sop_instance_uid(i))).unwrap()).collect()
    }

    /// One multi-frame file.
    pub(crate) fn multi_frame(&self) -> Vec<u8> {
        let uids: Vec<String> = (0..self.count).map(|i| self.sop_instance_uid(i)).collect();
        let slices: Vec<CtSlice<'_>> = uids.iter().enumerate().map(|(i, uid)| self.slice(i, uid)).collect();
        ct::write_enhanced(&self.series, "1.2.826.0.1.3680043.8.498.5", &slices).unwrap()
    }
}
