//! Risks and categories on the overview page: the exam, the cells of the table, the card of a nodule. In the words of the
//! guideline and the reader; ids of rows and categories are tooltips.

use crate::answers::{self, Answered, TAKEN_AS_NO};
use crate::figures;
use crate::names::name;
use crate::overview_html::escaped;
use crate::phrases::phrase;
use crate::words::Language;
use domain::{
    AnswerBasis, AnswerStatus, AssumedInput, Attenuation, ExamAssessment, ExamContext, ExamTriage,
    GuidelineAssessment, GuidelineCategory, InputSource, NoduleAssessment, NoduleDocument, RiskAssessment,
    SourcedInput,
};
use std::fmt::Write;

/// What rules say to the exam.
pub(crate) fn exam(html: &mut String, exam: &ExamAssessment, language: Language) {
    let words = language.words();
    let context = match exam.context {
        ExamContext::Screening => words.screening,
        ExamContext::Incidental => words.incidental,
    };
    html.push_str("<div class=\"exam\">\n");
    let verdict = match &exam.category {
        Some(category) => guideline_line(category, language),
        None => words.no_guideline.to_owned(),
    };
    let by =
        exam.decided_by.map(|number| format!(" <span class=\"dim\">({} {number})</span>", words.by_nodule));
    let _ = writeln!(html, "<p class=\"verdict\">{verdict}{}</p>", by.unwrap_or_default());
    let leading = exam.guideline.as_deref().unwrap_or_default();
    for (label, category) in [(words.at_least, &exam.at_least), (words.beside, &exam.beside)] {
        if let Some(category) = category {
            let _ = writeln!(html, "<p>{label} {}</p>", answer(leading, category, language));
        }
    }
    if let Some(category) = &exam.category {
        assumed(html, category, &category.assumed, language);
    }
    let _ = writeln!(html, "<p class=\"dim\">{context}: {}</p>", sentence(&exam.why, language));
    if !exam.proposed.is_empty() {
        let items: Vec<String> = exam.proposed.iter().map(|one| sentence(one, language)).collect();
        let _ = writeln!(html, "<p class=\"proposed\"><b>{}:</b> {}</p>", words.proposed, items.join("; "));
    }
    let inputs: Vec<String> = exam.inputs.iter().map(|input| input_words(input, language)).collect();
    if !inputs.is_empty() {
        let version = exam
            .site_version
            .map(|version| format!(" ({} {version})", words.site_version))
            .unwrap_or_default();
        let _ = writeln!(html, "<p class=\"inputs\">{}{version}: {}</p>", words.known, inputs.join("; "));
    }
    for warning in &exam.warnings {
        let _ = writeln!(html, "<p class=\"warning\">{}</p>", sentence(warning, language));
    }
    html.push_str("</div>\n");
}

/// What rules could not say of the nodules for want of values, and where to give them; nothing where nothing is missing.
pub(crate) fn missing(html: &mut String, nodules: &[NoduleDocument], language: Language) {
    let ids = answers::missing(nodules);
    if ids.is_empty() {
        return;
    }
    let words = language.words();
    let names: Vec<String> = ids
        .iter()
        .map(|id| format!("<span title=\"{}\">{}</span>", escaped(id), escaped(&name(id, language))))
        .collect();
    let _ = writeln!(
        html,
        "<p class=\"missing\"><b>{}:</b> {}. {}</p>",
        words.not_stated,
        names.join("; "),
        words.where_to_state
    );
}

/// Where the exam lies among the site's own, with what that is for.
pub(crate) fn triage(html: &mut String, triage: &ExamTriage, language: Language) {
    let words = language.words();
    let score = match triage.score {
        Some(score) => format!("<b>{score}</b> {} {}", words.of, domain::TRIAGE_SCORE_MAX),
        None => format!("<b>{}</b>", words.not_calibrated),
    };
    let _ = writeln!(
        html,
        "<p class=\"triage\">{}: {score} <span class=\"dim\">{}. {}</span></p>",
        words.triage,
        sentence(&triage.basis(), language),
        words.triage_use.map_or_else(|| escaped(&triage.intended_use), str::to_owned)
    );
}

/// Cells of the nodule table: risk by Brock, answer of the leading guideline. Empty where rules were not asked.
pub(crate) fn cells(nodule: &NoduleDocument, leading: Option<&str>, language: Language) -> (String, String) {
    let Some(clinical) = &nodule.clinical else { return (String::new(), String::new()) };
    let risk = clinical.risks.first().map(|risk| risk_cell(risk, language)).unwrap_or_default();
    let guideline = leading.and_then(|id| clinical.guideline(id));
    let category =
        guideline.map(|guideline| short(guideline, nodule.attenuation, language)).unwrap_or_default();
    (risk, category)
}

/// What the rules say to one nodule.
pub(crate) fn card(
    html: &mut String,
    clinical: &NoduleAssessment,
    leading: Option<&str>,
    language: Language,
) {
    let words = language.words();
    let _ = writeln!(html, "<div class=\"card\">\n<h3>{} {}</h3>", words.nodule, clinical.number);
    let _ = writeln!(html, "<h4>{}</h4>\n<ul>", words.risk);
    for risk in &clinical.risks {
        let _ = writeln!(
            html,
            "<li><b>{}</b>: {}{}</li>",
            escaped(&risk.basis.title),
            risk_words(risk, language),
            details(&risk.basis, &[], language)
        );
    }
    let _ = writeln!(html, "</ul>\n<h4>{}</h4>\n<ul>", words.guidelines);
    for guideline in &clinical.guidelines {
        let class = if leading == Some(guideline.guideline.as_str()) { " class=\"leads\"" } else { "" };
        let _ = write!(html, "<li{class}>{}", guideline_line(guideline, language));
        // The leading guideline says in full what it stands on; the others in the sentence among their notes.
        let shown: &[AssumedInput] = if class.is_empty() { &[] } else { &guideline.assumed };
        assumed(html, guideline, shown, language);
        let _ = writeln!(html, "{}</li>", details(&guideline.basis, shown, language));
    }
    let _ = writeln!(html, "</ul>\n<p class=\"dim\">{}</p>\n</div>", sentence(&clinical.agreement, language));
}

/// What nobody stated and the answer stands on, with the answer otherwise.
fn assumed(html: &mut String, guideline: &GuidelineAssessment, shown: &[AssumedInput], language: Language) {
    if shown.is_empty() {
        return;
    }
    let words = language.words();
    let items: Vec<String> = shown.iter().map(|one| assumed_words(guideline, one, language)).collect();
    let _ = writeln!(html, "<p class=\"assumed\"><b>{}</b> {}</p>", words.stands_on, items.join("; "));
}

/// One of them: what it is, and what the guideline would say.
fn assumed_words(guideline: &GuidelineAssessment, one: &AssumedInput, language: Language) -> String {
    let words = language.words();
    let instead = match &one.instead {
        Some(category) => answer(&guideline.guideline, category, language),
        None => words.not_settled.to_owned(),
    };
    format!(
        "<span title=\"{}\">{}</span> <span class=\"dim\">({} {instead})</span>",
        escaped(&one.name),
        escaped(&name(&one.name, language)),
        words.if_yes
    )
}

/// What a reader should know, small, but for what is `shown` already; the terms fold out.
fn details(basis: &AnswerBasis, shown: &[AssumedInput], language: Language) -> String {
    let words = language.words();
    let mut html = String::new();
    let is_shown = |warning: &String| !shown.is_empty() && warning.starts_with(TAKEN_AS_NO);
    for warning in basis.warnings.iter().filter(|warning| !is_shown(warning)) {
        let _ = write!(html, "<br><span class=\"dim\">{}</span>", sentence(warning, language));
    }
    let products = basis.terms.iter().filter(|term| term.coefficient.is_some());
    let terms: Vec<String> = products
        .map(|term| {
            let coefficient = term.coefficient.unwrap_or_default();
            format!(
                "{} {} &times; {} = {}",
                escaped(&name(&term.name, language)),
                significant(coefficient),
                significant(term.input),
                significant(term.value)
            )
        })
        .collect();
    if !terms.is_empty() {
        let _ = write!(
            html,
            "<details><summary>{}</summary><span class=\"dim\">{}</span></details>",
            words.terms,
            terms.join("; ")
        );
    }
    html
}

/// Three digits of a coefficient: enough to follow the sum, which stands with all of them in the findings document.
fn significant(value: f64) -> String {
    let digits = if value.abs() >= 10.0 {
        0
    } else if value.abs() >= 1.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

/// A sentence that a rule or a stage wrote, in the reader's words; one that has none stays English and is marked as such.
pub(crate) fn sentence(text: &str, language: Language) -> String {
    match (phrase(text, language), language) {
        (Some(words), _) => escaped(&words),
        (None, Language::English) => escaped(text),
        (None, Language::Chinese) if !text.is_ascii() || !text.contains(' ') => escaped(text),
        (None, Language::Chinese) => format!("<span lang=\"en\">{}</span>", escaped(text)),
    }
}

fn names(missing: &[String], language: Language) -> String {
    let named =
        |id: &String| format!("<span title=\"{}\">{}</span>", escaped(id), escaped(&name(id, language)));
    missing.iter().map(named).collect::<Vec<_>>().join("; ")
}

fn input_words(input: &SourcedInput, language: Language) -> String {
    let words = language.words();
    let [finding, dicom, site, rule] = words.sources;
    let source = match input.source {
        InputSource::Finding => finding,
        InputSource::Dicom => dicom,
        InputSource::Site => site,
        InputSource::Rule => rule,
    };
    format!(
        "{} <b>{}</b> <span class=\"dim\">({source}: {})</span>",
        escaped(&name(&input.name, language)),
        escaped(&figures::value(&input.name, &input.value, language)),
        sentence(&input.origin, language)
    )
}

/// `8.9 %`, a range with its verdict, or why there is none.
fn risk_words(risk: &RiskAssessment, language: Language) -> String {
    let words = language.words();
    match (risk.probability, risk.range) {
        (Some(probability), _) => format!("<b>{}</b>", figures::percent(probability, language)),
        (None, Some(range)) => {
            let verdict =
                if risk.undetermined { format!(", <b>{}</b>", words.undetermined) } else { String::new() };
            format!(
                "<b>{}</b>{verdict} <span class=\"dim\">({} {})</span>",
                figures::percent_range(range, language),
                words.missing,
                names(&risk.basis.missing, language)
            )
        }
        (None, None) => {
            let label = match risk.basis.status {
                AnswerStatus::NotApplicable => words.does_not_apply,
                _ => words.not_computed,
            };
            why_not(label, &risk.basis, language)
        }
    }
}

/// The same for a cell of a table; what is missing stands on the card.
fn risk_cell(risk: &RiskAssessment, language: Language) -> String {
    let words = language.words();
    match (risk.probability, risk.range) {
        (Some(probability), _) => format!("<b>{}</b>", figures::percent(probability, language)),
        (None, Some(range)) => {
            let verdict =
                if risk.undetermined { format!("<br>{}", words.undetermined) } else { String::new() };
            format!("{}{verdict}", figures::percent_range(range, language))
        }
        (None, None) if risk.basis.status == AnswerStatus::NotApplicable => words.does_not_apply.to_owned(),
        (None, None) => words.not_computed.to_owned(),
    }
}

/// That there is no answer, and why: `not computed (not known: age)`, `does not apply: it is for screening exams`.
fn why_not(label: &str, basis: &AnswerBasis, language: Language) -> String {
    let words = language.words();
    if !basis.missing.is_empty() {
        return format!("{label} ({} {})", words.missing, names(&basis.missing, language));
    }
    let reason = basis.reason.as_deref().map(|reason| sentence(reason, language)).unwrap_or_default();
    format!("{label}: {reason}")
}

/// Category in the guideline's notation, where it has one, and what it recommends; the ids are the tooltip.
fn answer(guideline: &str, category: &GuidelineCategory, language: Language) -> String {
    let Answered { notation, management } = Answered::of(guideline, category, language);
    let management =
        management.map_or_else(|| sentence(&category.management, language), |words| escaped(&words));
    let words = match notation {
        Some(notation) => format!("<b>{}</b>: {management}", escaped(&notation)),
        None => format!("<b>{management}</b>"),
    };
    let ids = format!("{} {}", category.row, category.category);
    format!("<span title=\"{}\">{words}</span>", escaped(&ids))
}

/// A guideline's answer with its name in front.
fn guideline_line(guideline: &GuidelineAssessment, language: Language) -> String {
    let words = language.words();
    let title = format!("<b>{}</b>", escaped(&guideline.basis.title));
    let of = |category: &GuidelineCategory| answer(&guideline.guideline, category, language);
    match (&guideline.category, &guideline.range) {
        (Some(category), _) => format!("{title}: {}", of(category)),
        (None, Some([low, high])) => {
            let open = if guideline.basis.missing.is_empty() {
                String::new()
            } else {
                format!(
                    " <span class=\"dim\">({} {})</span>",
                    words.depends_on,
                    names(&guideline.basis.missing, language)
                )
            };
            format!("{title}: <b>{}</b>: {} {} {}{open}", words.undetermined, of(low), words.or, of(high))
        }
        (None, None) => {
            format!("{title}: {}", why_not(no_answer(guideline, language), &guideline.basis, language))
        }
    }
}

fn no_answer(guideline: &GuidelineAssessment, language: Language) -> &'static str {
    let words = language.words();
    match guideline.basis.status {
        AnswerStatus::NotApplicable => words.does_not_apply,
        _ => words.no_category,
    }
}

/// The same for a cell of a table: what it recommends stands on the card where there is a category. A calcified nodule
/// whose pattern nobody stated says what a benign one would be.
fn short(guideline: &GuidelineAssessment, attenuation: Attenuation, language: Language) -> String {
    let words = language.words();
    let row = guideline.category.as_ref().map(|category| category.row.as_str()).unwrap_or_default();
    let own = format!(
        "<span title=\"{}\">{}</span>",
        escaped(row),
        escaped(&answers::category_text(guideline, language))
    );
    let own = if guideline.category.is_some() { format!("<b>{own}</b>") } else { own };
    let benign = guideline.assumed.iter().find(|one| one.name == "benign");
    match benign.and_then(|one| one.instead.as_ref()).filter(|_| attenuation == Attenuation::Calcified) {
        Some(instead) => {
            let answered = Answered::of(&guideline.guideline, instead, language);
            let instead = answered.notation.or(answered.management).unwrap_or_default();
            format!("{own}<br><span class=\"open\">{} {}</span>", words.if_benign, escaped(&instead))
        }
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use crate::samples;
    use crate::words::Language;
    use crate::{OverviewPage, overview_html};

    fn page(language: Language) -> String {
        let document = samples::judged();
        overview_html(&OverviewPage {
            document: &document,
            pictures: &[],
            source: "a",
            made_at: "",
            language,
        })
    }

    /// Goal: category, row, range with its verdict, what is missing, sources and proposals stand on the page. Method:
    /// a judged sample.
    #[test]
    fn the_page_says_what_rules_say() {
        let html = page(Language::English);
        for text in [
            "Lung-RADS v2022",
            "LR22-3a",
            "LDCT in 6 months",
            "undetermined",
            "8–12 %",
            "emphysema on CT",
            "PatientAge (0010,1010)",
            "clinical data version 2",
            "Proposed, for a reader to confirm or reject",
            "order code 71271; Lung-RADS v2022 leads",
            "worklist",
            "<b>8</b> of 10",
            "never a reason to skip a reading",
            "does not apply",
        ] {
            assert!(html.contains(text), "{text} is not on the page\n{html}");
        }
    }

    /// Goal: the Chinese page has Chinese words for what rules say, the same rows and figures, and marks what stays
    /// English. Method: the same sample.
    #[test]
    fn the_page_in_chinese() {
        let html = page(Language::Chinese);
        for text in [
            "lang=\"zh-CN\"",
            "不构成诊断",
            "6 个月后低剂量 CT",
            "LR22-3a",
            "不能确定",
            "8–12%",
            "肺气肿",
            "年龄",
            "<b>8</b> / 10",
        ] {
            assert!(html.contains(text), "{text} is not on the page\n{html}");
        }
        for english in ["Lung nodule findings", "LDCT in 6 months", "skip a reading"] {
            assert!(!html.contains(english), "{english} is on the page\n{html}");
        }
    }
}
