//! One scan in, one report out.

use crate::support::{Orthanc, SMALL, ServerSpec, have, simulate};
use std::time::Duration;

/// Goal: a scan sent by storescu is analysed, and SR and SEG arrive at a PACS, once, with the findings that REST
/// shows. Method: simulated chest with one nodule, real Orthanc.
#[test]
fn a_scan_becomes_a_report_at_the_pacs() {
    if !have("Orthanc") || !have("storescu") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["--nodule", "RUL,16,solid"];
    arguments.extend(SMALL);
    let scan = simulate(&folder.path().join("scan"), &arguments);
    let orthanc = Orthanc::start();
    let server =
        ServerSpec::new(folder.path()).destination("pacs", orthanc.dicom_port, "ORTHANC", "").start();
    server.storescu(&scan.folder);
    let document = server.settled(&scan.series, Duration::from_secs(180));
    let series = &document["series"][0];
    assert_eq!(series["state"], "done", "{document:#}");
    let nodules = series["nodules"].as_array().unwrap();
    assert!(!nodules.is_empty(), "{document:#}");
    let timing = |step: &str| series["timings_ms"][step].as_u64().unwrap();
    assert!(timing("report") > 0 && timing("total") > timing("report"), "{:#}", series["timings_ms"]);
    server.delivered(&scan.series, Duration::from_secs(60));
    let mut modalities: Vec<String> =
        orthanc.instances().iter().map(|(_, tags)| tags["Modality"].as_str().unwrap().to_owned()).collect();
    modalities.sort();
    assert_eq!(modalities, ["SEG", "SR"]);
    let (status, png) =
        crate::support::get(&server.url(&format!("/api/v1/series/{}/nodules/1.png", scan.series)));
    assert_eq!((status, &png[1..4]), (200, &b"PNG"[..]));
    assert_eq!(server.stop(), Some(0));
}
