//! Screening or incidental rules.

use super::super::indication::ExamContext::{Incidental, Screening};
use super::super::indication::{ExamContext, ExamFacts, SiteSetting, choose};

fn check(codes: &[&str], names: &[&str], site: &SiteSetting, expected: ExamContext, why: &str) {
    let choice =
        choose(ExamFacts { order_codes: codes, protocol_names: names, age: Some(60.0), stated: None }, site);
    assert_eq!(choice.context, expected, "{codes:?} {names:?}: {}", choice.why);
    assert!(choice.why.contains(why), "{codes:?} {names:?}: {}", choice.why);
    assert!(choice.why.starts_with(expected.words()), "{}", choice.why);
    let leads = choice.guideline.map(|guideline| guideline.spec.id);
    let usual = if expected == Screening { "guideline:lung_rads_2022" } else { "guideline:fleischner_2017" };
    assert_eq!(leads, Some(usual));
}

/// Goal: order code before protocol name before site setting. Method: each alone and against the others.
#[test]
fn order_code_then_protocol_name_then_site_setting() {
    let none = SiteSetting::default();
    let screening = SiteSetting { context: Some(Screening), ..none.clone() };
    let incidental = SiteSetting { context: Some(Incidental), ..none.clone() };
    check(&["71271"], &["CT Thorax routine"], &incidental, Screening, "71271");
    check(&["g0297"], &[], &none, Screening, "HCPCS");
    check(&["Z122"], &[], &none, Screening, "Z122");
    check(&["71250"], &["CT Thorax routine"], &none, Incidental, "no order code");
    check(&[], &["LungCAD LDCT 1.0"], &incidental, Screening, "\"ldct\"");
    check(&[], &["Chest", "Lung Screening annual"], &none, Screening, "Lung Screening annual");
    check(&[], &["胸部低剂量CT"], &none, Screening, "低剂量");
    check(&[], &["CT non-screening chest"], &none, Incidental, "no order code");
    check(&[], &["chest, not for screening"], &none, Incidental, "no order code");
    check(&[], &["Chest"], &screening, Screening, "site's setting");
    check(&[], &["Chest"], &incidental, Incidental, "site's setting");
    let own = SiteSetting {
        screening_codes: vec!["LCT-9".into()],
        screening_words: vec!["Lungencheck".into()],
        ..none
    };
    check(&["lct9"], &[], &own, Screening, "set by the site");
    check(&[], &["CT LUNGENCHECK"], &own, Screening, "lungencheck");
}

/// Goal: no Fleischner under 35, and the site's own choice of guideline. Method: ages at the limit; settings.
#[test]
fn age_and_site_choose_the_guideline() {
    let at = |age: Option<f64>, site: &SiteSetting| choose(ExamFacts { age, ..ExamFacts::default() }, site);
    let none = SiteSetting::default();
    assert!(at(Some(34.0), &none).guideline.is_none());
    assert!(at(Some(34.0), &none).why.contains("35"));
    assert!(at(Some(35.0), &none).guideline.is_some());
    assert!(at(None, &none).guideline.is_some(), "an unknown age is named by the guideline itself");
    let british = SiteSetting { incidental_guideline: Some("bts_2015"), ..none.clone() };
    assert_eq!(at(Some(30.0), &british).guideline.map(|one| one.spec.id), Some("guideline:bts_2015"));
    let wrong = SiteSetting { incidental_guideline: Some("nice_2030"), ..none };
    assert_eq!(at(Some(60.0), &wrong).guideline.map(|one| one.spec.id), Some("guideline:fleischner_2017"));
    assert!(at(Some(60.0), &wrong).why.contains("nice_2030"));
}
