//! Twelve typical nodules through every guideline: the page `docs/guideline-table.md`.

use super::super::compare::{Agreement, Comparison, compare};
use super::super::sentences::CAVEAT;
use super::super::table::Urgency;
use super::super::{ALL, NOT_APPLICABLE};
use super::cases::inputs;
use crate::clinical::{Answer, Outcome};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What it is in words, and its inputs. Volumes are those of a sphere of the mean diameter; Brock figures are
/// examples.
const NODULES: [(&str, &str); 12] = [
    ("solid 5 mm, first CT", "type=solid d5 m5.5 v65 timing=baseline"),
    ("solid 7 mm, first CT", "type=solid d7 m7.5 v180 timing=baseline"),
    ("solid 9 mm, first CT, Brock 6 %", "type=solid d9 m10 v382 timing=baseline brock=0.06"),
    ("solid 18 mm, first CT, Brock 45 %", "type=solid d18 m20 v3054 timing=baseline brock=0.45"),
    ("solid 5 mm, new", "type=solid d5 m5.5 v65 timing=new"),
    (
        "solid 7 mm, stable at 6 months (was category 3)",
        "type=solid d7 m7.5 v180 timing=stable prior_category=3 months_since_prior=6 months=6 volume_change=0.02 vdt_days=6400",
    ),
    (
        "solid 9 mm, growing in 3 months (was 7 mm)",
        "type=solid d9 m10 v382 timing=growing months=3 volume_change=1.12 vdt_days=84 growth_ge_2mm=true",
    ),
    ("ground-glass 8 mm, first CT", "type=ggn d8 m8.5 v268 timing=baseline"),
    ("ground-glass 32 mm, first CT", "type=ggn d32 m34 v17157 timing=baseline"),
    (
        "ground-glass 12 mm, stable at 12 months, Brock 8 %",
        "type=ggn d12 m13 v905 timing=stable prior_category=2 months=12 volume_change=0.05 vdt_days=5200 brock=0.08",
    ),
    ("part-solid 10 mm, solid part 4 mm, first CT", "type=part_solid d10 s4 m11 v524 sv34 timing=baseline"),
    (
        "part-solid 14 mm, solid part 8 mm, growing (solid part was 6 mm)",
        "type=part_solid d14 s8 m15 v1437 sv268 timing=growing months=3 volume_change=0.4 vdt_days=185 new_solid=true growth_ge_2mm=true",
    ),
];

fn comparison(words: &str) -> Comparison {
    let person = "age=62 risk=high";
    compare(&inputs(&format!("{words} {person}")).remove(0)).unwrap()
}

fn cell(answer: &Answer, urgency: Option<(Urgency, Urgency)>) -> String {
    match answer {
        Answer::Result(Outcome::Category(category)) if category.category == NOT_APPLICABLE => {
            format!("does not apply ({})", category.row)
        }
        Answer::Result(Outcome::Category(category)) => {
            let soon = urgency.map_or("as stated", |(urgency, _)| urgency.words());
            format!("**{}** ({}): {soon}", category.category, category.row)
        }
        Answer::Insufficient { missing } => format!("not given: {}", missing.join(", ")),
        Answer::NotApplicable { .. } => "no row covers it".to_owned(),
        _ => "undetermined".to_owned(),
    }
}

fn page() -> String {
    let mut page = String::from(
        "# One nodule, six guidelines\n\nTwelve typical nodules of a person of 62 whose risk a reader judged high, through every guideline: \
         category in the guideline's own words, row, and how soon it wants something done. Generated from \
         `crates/cad/src/guideline` by a test; do not edit. Volumes are those of spheres, Brock figures are examples. \
         \"No row covers it\" and \"not given\" are answers too: nothing is filled in. Whether the exam was made for \
         screening is left open here so that all can be compared; stated, it switches the others off.\n\n",
    );
    let titles: Vec<&str> = ALL.iter().map(|guideline| guideline.spec.title).collect();
    writeln!(page, "| nodule | {} | |", titles.join(" | ")).unwrap();
    writeln!(page, "|---|{}---|", "---|".repeat(titles.len())).unwrap();
    for (name, words) in NODULES {
        let comparison = comparison(words);
        let cells: Vec<String> = comparison
            .opinions
            .iter()
            .map(|opinion| cell(&opinion.evaluation.answer, opinion.urgency))
            .collect();
        let verdict = match comparison.agreement {
            Agreement::NothingToCompare => "-".to_owned(),
            Agreement::Agree(_) => "agree".to_owned(),
            Agreement::Differ { latest, soonest } => {
                format!("differ: {} to {}", latest.words(), soonest.words())
            }
        };
        writeln!(page, "| {name} | {} | {verdict} |", cells.join(" | ")).unwrap();
    }
    writeln!(page, "\n{CAVEAT}\n\nSources:\n").unwrap();
    for guideline in ALL {
        writeln!(
            page,
            "- {} (table version {}): {}",
            guideline.spec.title, guideline.spec.version, guideline.spec.citation
        )
        .unwrap();
    }
    page
}

/// Goal: the page shows what the code says. Method: written anew and compared; `LUNGCAD_UPDATE_SNAPSHOTS=1` writes it.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads and writes the page that it guards")]
fn the_page_of_twelve_nodules_is_what_the_code_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/guideline-table.md");
    let page = page();
    if std::env::var_os("LUNGCAD_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        written, page,
        "docs/guideline-table.md is out of date; run with LUNGCAD_UPDATE_SNAPSHOTS=1 and check it"
    );
}

/// Goal: disagreement is shown, with who stands where. Method: nodules on which the guidelines are known to
/// agree, to differ and to be silent.
#[test]
fn disagreement_is_shown_with_who_stands_where() {
    let differ = comparison("type=solid d7 v180 m7.5");
    assert_eq!(differ.agreement, Agreement::Differ { latest: Urgency::HalfYear, soonest: Urgency::Quarter });
    let words = differ.sentence();
    assert!(
        words.contains("about 6 months (Lung-RADS v2022, Fleischner Society 2017, C-Lung-RADS 2024)"),
        "{words}"
    );
    assert!(
        words.contains(
            "about 3 months (British Thoracic Society 2015, NELSON, European position statement 2017)"
        ),
        "{words}"
    );
    let one = compare(&inputs("type=airway level=main").remove(0)).unwrap();
    assert_eq!(one.agreement, Agreement::NothingToCompare);
    let agree =
        compare(&inputs("type=solid v900 brock=0.5 d17.9 suspicious=true model_probability=0.9").remove(0))
            .unwrap();
    assert_eq!(agree.agreement, Agreement::Agree(Urgency::Now));
    let open = comparison("type=solid v900 brock_min=0.05 brock_max=0.3 d12");
    let bts = open.opinions.iter().find(|opinion| opinion.guideline.spec.id == "guideline:bts_2015").unwrap();
    assert_eq!(bts.urgency, Some((Urgency::Quarter, Urgency::Now)));
    assert!(
        bts.sentence().contains("undetermined, between category ct_3m (row BTS15-S3)"),
        "{}",
        bts.sentence()
    );
}

/// Goal: each answer says its row, what was assumed and what is unconfirmed or ours; none diagnoses. Method: the
/// sentences of known nodules.
#[test]
fn answers_say_row_assumptions_and_standing() {
    let of = |id: &str, words: &str| super::super::evaluate(id, &inputs(words).remove(0)).unwrap();
    let baseline = of("lung_rads_2022", "type=solid d5.95").warnings.join("; ");
    assert!(baseline.contains("timing was not given: baseline is assumed"), "{baseline}");
    assert!(
        baseline.contains(
            "taken as no, because not given: benign, juxtapleural, suspicious, proven_benign, resolved"
        ),
        "{baseline}"
    );
    let terms = of("lung_rads_2022", "type=solid d5.95").terms;
    assert!(terms.iter().any(|term| term.name == "mean_mm" && (term.value - 6.0).abs() < 1e-9), "{terms:?}");
    assert!(
        of("bts_2015", "type=ggn phase=followup new_solid=true")
            .warnings
            .iter()
            .any(|one| one.contains("row BTS15-U4 is unconfirmed"))
    );
    assert!(
        of("lung_rads_2022", "type=ggn timing=growing d30")
            .warnings
            .iter()
            .any(|one| one.contains("row LR22-P3 is our choice"))
    );
    assert!(
        of("fleischner_2017", "age=60 type=solid d9 timing=growing")
            .warnings
            .iter()
            .any(|one| one.contains("not used"))
    );
    let refused = of("fleischner_2017", "age=30 type=solid d9");
    let words = super::super::sentences::sentence("Fleischner Society 2017", &refused);
    assert_eq!(
        words,
        "Fleischner Society 2017: does not apply (row FL17-X1): the guideline is for 35 years or more."
    );
    let Answer::Range { missing, .. } = of("bts_2015", "type=solid v900 brock_min=0 brock_max=1").answer
    else {
        panic!("a range across 10 % is undetermined");
    };
    assert_eq!(missing, ["brock"]);
    let stepped = of("lung_rads_2022", "type=solid d9 suspicious=true");
    assert!(
        stepped.steps.iter().any(|step| step.contains("LR22-4Aa") && step.contains("replaced by LR22-4X"))
    );
    assert!(stepped.warnings.iter().any(|one| one.contains("4X is proposed")));
    for row in ALL.iter().flat_map(|guideline| guideline.all_rows()) {
        let text = format!("{} {} {}", row.text, row.verdict.management, row.note).to_lowercase();
        assert!(!text.contains("diagnosis") && !text.contains("you have"), "{text}");
        assert!(!row.text.is_empty() && !row.verdict.management.is_empty(), "{} has no words", row.id);
    }
}
