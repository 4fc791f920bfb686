//! What rules say to a series, in a reader's words and without markup: for the worklist page, tables and other programs
//! that show it to people. The ids beside the words are for tooltips and for stating what is missing.

use crate::answers::{answer_text, guideline_text, missing, risk_text};
use crate::names::name;
use crate::phrases::phrase;
use crate::words::Language;
use domain::{
    AssumedInput, ExamAssessment, GuidelineAssessment, NoduleAssessment, SeriesDocument, TRIAGE_SCORE_MAX,
};

/// A series for readers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What the leading guideline says to the exam, with its name in front; empty where rules were not asked.
    pub exam: String,
    /// Number of the nodule that decides.
    pub decided_by: Option<usize>,
    /// Which rules were applied, and why.
    pub why: String,
    /// Notes to the exam: what is sure at least, what stands beside it, what is proposed, what was assumed.
    pub notes: Vec<String>,
    /// Where the exam lies in the worklist, why, and what that may be used for; empty where it was not asked.
    pub triage: Vec<String>,
    /// Values that rules lacked and that a site can state.
    pub missing: Vec<MissingValue>,
    /// One per nodule that was judged.
    pub nodules: Vec<NoduleReading>,
}

/// A value that rules lacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingValue {
    /// Name of the rules' input.
    pub input: String,
    /// The same for people.
    pub words: String,
}

/// A nodule for readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoduleReading {
    /// Its number.
    pub number: usize,
    /// Name of the risk model that is shown first.
    pub risk_model: String,
    /// What it says.
    pub risk: String,
    /// Name of the leading guideline; empty where none leads.
    pub guideline: String,
    /// What it says.
    pub category: String,
    /// Row that gives the category, for tooltips; empty where none does.
    pub row: String,
    /// What nobody stated and the category stands on.
    pub assumed: Vec<String>,
}

/// The series in the reader's words.
#[must_use]
pub fn reading(series: &SeriesDocument, language: Language) -> Reading {
    let mut reading = series.clinical.as_ref().map(|exam| of_exam(exam, language)).unwrap_or_default();
    let leading = series.clinical.as_ref().and_then(|exam| exam.guideline.as_deref());
    let judged = series.nodules.iter().filter_map(|nodule| nodule.clinical.as_ref());
    reading.nodules = judged.map(|clinical| of_nodule(clinical, leading, language)).collect();
    let value = |id: &str| MissingValue { input: id.to_owned(), words: name(id, language) };
    reading.missing = missing(&series.nodules).into_iter().map(value).collect();
    if let Some(triage) = &series.triage {
        let words = language.words();
        let place = match triage.score {
            Some(score) => format!("{score} {} {TRIAGE_SCORE_MAX}", words.of),
            None => words.not_calibrated.to_owned(),
        };
        let use_words = words.triage_use.unwrap_or(&triage.intended_use).to_owned();
        reading.triage = vec![place, said(&triage.basis(), language), use_words];
    }
    reading
}

/// A sentence in the reader's words, or as it stands.
fn said(text: &str, language: Language) -> String {
    phrase(text, language).unwrap_or_else(|| text.to_owned())
}

fn of_exam(exam: &ExamAssessment, language: Language) -> Reading {
    let words = language.words();
    let lead = exam.guideline.as_deref().unwrap_or_default();
    let mut notes = Vec::new();
    for (label, category) in [(words.at_least, &exam.at_least), (words.beside, &exam.beside)] {
        notes.extend(category.iter().map(|one| format!("{label} {}", answer_text(lead, one, language))));
    }
    let proposed = exam.proposed.iter().map(|one| format!("{}: {}", words.proposed, said(one, language)));
    notes.extend(proposed);
    notes.extend(exam.category.iter().flat_map(|category| assumed_texts(category, language)));
    notes.extend(exam.warnings.iter().map(|warning| said(warning, language)));
    Reading {
        exam: exam.category.as_ref().map_or_else(
            || words.no_guideline.to_owned(),
            |category| format!("{}: {}", category.basis.title, guideline_text(category, language)),
        ),
        decided_by: exam.decided_by,
        why: said(&exam.why, language),
        notes,
        ..Reading::default()
    }
}

fn of_nodule(clinical: &NoduleAssessment, leading: Option<&str>, language: Language) -> NoduleReading {
    let risk = clinical.risks.first();
    let guideline = leading.and_then(|id| clinical.guideline(id));
    let row = guideline.and_then(|one| one.category.as_ref()).map(|category| category.row.clone());
    NoduleReading {
        number: clinical.number,
        risk_model: risk.map(|risk| risk.basis.title.clone()).unwrap_or_default(),
        risk: risk.map(|risk| risk_text(risk, language)).unwrap_or_default(),
        guideline: guideline.map(|one| one.basis.title.clone()).unwrap_or_default(),
        category: guideline.map(|one| guideline_text(one, language)).unwrap_or_default(),
        row: row.unwrap_or_default(),
        assumed: guideline.map(|one| assumed_texts(one, language)).unwrap_or_default(),
    }
}

/// What nobody stated, with what the guideline would say if it were yes.
fn assumed_texts(guideline: &GuidelineAssessment, language: Language) -> Vec<String> {
    let words = language.words();
    let one = |assumed: &AssumedInput| {
        let instead = match &assumed.instead {
            Some(category) => answer_text(&guideline.guideline, category, language),
            None => words.not_settled.to_owned(),
        };
        format!("{} {} ({} {instead})", words.stands_on, name(&assumed.name, language), words.if_yes)
    };
    guideline.assumed.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    /// Goal: the words of the page without its markup: answer, risk, place, what is missing with its id. Method: the judged
    /// sample in both languages, and a series that was not analysed.
    #[test]
    fn a_series_in_words() {
        let mut document = samples::judged();
        let series = &mut document.series[0];
        let benign = AssumedInput { name: "benign".into(), instead: None };
        series.clinical.as_mut().unwrap().category.as_mut().unwrap().assumed.push(benign);
        let english = reading(series, Language::English);
        assert_eq!(english.exam, "Lung-RADS v2022: category 3: LDCT in 6 months");
        assert_eq!(
            (english.why.as_str(), english.decided_by),
            ("order code 71271; Lung-RADS v2022 leads", Some(1))
        );
        assert!(
            english
                .notes
                .iter()
                .any(|note| note.contains("benign calcification") && note.contains("taken as no"))
        );
        assert_eq!(english.triage[0], "8 of 10");
        let nodule = &english.nodules[0];
        assert_eq!((nodule.risk.as_str(), nodule.row.as_str()), ("8–12 %, undetermined", "LR22-3a"));
        assert_eq!(nodule.category, "category 3: LDCT in 6 months");
        let emphysema = MissingValue { input: "emphysema".into(), words: "emphysema on CT".into() };
        assert_eq!(english.missing, [emphysema]);
        let chinese = reading(series, Language::Chinese);
        assert_eq!(chinese.exam, "Lung-RADS v2022: 3 类: 6 个月后低剂量 CT");
        assert_eq!(chinese.nodules[0].risk, "8–12%, 不能确定");
        assert_eq!(reading(&document.series[1], Language::English), Reading::default());
    }
}
