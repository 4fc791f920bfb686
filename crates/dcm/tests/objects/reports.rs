//! SR and SEG of made-up findings on small series.

use crate::referees::{check_report, check_valid, foreign_reading};
use crate::series::{Ball, SmallSeries};
use dcm::derived::{DerivedObject, ObjectOptions, Predecessor, Preliminary, SrClass};
use dcm::limits::Limits;
use dcm::source::SourceContext;
use dcm::{seg, sr};
use domain::{AnalysisResult, SkipReason};
use std::path::Path;
use time::macros::datetime;

pub(crate) const BALLS: [Ball; 3] =
    [([5.3, 9.8, 8.1], 3.2), ([2.0, 18.0, 4.0], 1.5), ([9.0, 5.0, 15.4], 2.3)];

pub(crate) fn options() -> ObjectOptions {
    ObjectOptions::new("test-installation", "0.1.0", datetime!(2026-01-02 03:04:05 +1))
}

/// A series with its files, its analysis and the objects written for it.
pub(crate) struct Written {
    pub(crate) files: Vec<Vec<u8>>,
    pub(crate) result: AnalysisResult,
    pub(crate) seg: Option<DerivedObject>,
    pub(crate) sr: DerivedObject,
}

pub(crate) fn written(
    small: &SmallSeries,
    multi_frame: bool,
    balls: &[Ball],
    options: &ObjectOptions,
) -> Written {
    let files = if multi_frame { vec![small.multi_frame()] } else { small.files() };
    let result = small.result(&files, balls);
    write_all(files, result, options)
}

/// Objects of `result`, whose images are `files`.
pub(crate) fn write_all(files: Vec<Vec<u8>>, result: AnalysisResult, options: &ObjectOptions) -> Written {
    let source = SourceContext::read(&files[0], &Limits::default(), None).unwrap();
    let seg = seg::write(&result, &source, options).unwrap();
    let sr = sr::measurement_report::write(&result, &source, seg.as_ref(), options).unwrap();
    Written { files, result, seg, sr }
}

impl Written {
    pub(crate) fn save(&self, folder: &Path) {
        for (index, file) in self.files.iter().enumerate() {
            std::fs::write(folder.join(format!("ct{index}.dcm")), file).unwrap();
        }
        std::fs::write(folder.join("sr.dcm"), &self.sr.bytes).unwrap();
        if let Some(seg) = &self.seg {
            std::fs::write(folder.join("seg.dcm"), &seg.bytes).unwrap();
        }
    }

    /// Every referee on every object, and what we read against what we wrote.
    pub(crate) fn check(&self, name: &str) {
        let folder = tempfile::tempdir().unwrap();
        self.save(folder.path());
        check_report(name, &folder.path().join("sr.dcm"));
        if let Some(seg) = &self.seg {
            check_valid(name, &seg.bytes);
        }
        self.check_own_reading();
        if let Some(reading) = foreign_reading(folder.path()) {
            self.check_foreign_reading(name, &reading);
        }
    }

    fn check_own_reading(&self) {
        let report = sr::read::read(&self.sr.bytes).unwrap();
        assert_eq!(report.nodule_present, Some(!self.result.findings.is_empty()));
        assert_eq!(report.nodules.len(), self.result.findings.len());
        let segments = self.seg.as_ref().map(|s| seg::read(&s.bytes).unwrap()).unwrap_or_default();
        assert_eq!(segments.len(), self.result.findings.len());
        for ((finding, nodule), segment) in self.result.findings.iter().zip(&report.nodules).zip(&segments) {
            assert_eq!(nodule.tracking_uid, finding.tracking_uid);
            assert_eq!(nodule.center, Some(finding.center));
            assert_eq!(nodule.volume_mm3, Some(finding.measures.volume_mm3));
            assert_eq!(nodule.long_axis_mm, Some(finding.measures.long_axis_mm));
            assert_eq!(nodule.hu_sd, Some(finding.measures.hu_sd));
            assert_eq!((nodule.side, nodule.attenuation), (Some(finding.side), Some(finding.attenuation)));
            assert_eq!(nodule.lobe, finding.lobe.filter(|found| found.sure).map(|found| found.lobe));
            let key = &self.result.slices[finding.measures.key_slice_index];
            let mark = nodule.mark.as_ref().unwrap();
            assert_eq!(
                (mark.sop_instance_uid.as_str(), mark.frame_number),
                (key.sop_instance_uid.as_str(), key.frame_number)
            );
            assert_eq!(segment.tracking_uid.as_ref(), Some(&finding.tracking_uid));
            let mut runs: Vec<[usize; 4]> = Vec::new();
            for frame in &segment.frames {
                let z = self.result.slices.iter().position(|s| {
                    Some(s.sop_instance_uid.as_str()) == frame.source_sop_instance_uid.as_deref()
                        && s.frame_number == frame.source_frame_number
                });
                let z = z.unwrap();
                assert_eq!(frame.image_position_patient, self.result.slices[z].image_position_patient);
                runs.extend(frame.runs.iter().map(|(y, start, end)| [z, *y, *start, *end]));
            }
            assert_eq!(runs, finding.mask.runs().iter().map(|r| <[usize; 4]>::from(*r)).collect::<Vec<_>>());
        }
    }

    /// pydicom and highdicom find the same nodules, places, sizes and voxels.
    fn check_foreign_reading(&self, name: &str, reading: &serde_json::Value) {
        let report = &reading["reports"][0];
        let findings = &self.result.findings;
        assert_eq!(report["groups"]["volumetric"], findings.len(), "{name}");
        assert_eq!(report["groups"]["planar"], findings.len(), "{name}");
        assert_eq!(report["groups"]["image"], 1, "{name}");
        assert_eq!(report["nodule_present"], !findings.is_empty(), "{name}");
        assert_eq!(report["exam_texts"]["Number of nodules"], findings.len().to_string(), "{name}");
        for (index, finding) in findings.iter().enumerate() {
            let nodule = &report["nodules"][index];
            let segment = &reading["segmentations"][0]["segments"][index];
            assert_eq!(nodule["tracking_uid"], finding.tracking_uid.as_str(), "{name}");
            assert_eq!(segment["tracking_uid"], finding.tracking_uid.as_str(), "{name}");
            assert_eq!(nodule["segment"][1], segment["number"], "{name}");
            assert_eq!(segment["voxels"], finding.mask.voxel_count(), "{name}");
            assert_eq!(segment["frames"], finding.mask.slices().len(), "{name}");
            let center: [f64; 3] = finding.center.into();
            check_near(name, &nodule["center_lps"], center, 1e-9);
            check_near(name, &segment["center_lps"], center, 1e-4);
            // The mark lies on the key slice, at the centroid of that slice; the balls are symmetric to half a voxel.
            check_near(name, &nodule["mark_lps"], center, 0.8);
            let measures = &nodule["measures"];
            for (concept, value) in [
                ("Volume", finding.measures.volume_mm3),
                ("Long Axis", finding.measures.long_axis_mm),
                ("Short Axis", finding.measures.short_axis_mm),
                ("Diameter/Mean", finding.measures.mean_diameter_mm),
                ("Attenuation Coefficient/Mean", finding.measures.hu_mean),
                ("Attenuation Coefficient/Standard Deviation", finding.measures.hu_sd),
                ("Certainty of Finding", finding.score * 100.0),
            ] {
                let read = measures[concept]
                    .as_f64()
                    .unwrap_or_else(|| panic!("{name}: no {concept} in {measures}"));
                assert!((read - value).abs() < 1e-9, "{name}: {concept} {read} instead of {value}");
            }
        }
    }
}

pub(crate) fn check_near(name: &str, read: &serde_json::Value, expected: [f64; 3], tolerance_mm: f64) {
    for (axis, value) in expected.iter().enumerate() {
        let found = read[axis].as_f64().unwrap_or_else(|| panic!("{name}: {read} is no place"));
        assert!((found - value).abs() <= tolerance_mm, "{name}: {read} instead of {expected:?}");
    }
}

/// Goal: SR and SEG of 0, 1 and 3 nodules on scans of every orientation say what was found, to us and to
/// others. Method: all referees on each.
#[test]
fn objects_of_every_orientation_are_valid_and_read_back() {
    let (s, c) = (15.0_f64.to_radians().sin(), 15.0_f64.to_radians().cos());
    let orientations = [
        ("supine", [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        ("prone", [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0]),
        ("oblique", [c, 0.0, -s, 0.0, 1.0, 0.0]),
    ];
    for (name, orientation) in orientations {
        let small = SmallSeries::new(|series| series.image_orientation_patient = orientation);
        for count in [0, 1, 3] {
            written(&small, false, &BALLS[..count], &options()).check(&format!("{name}, {count} nodules"));
        }
    }
}

/// Goal: references to frames of a multi-frame scan resolve. Method: all referees.
#[test]
fn objects_of_a_multi_frame_scan_are_valid_and_read_back() {
    let small = SmallSeries::new(|_| {});
    for count in [0, 1, 3] {
        written(&small, true, &BALLS[..count], &options()).check(&format!("multi-frame, {count} nodules"));
    }
}

/// Goal: the older SR classes, final reports and replaced reports are valid; what differs has its own UID.
#[test]
fn options_make_valid_objects_of_their_own() {
    let small = SmallSeries::new(|_| {});
    let mut uids = std::collections::HashSet::new();
    for sr_class in [SrClass::Comprehensive3d, SrClass::Comprehensive, SrClass::Enhanced] {
        let old = Predecessor {
            study_instance_uid: small.series.study_instance_uid.clone(),
            series_instance_uid: "1.2.3.1".to_owned(),
            sop_class_uid: sr_class.sop_class_uid().to_owned(),
            sop_instance_uid: "1.2.3.2".to_owned(),
        };
        let options =
            ObjectOptions { sr_class, preliminary: Preliminary::Final, predecessor: Some(old), ..options() };
        let written = written(&small, false, &BALLS[..1], &options);
        written.check(&format!("{sr_class:?}"));
        let report = sr::read::read(&written.sr.bytes).unwrap();
        assert_eq!((report.preliminary.as_str(), report.predecessors), ("FINAL", vec!["1.2.3.2".to_owned()]));
        assert_eq!(report.sop_class_uid, sr_class.sop_class_uid());
        assert!(uids.insert(written.sr.sop_instance_uid));
    }
    let default = written(&small, false, &BALLS[..1], &options());
    assert!(uids.insert(default.sr.sop_instance_uid.clone()));
    let again = written(&small, false, &BALLS[..1], &options());
    assert_eq!((again.sr, again.seg), (default.sr, default.seg), "the same input gives the same bytes");
}

/// Goal: a Chinese patient name in any site's character set arrives as UTF-8 with all its characters, the
/// awkward ones (second byte 0x5C in GBK) too. Method: written in GB18030, GBK and UTF-8, read by both sides.
#[test]
fn chinese_patient_names_arrive() {
    let name = "Wang^XiaoDong=王^小东乗昞";
    for set in [None, Some("GB18030"), Some("GBK")] {
        let small = SmallSeries::new(|s| {
            s.patient_name = name.to_owned();
            s.character_set = set.map(str::to_owned);
        });
        let written = written(&small, false, &BALLS[..1], &options());
        written.check(&format!("{set:?}"));
        assert_eq!(sr::read::read(&written.sr.bytes).unwrap().patient_name, name, "{set:?}");
        let folder = tempfile::tempdir().unwrap();
        written.save(folder.path());
        if let Some(reading) = foreign_reading(folder.path()) {
            assert_eq!(reading["reports"][0]["patient_name"], name, "{set:?}");
        }
    }
}

/// Goal: a series that was not analysed gets a valid report with the reason. Method: all referees.
#[test]
fn a_skipped_series_says_why() {
    let small = SmallSeries::new(|s| s.accession_number = "A123".to_owned());
    let files = small.files();
    let source = SourceContext::read(&files[0], &Limits::default(), None).unwrap();
    let reason = SkipReason::SliceGap { after_slice_number: 7, gap_mm: 5.0, spacing_mm: 2.5 };
    let skipped = sr::skipped::SkippedSeries { reason: &reason, instances: &[], input_digest: "d" };
    let sr = sr::skipped::write(&skipped, &source, &options()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sr.dcm");
    std::fs::write(&file, &sr.bytes).unwrap();
    check_report("skipped", &file);
    let report = sr::read::read(&sr.bytes).unwrap();
    assert_eq!(
        (report.completion.as_str(), report.completion_description.as_str()),
        ("PARTIAL", "SLICE_GAP")
    );
    assert_eq!(report.skip_reason, Some(reason.to_string()));
    if let Some(reading) = foreign_reading(folder.path()) {
        assert_eq!(reading["reports"][0]["exam_texts"]["Skip reason"], reason.to_string());
    }
}
