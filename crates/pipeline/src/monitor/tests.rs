//! Goal: the same distribution is stable, a moved one is not, an unseen kernel is noticed at once, few values say
//! nothing. Method: made-up series with known distributions.

use super::*;
use domain::{Attenuation, LpsPoint, LungsDocument, NoduleDocument, ReasonDocument, Side, VoxelPoint};

fn document(index: usize, score_shift: f64) -> SeriesDocument {
    let mut document = SeriesDocument::without_result("1.2.3", "1.2.3.4", SeriesState::Done, None);
    document.pack = Some(PackDocument {
        name: "p".to_owned(),
        version: "1.0.0".to_owned(),
        sha256: "ab".repeat(32),
        threshold: 0.5,
        runtime: String::new(),
    });
    document.lungs = Some(LungsDocument { left_ml: 2000.0 + f64::from(index as u32 % 50), right_ml: 2500.0 });
    // Scores go evenly through 0.5 to 0.9 in an order without pattern.
    let share = f64::from((index * 37 % 100) as u32) / 100.0;
    document.nodules.push(NoduleDocument {
        number: 1,
        tracking_uid: String::new(),
        center_lps_mm: LpsPoint { x: 0.0, y: 0.0, z: 0.0 },
        center_voxel_zyx: VoxelPoint { z: 0.0, y: 0.0, x: 0.0 },
        key_sop_instance_uid: String::new(),
        key_frame_number: None,
        score: 0.5 + 0.4 * share + score_shift,
        long_axis_mm: 8.0,
        short_axis_mm: 6.0,
        mean_diameter_mm: 7.0 + share,
        volume_mm3: 200.0,
        hu_mean: -50.0,
        hu_sd: 100.0,
        attenuation: Attenuation::Solid,
        character: None,
        side: Side::Left,
        place_in_lung: None,
        lobe: None,
        clinical: None,
    });
    document
}

fn observed(count: usize, score_shift: f64) -> Observations {
    let documents: Vec<SeriesDocument> = (0..count).map(|i| document(i, score_shift)).collect();
    Observations::of(documents.iter().map(|d| (d, None)))
}

fn found<'a>(drifts: &'a [SignalDrift], signal: &str) -> &'a SignalDrift {
    drifts.iter().find(|d| d.signal == signal).unwrap()
}

#[test]
fn a_moved_score_is_found_and_chance_is_not() {
    let reference = observed(2000, 0.0).reference("2026-01-01T00:00:00Z");
    assert_eq!(reference.numbers["score"].len(), KEPT_MAX, "thinned");
    let text = serde_json::to_vec(&reference).unwrap();
    let reference = Reference::parse("r", &text).unwrap();
    let same = compare(&reference, &observed(300, 0.0));
    assert_eq!(found(&same, "score").level, DriftLevel::Stable, "{same:#?}");
    let moved = compare(&reference, &observed(300, 0.1));
    let score = found(&moved, "score");
    assert_eq!(score.level, DriftLevel::Act, "{score:?}");
    assert!(score.ks.unwrap() > score.ks_limit.unwrap());
    assert!((score.now_median.unwrap() - score.reference_median.unwrap() - 0.1).abs() < 0.02);
    assert_eq!(moved[0].signal, "score", "the most moved first");
    assert_eq!(found(&moved, "diameter_mm").level, DriftLevel::Stable);
    assert_eq!(found(&compare(&reference, &observed(20, 0.1)), "score").level, DriftLevel::TooFew);
    assert!(Reference::parse("r", b"{}").is_err());
}

#[test]
fn a_word_never_seen_is_worth_a_look() {
    let reference = observed(200, 0.0).reference("2026-01-01T00:00:00Z");
    let mut now = observed(100, 0.0);
    now.word("outcome", "SLICE_GAP");
    let drifts = compare(&reference, &now);
    let outcome = found(&drifts, "outcome");
    assert_eq!(outcome.level, DriftLevel::Look);
    assert_eq!(outcome.new_words, ["SLICE_GAP"]);
    let mut skipped = SeriesDocument::without_result("1", "2", SeriesState::Skipped, None);
    skipped.reason = Some(ReasonDocument { code: "NOT_CT".to_owned(), message: String::new() });
    let one = Observations::of([(&skipped, None)]);
    assert_eq!(one.words["outcome"]["NOT_CT"], 1);
    assert!(one.numbers.is_empty());
}
