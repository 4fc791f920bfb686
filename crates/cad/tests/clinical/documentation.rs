//! `docs/CLINICAL.md` is made from the rules; this compares it, and writes it where
//! `LUNGCAD_UPDATE_SNAPSHOTS=1` is set.

use crate::cases::{path, text};
use cad::clinical::{Interval, Rule, Standing, rules};
use cad::guideline::table::Origin;
use std::fmt::Write as _;

const NAME: &str = "docs/CLINICAL.md";

const HEAD: &str = "# Clinical rules\n\n\
<!-- Made from the code by `LUNGCAD_UPDATE_SNAPSHOTS=1 cargo test -p cad --test clinical`. Do not edit. -->\n\n\
Every risk model, guideline, measure and eligibility rule that lungcad knows: where it comes from, whom it was made for, \
what of it was seen in a source and what was not, its inputs and its numbers. lungcad is a second reader for research \
use; nothing here is a diagnosis, and every answer carries its rule, version, row, terms and what was missing.\n\n\
- **Ask it yourself**: `lungcad clinical --list`, `lungcad clinical --explain`, `POST /api/v1/clinical/evaluate`.\n\
- **How fast**: `cargo run --release -p cad --example clinical_rate` prints evaluations a second on one core, of each risk \
model and of all guidelines together (asked for are 100,000 and 20,000); no test waits for it.\n\
- **Nothing is silently zero.** A missing yes/no input, sex or type of a Brock model gives a *range* over all its values; \
any other missing input gives *insufficient* with its name. A range that crosses a threshold reads *undetermined*.\n\
- **Need** of an input: `required` (without it no answer), `ranged` (without it a range), `optional` (its meaning says what \
happens without it).\n\
- **Accepts**: outside is an error that names the input. **Made for**: outside is a warning.\n\
- **Off**: present, and answers *not applicable* unless the caller asks for unconfirmed rules by a switch of its own.\n\
- Sizes are kept unrounded; each guideline rounds by its own rule. Nodule models speak of a nodule; `llpv2`, `llpv3` and \
`plcom2012` of a person, and are never printed as a property of a nodule. Models are never averaged, and the score of a \
network is never a pretest probability.\n\
- Each number of a risk model or measure and each limit of an eligibility rule is held by tests: one unit more or less in its last place, or its absence, fails a published vector or a \
case of the second implementation (`tests/foreign/clinical_cases.py`).\n\n";

/// How rules are asked about a scan; the tables of what a site may state follow it.
const SCANS: &str = "## Rules on a scan\n\n\
Every result is judged when its report is written: each finding by the risk models and by every guideline, the exam by \
the guideline that leads. The answers stand in `findings.json` and REST (`clinical` of series and nodules), in the SR, in \
the SEG's labels, on the overview page and in `lungcad findings`.\n\n\
- **Which models.** `brock2b` where spiculation is known, else `brock2a`; `mayo`, `va`, `pkuph` beside it; Herder only \
where the site states an uptake in PET (`clinical.herder_form`). None for a calcified finding but those that ask for \
calcification. Person models are never printed.\n\
- **Which guideline leads.** What the site says of this exam (`screening_exam`), else an order code, else a word of \
protocol, study or series name, else `clinical.context`, else incidental. The report says which and why. The others \
stand beside it, with whether they agree on how soon something should be done.\n\
- **What an answer stands on.** Yes/no inputs that nobody stated are taken as no by the guidelines; where a yes alone \
would change the answer, `assumed` names them with what the guideline would say instead, and a calcified nodule whose \
pattern nobody stated shows the category of a benign one beside its own.\n\
- **The exam.** The most severe category of its nodules. A nodule without a settled answer leaves the exam's open, with \
what is sure as \"at least\". 4X and the modifier S are only proposed.\n\
- **Brock in guidelines** goes in as a probability or as both ends of its range; a range across a limit makes the row \
undetermined.\n\n\
Each value is shown with its source; what the site states stands over the header, the header over a measure, and a \
contradiction is told:\n\n\
| source | values |\n|---|---|\n\
| finding | `diameter_mm` (`clinical.brock_size`), `mean_mm`, `max_mm`, `dmin_mm`, `volume_mm3`, `type` and `calcification` by \
the pack's characterizer, else by HU, `spiculation` where that is sure, `upper_lobe` by the fissures, near them by the place in the lung, `nodule_count` and `multiple` by the findings that are not calcified |\n\
| DICOM | `age` (PatientAge, else PatientBirthDate and StudyDate), `female` (PatientSex), `ever_smoker` where SmokingStatus is \
YES (NO says nothing of the past), order codes (ProcedureCodeSequence, RequestedProcedureCodeSequence and their reasons), \
names of protocol, study and series |\n\
| site | the tables below, by `PUT /api/v1/studies/{uid}/clinical` or `lungcad clinical-import` |\n\n\
**Upper lobe** (ours): by the lobe where the nodule is further from the fissures that were found than these are usually \
misplaced (docs/LOBES.md). Elsewhere by its place: in the upper third of the lung's height a nodule counts as upper lobe, but \
in its back third only from 85 % on (superior segment of the lower lobe); in the lower third it does not, on the left \
only in the back half (lingula); between, it is not known. The origin of the value says \"likely\". Spiculation is \
taken only where the pack's characterizer is sure of it; border and solid part never, as no pack states them.\n\n\
**Tables**: `lungcad clinical-import FILE` takes CSV with a column `PatientID` or `AccessionNumber` and one for each \
value; a column `TrackingUID` makes a row speak of that nodule (`type`, `spiculation`, `benign`, `timing` ...). An empty \
cell states nothing, `null` takes a value away, a table with any mistake changes nothing (`--dry-run` shows what would). \
What is said of a patient or order without a study in the archive waits for the study \
and becomes version 1 of its clinical data (`/api/v1/clinical/awaited` shows and changes what waits; an order stands \
over its patient). How a result reads in words, for a page of one's own, is at \
`/api/v1/series/{uid}/reading?language=en|zh`.\n\n\
**A change** of clinical data is a version with author and time. The findings are judged again without an analysis, the \
new report names the old one as its predecessor, and the old result is superseded by it in one step.\n\n\
### Exam triage score\n\n\
From 1 to 10: the tenth of the site's own exams in which the exam's highest nodule score lies. **It orders a list; it is \
never a reason to skip a reading**, and no list that it orders leaves an exam out. Savings of readings are shown for \
mammography with double reading, not for lung (`lungcad simulate-workload` computes them from a site's own list).\n\n\
- `lungcad calibrate --triage` takes the latest exams of the archive (`--exams`, 2000) or a table (`--scores CSV`, columns \
`exam,score`), 500 at least. An exam without a finding has the score 0; exams with equal scores have equal tenths, so \
where 60 % of the exams are without a finding the scores 2 to 6 are not given.\n\
- A calibration is stored under the next version and never changes (`GET /api/v1/triage`). It holds for one pack (name, \
version, sha256) at one threshold: a result of any other reads \"not calibrated\", because its scores mean something else. \
Deciles of public data are never shipped: they have far more disease than a screening site.\n\
- Each result is placed when its analysis ends or its clinical data change, and keeps its score and the version behind \
it. Before there is a calibration it reads \"not calibrated\" with the number of earlier exams.\n\
- Where it stands: `triage` in `findings.json` and `/api/v1/series/{uid}`, `triage_score` in the lists and results of \
REST, `/api/v1/studies?order=triage` (highest first; exams without a score after them, newest first), the SR (code \
`TRIAGE` of 99LUNGCAD), the overview page, `findings.csv` and `lungcad findings`.\n\
- Make a new one after a change of pack, threshold, scanner or protocol; `lungcad monitor` says when scores drift.\n\n";

/// Values that a site may state.
fn stated(title: &str, specs: &[cad::clinical::InputSpec]) -> String {
    let mut table = format!("### {title}\n\n| name | accepts | meaning |\n|---|---|---|\n");
    for input in specs {
        let _ =
            writeln!(table, "| `{}` | {} | {} |", input.name, cell(&input.accepted()), cell(input.meaning));
    }
    table.push('\n');
    table
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Table of the inputs; a list that several guidelines share stands at the first of them.
fn inputs(rule: &dyn Rule) -> String {
    let spec = rule.spec();
    let first =
        rules().find(|other| other.spec().inputs == spec.inputs).map_or(spec.id, |other| other.spec().id);
    if first != spec.id && spec.id.starts_with("guideline:") {
        return format!("\nInputs: those of `{first}`.\n");
    }
    let uses = rule.uses();
    let mut table = "\n| input | need | accepts | made for | meaning |\n|---|---|---|---|---|\n".to_owned();
    for input in spec.inputs.iter().filter(|input| uses.contains(&input.name)) {
        let usual = input.usual.map_or_else(String::new, |(low, high)| format!("{low} to {high}"));
        let (need, accepts, meaning) = (input.need.word(), cell(&input.accepted()), cell(input.meaning));
        let _ = writeln!(table, "| `{}` | {need} | {accepts} | {usual} | {meaning} |", input.name);
    }
    table
}

/// Rows of a guideline in order of precedence; empty for every other rule.
fn guideline_rows(id: &str) -> String {
    let Some(guideline) = cad::guideline::ALL.iter().find(|guideline| guideline.spec.id == id) else {
        return String::new();
    };
    let mut table =
        "\n| row | condition | category | months | recommendation | standing |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for row in guideline.all_rows() {
        let months = match &row.verdict.interval {
            Interval::Absent | Interval::None => String::new(),
            Interval::Months(months) => months.to_string(),
            Interval::Text(text) => (*text).to_owned(),
        };
        let standing = match row.origin {
            Origin::Guideline => String::new(),
            Origin::Ours(why) => format!("ours: {why}"),
            Origin::Unconfirmed(what) => format!("**not confirmed**: {what}"),
        };
        let cells =
            [row.id, row.text, row.verdict.category, &months, row.verdict.management, &standing].map(cell);
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    }
    table
}

fn section(rule: &dyn Rule) -> String {
    let spec = rule.spec();
    let mut page = format!("### `{}`: {}\n\n", spec.id, spec.title);
    let unit = if spec.unit.is_empty() { String::new() } else { format!(" ({})", spec.unit) };
    let _ = writeln!(page, "- Gives: {}{unit}. Table version {}.", spec.predicts, spec.version);
    let _ = writeln!(page, "- For: {}.", spec.population);
    let _ = writeln!(page, "- Source: {}.", spec.citation);
    let standing = match spec.standing {
        Standing::Confirmed => "numbers seen in a source".to_owned(),
        Standing::PartlyConfirmed(what) => format!("in use, **not confirmed**: {what}"),
        Standing::Off(why) => format!("**off**: {why}"),
    };
    let _ = writeln!(page, "- Standing: {standing}.");
    for note in spec.notes {
        let _ = writeln!(page, "- Note: {note}.");
    }
    page.push_str(&inputs(rule));
    if !rule.constants().is_empty() {
        page.push_str("\n| number | value |\n|---|---|\n");
        for constant in rule.constants() {
            let _ = writeln!(page, "| {} | {} |", constant.name, constant.value);
        }
    }
    page.push_str(&guideline_rows(spec.id));
    let rows = rule.rows();
    if !rows.is_empty() {
        page.push('\n');
        for row in rows {
            let _ = writeln!(page, "- {row}");
        }
    }
    page.push('\n');
    page
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str(SCANS);
    page.push_str(&stated("What a site may state of the patient and the exam", cad::assess::site::PERSON));
    page.push_str("Also `significant_finding`, a text: a finding that is not lung cancer (proposes the modifier S).\n\n");
    let title = "What a site may state of a nodule: `nodules.<tracking UID>`";
    page.push_str(&stated(title, cad::assess::site::NODULE));
    for (title, prefix) in [
        ("Risk models", None),
        ("Guidelines", Some("guideline:")),
        ("Measures", Some("measure:")),
        ("Eligibility", Some("eligibility:")),
    ] {
        let _ = writeln!(page, "## {title}\n");
        let belongs = |id: &str| match prefix {
            Some(prefix) => id.starts_with(prefix),
            None => !id.contains(':'),
        };
        rules().filter(|rule| belongs(rule.spec().id)).for_each(|rule| page.push_str(&section(rule)));
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Goal: the page never ages. Method: made again and compared.
#[test]
#[allow(clippy::disallowed_methods, reason = "this test writes the page it compares, when asked to")]
fn the_page_is_the_code() {
    let made = page();
    if std::env::var("LUNGCAD_UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        std::fs::write(path(NAME), &made).unwrap();
    }
    let stored = if path(NAME).is_file() { text(NAME) } else { String::new() };
    let first = made.lines().zip(stored.lines()).position(|(a, b)| a != b);
    assert!(
        made == stored,
        "{NAME} differs from the rules (line {first:?}); run with LUNGCAD_UPDATE_SNAPSHOTS=1"
    );
}
