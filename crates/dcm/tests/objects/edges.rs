//! Scans that lack something, volumes that are not the images themselves, and bytes that are broken.

use crate::referees::{check_valid, foreign_reading};
use crate::reports::{BALLS, check_near, options, write_all, written};
use crate::series::{SmallSeries, finding};
use dcm::ct::AttributeOverride;
use dcm::limits::Limits;
use dcm::source::SourceContext;
use dcm::{seg, sr};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use domain::VoxelIndex;
use proptest::prelude::*;

fn change(tag: Tag, text: Option<&str>) -> AttributeOverride {
    AttributeOverride { tag: (tag.0, tag.1), text: text.map(str::to_owned) }
}

fn text(bytes: &[u8], tag: Tag) -> String {
    let object = dicom_object::from_reader(bytes).unwrap();
    object.element(tag).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_owned()
}

/// Goal: what real scans lack or have too much of does not make our objects invalid. Method: one change each,
/// all referees.
#[test]
fn objects_of_incomplete_scans_are_valid() {
    for (name, changes) in [
        ("no frame of reference", vec![change(tags::FRAME_OF_REFERENCE_UID, None)]),
        ("no patient", vec![change(tags::PATIENT_NAME, Some("")), change(tags::PATIENT_ID, Some(""))]),
        (
            "no study attributes",
            vec![
                change(tags::STUDY_TIME, None),
                change(tags::STUDY_ID, None),
                change(tags::PATIENT_SEX, None),
            ],
        ),
        ("lossy without ratio", vec![change(tags::LOSSY_IMAGE_COMPRESSION, Some("01"))]),
        ("no thickness", vec![change(tags::SLICE_THICKNESS, None)]),
        ("no manufacturer", vec![change(tags::MANUFACTURER, Some(""))]),
        ("accession number", vec![change(tags::ACCESSION_NUMBER, Some("A-17"))]),
    ] {
        let small = SmallSeries::new(|s| s.overrides = changes);
        written(&small, false, &BALLS[..2], &options()).check(name);
    }
}

/// Goal: dates of the report are in the offset that the scan declares. Method: written at 03:04:05 +01:00.
#[test]
fn times_follow_the_offset_of_the_scan() {
    let small =
        SmallSeries::new(|s| s.overrides = vec![change(tags::TIMEZONE_OFFSET_FROM_UTC, Some("-0330"))]);
    let written = written(&small, false, &BALLS[..1], &options());
    written.check("offset");
    assert_eq!(text(&written.sr.bytes, tags::TIMEZONE_OFFSET_FROM_UTC), "-0330");
    assert_eq!(text(&written.sr.bytes, tags::CONTENT_DATE), "20260101");
    assert_eq!(text(&written.sr.bytes, tags::CONTENT_TIME), "223405");
}

/// Goal: unequal pixel spacing is not mixed up between rows and columns. Method: all referees; places in mm.
#[test]
fn unequal_pixel_spacing_is_kept_apart() {
    let small = SmallSeries::new(|s| s.pixel_spacing_mm = [0.6, 0.9]);
    written(&small, false, &BALLS, &options()).check("unequal spacing");
}

/// Goal: outlines of a volume that is a crop of the images (or was straightened from tilt) land on the right
/// pixels. Method: the same ball in the crop and in the whole; centres read back by others.
#[test]
fn a_shifted_volume_lands_on_the_right_pixels() {
    let small = SmallSeries::new(|_| {});
    let files = small.files();
    let mut result = small.result(&files, &[]);
    let whole = finding(&result.affine, result.shape, BALLS[0], 1);
    result.affine = result.affine.cropped_at(VoxelIndex { z: 0, y: 3, x: 2 });
    result.shape = [12, 18, 16];
    let ([z, y, x], radius) = BALLS[0];
    result.findings = vec![finding(&result.affine, result.shape, ([z, y - 3.0, x - 2.0], radius), 1)];
    let written = write_all(files, result, &options());
    let folder = tempfile::tempdir().unwrap();
    written.save(folder.path());
    check_valid("seg.dcm", &written.seg.as_ref().unwrap().bytes);
    let frames = &seg::read(&written.seg.as_ref().unwrap().bytes).unwrap()[0].frames;
    let runs: Vec<(usize, usize, usize)> = frames.iter().flat_map(|f| f.runs.clone()).collect();
    let expected: Vec<_> = whole.mask.runs().iter().map(|r| (r.y, r.x_start, r.x_end)).collect();
    assert_eq!(runs, expected);
    if let Some(reading) = foreign_reading(folder.path()) {
        check_near(
            "crop",
            &reading["segmentations"][0]["segments"][0]["center_lps"],
            whole.center.into(),
            1e-4,
        );
        check_near("crop", &reading["reports"][0]["nodules"][0]["mark_lps"], whole.center.into(), 0.8);
    }
}

/// Goal: an interpolated slice gets no frame of its own: it has no image. Method: one slice repeats its neighbour.
#[test]
fn an_interpolated_slice_has_no_frame() {
    let small = SmallSeries::new(|_| {});
    let files = small.files();
    let mut result = small.result(&files, &BALLS[..1]);
    result.slices[6] = result.slices[5].clone();
    let slices = result.findings[0].mask.slices();
    assert!(slices.contains(&6));
    let written = write_all(files, result, &options());
    check_valid("seg.dcm", &written.seg.as_ref().unwrap().bytes);
    let frames = &seg::read(&written.seg.unwrap().bytes).unwrap()[0].frames;
    assert_eq!(frames.len(), slices.len() - 1);
}

/// Goal: results that do not belong to the images are refused with the cause, not written wrong.
#[test]
fn results_that_do_not_fit_are_refused() {
    let small = SmallSeries::new(|_| {});
    let files = small.files();
    let other = SmallSeries::new(|s| s.pixel_spacing_mm = [0.8, 0.8]);
    let source = SourceContext::read(&other.files()[0], &Limits::default(), None).unwrap();
    let result = small.result(&files, &BALLS[..1]);
    let error = seg::write(&result, &source, &options()).unwrap_err().to_string();
    assert_eq!(error, "writing segmentation: the volume's grid is not that of the source images");
    let source = SourceContext::read(&files[0], &Limits::default(), None).unwrap();
    let mut result = small.result(&files, &BALLS[..1]);
    result.findings[0].measures.key_slice_index = 99;
    let error = sr::measurement_report::write(&result, &source, None, &options()).unwrap_err().to_string();
    assert_eq!(error, "writing structured report: key slice 100 of Nodule 1 is outside the volume");
}

/// Goal: a report without a segmentation carries everything in its planar groups.
#[test]
fn a_report_without_segmentation_is_complete() {
    let small = SmallSeries::new(|_| {});
    let files = small.files();
    let result = small.result(&files, &BALLS);
    let source = SourceContext::read(&files[0], &Limits::default(), None).unwrap();
    let report = sr::measurement_report::write(&result, &source, None, &options()).unwrap();
    check_valid("sr.dcm", &report.bytes);
    let read = sr::read::read(&report.bytes).unwrap();
    assert_eq!(read.nodules.len(), 3);
    assert!(read.nodules.iter().all(|n| n.segment.is_none() && n.volume_mm3.is_some() && n.center.is_some()));
}

/// Goal: broken bytes give errors, never a crash. Method: bytes of real objects changed and cut at random.
#[test]
fn broken_objects_are_refused_quietly() {
    let written = written(&SmallSeries::new(|_| {}), false, &BALLS[..1], &options());
    let objects = [written.files[0].clone(), written.sr.bytes, written.seg.unwrap().bytes];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1500));
    let strategy = (
        0..3_usize,
        proptest::collection::vec((any::<u32>(), any::<u8>()), 1..6),
        any::<u32>(),
        any::<bool>(),
    );
    runner
        .run(&strategy, |(which, changes, end, cut)| {
            let mut bytes = objects[which].clone();
            for (at, value) in changes {
                let at = at as usize % bytes.len();
                bytes[at] = value;
            }
            if cut {
                bytes.truncate(end as usize % bytes.len());
            }
            let _ = (
                SourceContext::read(&bytes, &Limits::default(), None),
                sr::read::read(&bytes),
                seg::read(&bytes),
            );
            Ok(())
        })
        .unwrap();
}
