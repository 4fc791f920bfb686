//! Risks and categories on the overview page: the exam, the cells of the table, the card of a nodule.

use crate::chinese;
use crate::overview_html::escaped;
use crate::words::{Language, Words};
use domain::{
    AnswerBasis, AnswerStatus, ExamAssessment, ExamContext, GuidelineAssessment, GuidelineCategory,
    InputSource, InputValue, IntervalMonths, NoduleAssessment, NoduleDocument, RiskAssessment, SourcedInput,
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
    for (label, category) in [(words.at_least, &exam.at_least), (words.beside, &exam.beside)] {
        if let Some(category) = category {
            let _ = writeln!(html, "<p>{label} {}</p>", category_words(category, language));
        }
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

/// Cells of the nodule table: risk by Brock, category of the leading guideline. Empty where rules were not asked.
pub(crate) fn cells(nodule: &NoduleDocument, leading: Option<&str>, language: Language) -> (String, String) {
    let Some(clinical) = &nodule.clinical else { return (String::new(), String::new()) };
    let risk = clinical.risks.first().map(|risk| risk_cell(risk, language)).unwrap_or_default();
    let guideline = leading.and_then(|id| clinical.guideline(id));
    let category = guideline.map(|guideline| short(guideline, language)).unwrap_or_default();
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
            details(&risk.basis, language)
        );
    }
    let _ = writeln!(html, "</ul>\n<h4>{}</h4>\n<ul>", words.guidelines);
    for guideline in &clinical.guidelines {
        let class = if leading == Some(guideline.guideline.as_str()) { " class=\"leads\"" } else { "" };
        let _ = writeln!(
            html,
            "<li{class}>{}{}</li>",
            guideline_line(guideline, language),
            details(&guideline.basis, language)
        );
    }
    let _ = writeln!(html, "</ul>\n<p class=\"dim\">{}</p>\n</div>", sentence(&clinical.agreement, language));
}

/// Terms, inputs and what a reader should know, small.
fn details(basis: &AnswerBasis, language: Language) -> String {
    let words = language.words();
    let mut html = String::new();
    if !basis.terms.is_empty() {
        let terms: Vec<String> = basis
            .terms
            .iter()
            .map(|term| match term.coefficient {
                Some(coefficient) => format!(
                    "{} {coefficient} &times; {:.3} = {:.4}",
                    name(&term.name, language),
                    term.input,
                    term.value
                ),
                None => format!("{} {:.4}", name(&term.name, language), term.value),
            })
            .collect();
        let _ = write!(html, "<br><span class=\"dim\">{}: {}</span>", words.terms, terms.join("; "));
    }
    for warning in &basis.warnings {
        let _ = write!(html, "<br><span class=\"dim\">{}</span>", sentence(warning, language));
    }
    html
}

/// A sentence that a rule or a stage wrote in English: marked as such on a page in another language.
fn sentence(text: &str, language: Language) -> String {
    match language {
        Language::English => escaped(text),
        Language::Chinese => format!("<span lang=\"en\">{}</span>", escaped(text)),
    }
}

/// Name of an input for people.
fn name(name: &str, language: Language) -> String {
    match language {
        Language::English => escaped(&name.replace('_', " ")),
        Language::Chinese => escaped(chinese::input(name)),
    }
}

fn names(missing: &[String], language: Language) -> String {
    missing.iter().map(|one| name(one, language)).collect::<Vec<_>>().join(", ")
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
    let value = match &input.value {
        InputValue::Flag(true) => words.yes.to_owned(),
        InputValue::Flag(false) => words.no.to_owned(),
        other => escaped(&other.to_string()),
    };
    format!(
        "{} <b>{value}</b> <span class=\"dim\">({source}: {})</span>",
        name(&input.name, language),
        sentence(&input.origin, language)
    )
}

/// `8.9 %`, a range with its verdict, or why there is none.
fn risk_words(risk: &RiskAssessment, language: Language) -> String {
    let words = language.words();
    let percent = |fraction: f64| format!("{:.1} %", fraction * 100.0);
    match (risk.probability, risk.range) {
        (Some(probability), _) => format!("<b>{}</b>", percent(probability)),
        (None, Some([low, high])) => {
            let open = names(&risk.basis.missing, language);
            let verdict =
                if risk.undetermined { format!(", <b>{}</b>", words.undetermined) } else { String::new() };
            format!(
                "{} {} {}{verdict} <span class=\"dim\">({} {open})</span>",
                percent(low),
                words.to,
                percent(high),
                words.missing
            )
        }
        (None, None) => format!("{}: {}", words.not_computed, why_not(&risk.basis, language)),
    }
}

/// The same for a cell of a table; what is missing stands on the card.
fn risk_cell(risk: &RiskAssessment, language: Language) -> String {
    let words = language.words();
    match (risk.probability, risk.range) {
        (Some(probability), _) => format!("<b>{:.1} %</b>", probability * 100.0),
        (None, Some([low, high])) => {
            let verdict =
                if risk.undetermined { format!("<br>{}", words.undetermined) } else { String::new() };
            format!("{:.1} {} {:.1} %{verdict}", low * 100.0, words.to, high * 100.0)
        }
        (None, None) if risk.basis.status == AnswerStatus::NotApplicable => words.does_not_apply.to_owned(),
        (None, None) => words.not_computed.to_owned(),
    }
}

fn why_not(basis: &AnswerBasis, language: Language) -> String {
    let words = language.words();
    if !basis.missing.is_empty() {
        return format!("{} {}", words.missing, names(&basis.missing, language));
    }
    basis.reason.as_deref().map(|reason| sentence(reason, language)).unwrap_or_default()
}

fn management(category: &GuidelineCategory, language: Language) -> String {
    let translated = match language {
        Language::English => None,
        Language::Chinese => chinese::management(&category.management),
    };
    translated.map_or_else(|| sentence(&category.management, language), escaped)
}

/// Category, row and recommendation.
fn category_words(category: &GuidelineCategory, language: Language) -> String {
    let words = language.words();
    let months = match &category.interval_months {
        Some(interval @ IntervalMonths::Whole(_)) => format!(" [{interval} mo]"),
        Some(_) | None => String::new(),
    };
    format!(
        "{} <b>{}</b> ({} {}){months}: {}",
        words.category,
        escaped(&category.category),
        words.row,
        escaped(&category.row),
        management(category, language)
    )
}

/// A guideline's answer with its name in front.
fn guideline_line(guideline: &GuidelineAssessment, language: Language) -> String {
    let words = language.words();
    let title = format!("<b>{}</b>", escaped(&guideline.basis.title));
    match (&guideline.category, &guideline.range) {
        (Some(category), _) => format!("{title}: {}", category_words(category, language)),
        (None, Some([low, high])) => format!(
            "{title}: <b>{}</b>: {} {} {}",
            words.undetermined,
            category_words(low, language),
            words.to,
            category_words(high, language)
        ),
        (None, None) => format!("{title}: {}", no_category(guideline, words, language)),
    }
}

/// That there is no category, and why.
fn no_category(guideline: &GuidelineAssessment, words: &Words, language: Language) -> String {
    format!("{}: {}", no_category_label(guideline, words), why_not(&guideline.basis, language))
}

fn no_category_label(guideline: &GuidelineAssessment, words: &Words) -> &'static str {
    match guideline.basis.status {
        AnswerStatus::NotApplicable => words.does_not_apply,
        _ => words.no_category,
    }
}

/// The same for a cell of a table.
fn short(guideline: &GuidelineAssessment, language: Language) -> String {
    let words = language.words();
    let one = |category: &GuidelineCategory| {
        format!(
            "<b>{}</b> <span class=\"dim\">{}</span>",
            escaped(&category.category.replace('_', " ")),
            escaped(&category.row)
        )
    };
    match (&guideline.category, &guideline.range) {
        (Some(category), _) => one(category),
        (None, Some([low, high])) => {
            format!("{}: {} {} {}", words.undetermined, one(low), words.to, one(high))
        }
        (None, None) => no_category_label(guideline, words).to_owned(),
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
            "8.1 % to 12.4 %",
            "emphysema",
            "PatientAge (0010,1010)",
            "clinical data version 2",
            "Proposed, for a reader to confirm or reject",
            "screening rules applied",
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
            "8.1 % 至 12.4 %",
            "肺气肿",
            "年龄",
            "<span lang=\"en\">",
        ] {
            assert!(html.contains(text), "{text} is not on the page\n{html}");
        }
        assert!(!html.contains("Lung nodule findings") && !html.contains("LDCT in 6 months"), "{html}");
    }
}
