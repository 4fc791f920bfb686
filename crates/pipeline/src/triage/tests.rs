use super::*;

fn pack(sha256: &str, threshold: f64) -> PackIdentity {
    PackIdentity {
        name: "p".to_owned(),
        version: "1.0.0".to_owned(),
        sha256: sha256.to_owned(),
        threshold,
        runtime: String::new(),
    }
}

/// A result without findings by a pack.
fn result(pack: PackIdentity) -> AnalysisResult {
    AnalysisResult {
        study_instance_uid: "1.2".parse().unwrap(),
        series_instance_uid: "1.2.3".parse().unwrap(),
        input_digest: String::new(),
        config_digest: String::new(),
        affine: domain::Affine::axial(domain::LpsPoint { x: 0.0, y: 0.0, z: 0.0 }, [1.0; 3]).unwrap(),
        shape: [1; 3],
        slices: Vec::new(),
        findings: Vec::new(),
        lungs: domain::LungVolumes { left_ml: 1.0, right_ml: 1.0 },
        warnings: Vec::new(),
        pack,
        timings_ms: domain::Timings::default(),
        clinical: None,
        triage: None,
    }
}

fn rising(exams: usize) -> Vec<f64> {
    (1..=exams).map(|k| k as f64 / exams as f64).collect()
}

/// Goal: a calibration survives its stored form and places an exam; another pack, other files or another threshold are
/// "not calibrated" with the reason; so is a site with too few exams, with the count.
#[test]
fn exams_are_placed_or_it_is_said_why_not() {
    let own = pack("ab", 0.3);
    assert_eq!(TriageCalibration::of(&rising(499), &own).unwrap_err().found, 499);
    let made = TriageCalibration::of(&rising(500), &own).unwrap();
    let calibration = TriageCalibration::parse(&serde_json::to_string(&made).unwrap()).unwrap();
    assert_eq!(calibration, made);
    let site = SiteTriage::Calibrated { version: 4, calibration };
    let triage = placed(&result(own), &site);
    assert_eq!((triage.status, triage.score, triage.exams_count), (TriageStatus::Calibrated, Some(1), 500));
    assert_eq!((triage.calibration_version, triage.reason.as_deref()), (Some(4), None));
    let mut renamed = pack("ab", 0.3);
    renamed.version = "1.0.1".to_owned();
    for (other, part) in [
        (pack("cd", 0.3), "scores of another pack"),
        (renamed, "found with p 1.0.1"),
        (pack("ab", 0.31), "threshold 0.3"),
    ] {
        let triage = placed(&result(other), &site);
        assert_eq!((triage.status, triage.score), (TriageStatus::NotCalibrated, None));
        assert!(triage.reason.as_ref().unwrap().contains(part), "{triage:?}");
    }
    let triage = placed(&result(pack("ab", 0.3)), &SiteTriage::NotCalibrated { exams_count: 37 });
    assert_eq!(triage.short(), "not calibrated: 37 of 500 exams");
    assert!(TriageCalibration::parse("{}").is_err());
}

/// Goal: the limits of the tenths are told so that nobody looks for an exam where there is none. Method: 60 % without a
/// finding.
#[test]
fn tenths_are_told() {
    let mut scores = vec![0.0; 600];
    scores.extend(rising(400));
    let made = TriageCalibration::of(&scores, &pack("ab", 0.3)).unwrap();
    assert_eq!((made.exams_count, made.without_findings_count), (1000, 600));
    let tenths = made.tenths();
    assert_eq!(tenths.len(), 10);
    assert_eq!((tenths[0].as_str(), tenths[1].as_str()), ("to 0.0000", "none: as 0.0000"));
    assert_eq!((tenths[6].as_str(), tenths[9].as_str()), ("above 0.0000 to 0.2500", "above 0.7500"));
}

/// Goal: a table is read whatever its order, and each mistake is named with its line.
#[test]
fn tables_are_read_and_mistakes_named() {
    assert_eq!(scores_of_table("score,exam\r\n0.5,a\n0,\"b,1\"\n1,c\n").unwrap(), [0.5, 0.0, 1.0]);
    for (text, part) in [
        ("", "empty"),
        ("exam\n", "\"score\""),
        ("exam,score,age\n", "\"age\""),
        ("exam,score\na,1.01\n", "line 2: score"),
        ("exam,score\na,-0.1\n", "line 2: score"),
        ("exam,score\na,NaN\n", "line 2: score"),
        ("exam,score\na,0.1\nb,\n", "line 3: score"),
        ("exam,score\na,0.1\na,0.2\n", "line 3: exam \"a\""),
    ] {
        let error = scores_of_table(text).expect_err(text);
        assert!(error.contains(part), "{error} lacks {part}");
    }
}
