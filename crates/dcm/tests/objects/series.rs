//! Small CT series to refer to.

use dcm::ct::{self, CtSeries, CtSlice};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use domain::{
    Affine, AnalysisResult, Attenuation, Finding, Lobe, LobePlace, LungVolumes, Mask, NoduleMeasures,
    PackIdentity, SeriesWarning, Side, SourceSlice, Timings, VoxelIndex, VoxelPoint,
};
use ndarray::Array3;

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

/// A ball to be reported: centre voxel `[z, y, x]` and radius in voxels.
pub(crate) type Ball = ([f64; 3], f64);

impl SmallSeries {
    fn affine(&self) -> Affine {
        let [a, b, c, d, e, f] = self.series.image_orientation_patient;
        let [between_rows, between_columns] = self.series.pixel_spacing_mm;
        Affine::new(
            self.position(0).into(),
            self.normal(),
            [d, e, f].map(|v| v * between_rows),
            [a, b, c].map(|v| v * between_columns),
        )
        .unwrap()
    }

    /// What an analysis of the series would say, given single-frame `files` or one multi-frame file.
    pub(crate) fn result(&self, files: &[Vec<u8>], balls: &[Ball]) -> AnalysisResult {
        let shape = [self.count, usize::from(self.series.rows), usize::from(self.series.columns)];
        let affine = self.affine();
        let slices = if files.len() == 1 {
            frames_of(&files[0])
        } else {
            files.iter().map(|f| slice_of(&dicom_object::from_reader(f.as_slice()).unwrap())).collect()
        };
        let findings =
            balls.iter().zip(1..).map(|(ball, number)| finding(&affine, shape, *ball, number)).collect();
        let (study, series) = (&self.series.study_instance_uid, &self.series.series_instance_uid);
        result_of(study, series, affine, shape, slices, findings)
    }
}

/// A result with made-up provenance.
pub(crate) fn result_of(
    study: &str,
    series: &str,
    affine: Affine,
    shape: [usize; 3],
    slices: Vec<SourceSlice>,
    findings: Vec<Finding>,
) -> AnalysisResult {
    AnalysisResult {
        study_instance_uid: study.parse().unwrap(),
        series_instance_uid: series.parse().unwrap(),
        input_digest: "d1".to_owned(),
        config_digest: "c1".to_owned(),
        affine,
        shape,
        slices,
        findings,
        lungs: LungVolumes { left_ml: 2100.0, right_ml: 2500.0 },
        warnings: vec![SeriesWarning::ContrastAgent],
        pack: PackIdentity {
            name: "baseline-log".to_owned(),
            version: "1.0.0".to_owned(),
            sha256: "ab".repeat(32),
            threshold: 0.42,
            runtime: "onnxruntime 1.32.0 CPU f32".to_owned(),
        },
        timings_ms: Timings::default(),
        clinical: None,
        triage: None,
    }
}

fn text(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_owned()
}

pub(crate) fn slice_of(object: &InMemDicomObject) -> SourceSlice {
    SourceSlice {
        sop_class_uid: text(object, tags::SOP_CLASS_UID),
        sop_instance_uid: text(object, tags::SOP_INSTANCE_UID).parse().unwrap(),
        frame_number: None,
        image_position_patient: text(object, tags::IMAGE_POSITION_PATIENT),
        blob_key: String::new(),
    }
}

fn frames_of(file: &[u8]) -> Vec<SourceSlice> {
    let object = dicom_object::from_reader(file).unwrap().into_inner();
    let groups = object.element(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).unwrap().items().unwrap();
    let position = |group: &InMemDicomObject| {
        text(
            &group.element(tags::PLANE_POSITION_SEQUENCE).unwrap().items().unwrap()[0],
            tags::IMAGE_POSITION_PATIENT,
        )
    };
    let frame = |(group, number)| SourceSlice {
        sop_class_uid: text(&object, tags::SOP_CLASS_UID),
        sop_instance_uid: text(&object, tags::SOP_INSTANCE_UID).parse().unwrap(),
        frame_number: Some(number),
        image_position_patient: position(group),
        blob_key: String::new(),
    };
    groups.iter().zip(1..).map(frame).collect()
}

pub(crate) fn finding(affine: &Affine, shape: [usize; 3], (center, radius): Ball, number: usize) -> Finding {
    let inside = |(z, y, x): (usize, usize, usize)| {
        let offset = [z as f64 - center[0], y as f64 - center[1], x as f64 - center[2]];
        offset.iter().map(|v| v * v).sum::<f64>() <= radius * radius
    };
    let dense = Array3::from_shape_fn((shape[0], shape[1], shape[2]), inside);
    let mask = Mask::from_dense(VoxelIndex { z: 0, y: 0, x: 0 }, dense.view());
    let voxels: Vec<VoxelIndex> = mask.voxels().collect();
    let mean = |axis: fn(&VoxelIndex) -> usize| {
        voxels.iter().map(|v| axis(v) as f64).sum::<f64>() / voxels.len() as f64
    };
    let center_voxel = VoxelPoint { z: mean(|v| v.z), y: mean(|v| v.y), x: mean(|v| v.x) };
    let center = affine.to_lps(center_voxel);
    let area = |z: &usize| mask.slice_runs(*z).iter().map(|r| r.x_end - r.x_start).sum::<usize>();
    let measures = NoduleMeasures {
        key_slice_index: mask.slices().into_iter().max_by_key(area).unwrap(),
        long_axis_mm: 2.0 * radius * 0.703125 + 0.01 / 3.0,
        short_axis_mm: 2.0 * radius * 0.6,
        mean_diameter_mm: radius * (2.0 * 0.703125 + 1.2) / 2.0,
        long_axis_ends: [center, center],
        short_axis_ends: [center, center],
        volume_mm3: voxels.len() as f64 * affine.voxel_mm3(),
        hu_mean: 31.25,
        hu_sd: 12.5,
    };
    Finding {
        number,
        tracking_uid: domain::derived_uid(&["test nodule", &number.to_string()]),
        center,
        center_voxel,
        mask,
        measures,
        attenuation: [Attenuation::Solid, Attenuation::PartSolid, Attenuation::Calcified][(number - 1) % 3],
        character: None,
        side: if number.is_multiple_of(2) { Side::Left } else { Side::Right },
        place: None,
        // Sure of three, unsure of the others.
        lobe: Some(LobePlace {
            lobe: [Lobe::Rul, Lobe::Lll, Lobe::Rml, Lobe::Lul][(number - 1) % 4],
            fissure_mm: 12.5,
            sure: number < 4,
        }),
        score: 1.0 / (number as f64 + 0.25),
    }
}
