//! The sentences that rules and stages write in English about one evaluation, in the reader's words: without ids of inputs
//! and rows, and in Chinese. A sentence is found by its pattern; one without a pattern stays as it is.

use crate::names::{name, word};
use crate::words::Language;

mod series;

/// Pattern of a sentence (`{}` is anything), then the reader's English and Chinese, in which `{0}` is the first thing found:
/// `{0:s}` a sentence again, `{0:n}` names of inputs, `{0:w}` a word that is a value, `{0:d}` a number with one digit. No
/// English: the sentence is a reader's as it is.
type Phrase = (&'static str, &'static str, &'static str);

/// Sentences within sentences at most.
const DEPTH_MAX: usize = 6;

/// The sentence in the reader's words; `None` where no pattern fits.
pub(crate) fn phrase(text: &str, language: Language) -> Option<String> {
    translated(text, language, 0)
}

fn translated(text: &str, language: Language, depth: usize) -> Option<String> {
    if depth > DEPTH_MAX {
        return None;
    }
    PHRASES.iter().chain(series::PHRASES).find_map(|(pattern, english, chinese)| {
        let template = match language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        let of = |found: Vec<&str>| match *template {
            "" => Some(text.to_owned()),
            template => filled(template, &found, language, depth),
        };
        captures(pattern, text, End::Last)
            .and_then(of)
            .or_else(|| captures(pattern, text, End::First).and_then(of))
    })
}

/// Which of several places of a fixed part counts.
#[derive(Clone, Copy, PartialEq)]
enum End {
    First,
    Last,
}

/// What stands at each `{}` of the pattern, with its fixed parts at their last places, so that a clause at the end is
/// found whatever stands before it, or at their first ones. Nothing is found where one is empty.
fn captures<'a>(pattern: &str, text: &'a str, end: End) -> Option<Vec<&'a str>> {
    let mut parts: Vec<&str> = pattern.split("{}").collect();
    let mut rest = text.strip_prefix(parts.remove(0))?;
    let Some(last) = parts.pop() else { return rest.is_empty().then(Vec::new) };
    rest = rest.strip_suffix(last)?;
    if end == End::Last {
        parts.reverse();
    }
    let mut found = Vec::new();
    for part in parts {
        let (before, after) = match end {
            End::First => rest.split_once(part)?,
            End::Last => rest.rsplit_once(part)?,
        };
        let (one, left) = if end == End::First { (before, after) } else { (after, before) };
        found.push(one);
        rest = left;
    }
    found.push(rest);
    if end == End::Last {
        found.reverse();
    }
    (!found.iter().any(|one| one.is_empty())).then_some(found)
}

/// The template with what was found; `None` where a sentence in it has no words.
fn filled(template: &str, found: &[&str], language: Language, depth: usize) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, end) = after.split_once('}')?;
        let (index, kind) = place.split_once(':').unwrap_or((place, ""));
        let one = found.get(index.parse::<usize>().ok()?)?;
        text.push_str(before);
        text.push_str(&match kind {
            "s" => translated(one, language, depth + 1)?,
            "n" => names(one, language),
            "w" => word(one, language),
            "d" => one.parse::<f64>().map_or_else(|_| (*one).to_owned(), |number| format!("{number:.1}")),
            _ => (*one).to_owned(),
        });
        rest = end;
    }
    text.push_str(rest);
    Some(text)
}

/// Names of inputs, parted by commas.
fn names(list: &str, language: Language) -> String {
    let separator = match language {
        Language::English => "; ",
        Language::Chinese => "、",
    };
    list.split(", ").map(|one| name(one, language)).collect::<Vec<_>>().join(separator)
}

#[rustfmt::skip]
const PHRASES: &[Phrase] = &[
    // Which rules, and why
    ("screening rules applied: {}", "{0:s}", "{0:s}"),
    ("incidental rules applied: {}", "{0:s}", "{0:s}"),
    ("{}; Fleischner 2017 is for 35 years or more, so no guideline leads",
        "{0:s}; the Fleischner guideline is for people of 35 and more, so no guideline leads",
        "{0:s}；Fleischner 2017 适用于 35 岁及以上，因此没有主导指南"),
    ("{}; the site's guideline \"{}\" does not exist, the usual one is used",
        "{0:s}; the site's guideline \"{1}\" does not exist, the usual one is used",
        "{0:s}；机构设置的指南“{1}”不存在，使用通常的指南"),
    ("{}; {} leads", "{0:s}; {1} leads", "{0:s}；以 {1} 为主"),
    ("stated by the site for this exam", "stated by the site for this exam", "机构对本次检查的说明"),
    ("order code {} (set by the site)", "order code {0} (set by the site)", "申请代码 {0}（机构设置）"),
    ("order code {} ({})", "order code {0} ({1})", "申请代码 {0}（{1}）"),
    ("order code {}", "order code {0}", "申请代码 {0}"),
    ("\"{}\" in the protocol name \"{}\"", "\"{0}\" in the protocol name \"{1}\"", "协议名称“{1}”中的“{0}”"),
    ("the site's setting", "the site's setting", "机构设置"),
    ("no order code, protocol name or site setting says screening",
        "nothing in order, protocol name or settings says screening", "申请代码、协议名称和机构设置均未表明为筛查"),
    // What is not known, or was taken as no
    ("not known: {}", "not known: {0:n}", "未知：{0:n}"),
    ("not stated: {}; with either the model is not applicable",
        "nobody stated: {0:n}; with either of them the model does not apply", "未说明：{0:n}；若有其一，则该模型不适用"),
    ("taken as no, because not given: {}", "nobody stated, and taken as no: {0:n}", "未说明，按“否”处理：{0:n}"),
    ("timing was not given: baseline is assumed", "no earlier CT is known: taken as first seen", "未知是否有既往 CT：按首次发现处理"),
    ("phase was not given: initial is assumed", "no earlier CT is known: taken as the first CT", "未知是否有既往 CT：按首次 CT 处理"),
    ("phase was not given: follow-up, from timing", "taken as follow-up, because the nodule was seen before", "结节此前已见，按随访处理"),
    ("dmean_mm was not given: mean_mm is used for it", "the mean diameter of the nodule stands for that of its ground-glass extent",
        "以结节平均径代替磨玻璃范围平均径"),
    ("race_not_given: its term is 0", "ethnicity is not known; its term is 0", "族裔未知，该项按 0 计"),
    // Ranges
    ("undetermined: an input is itself a range", "undetermined: a probability that goes in is itself a range", "不能确定：输入的概率本身为区间"),
    ("undetermined: it reaches from below to above {} %, a guideline's limit",
        "the range reaches from below to above {0} %, a guideline's limit", "该区间跨越指南界值 {0}%"),
    ("undetermined: the range of a probability reaches rows {}",
        "which of them depends on a probability that is only known as a range", "取决于仅知区间的概率"),
    // Does not apply
    ("calcified by density; the model is for nodules that are not",
        "the nodule is calcified by its density; the model was made for nodules that are not", "结节密度提示钙化；该模型适用于非钙化结节"),
    ("no row of {} covers this ({}, {}); a reader decides", "{0} has no rule for this ({1:w}, {2:w}); a reader decides",
        "{0} 没有对应规则（{1:w}，{2:w}）；由阅片医师决定"),
    ("no nodule of the exam falls under a row of Lung-RADS v2022", "Lung-RADS has no rule for the nodules of this exam",
        "Lung-RADS 对本次检查的结节没有对应规则"),
    ("diameter_mm {} is above {}: a mass, for which the model was not made",
        "with {0:d} mm it is a mass (above {1} mm), for which the model was not made", "直径 {0:d} mm，超过 {1} mm，为肿块，该模型不适用"),
    ("cancer_within_5y: the model was made without persons after a cancer within 5 years",
        "the model was made without persons who had a cancer within 5 years", "该模型不包含 5 年内患癌者"),
    ("prior_lung_cancer: the model was made without persons after lung cancer",
        "the model was made without persons who had lung cancer", "该模型不包含曾患肺癌者"),
    ("{} is outside {} to {}, for which the rule was made", "{0:s}, outside {1} to {2}, for which the rule was made",
        "{0:s}，超出该规则适用的 {1} 至 {2}"),
    ("age {}", "age {0}", "年龄 {0}"),
    ("nodule_count {}", "{0} nodules", "{0} 个结节"),
    ("diameter_mm {}", "diameter {0:d} mm", "直径 {0:d} mm"),
    ("years_since_quit {}", "{0} years since quitting smoking", "戒烟 {0} 年"),
    ("{} judges the first CT of a nodule: timing \"{}\" is not used",
        "{0} judges the first CT of a nodule: that it is {1:w} is not used", "{0} 只评价首次 CT：“{1:w}”未被采用"),
    ("Lung-RADS is for screening exams (row {})", "it is for screening exams", "仅用于筛查检查"),
    ("NELSON's classes are for screening exams (row {})", "it is for screening exams", "仅用于筛查检查"),
    ("the statement is for screening exams (row {})", "it is for screening exams", "仅用于筛查检查"),
    ("the statement classifies solid nodules (row {})", "it is for solid nodules", "仅用于实性结节"),
    ("the categories are for check-up and screening exams (row {})", "it is for check-up and screening exams", "仅用于体检和筛查"),
    ("the guideline is for adults (row {})", "it is for adults", "仅用于成人"),
    ("the guideline is for 35 years or more (row {})", "it is for people of 35 and more", "仅用于 35 岁及以上"),
    ("the guideline is not for immunosuppressed people (row {})", "it is not for people with immunosuppression", "不用于免疫抑制者"),
    ("the guideline is not for people with a known cancer (row {})", "it is not for people with a known cancer", "不用于已知恶性肿瘤者"),
    ("the guideline is not for screening; use Lung-RADS (row {})", "it is not for screening", "不用于筛查"),
    ("the statement's limits are for nodules without calcification (row {})", "its limits are for nodules without calcification", "其界值仅用于无钙化结节"),
    ("the statement's limits are for solid nodules (row {})", "its limits are for solid nodules", "其界值仅用于实性结节"),
    // Mistakes in what was stated
    ("no category of the exam: {}", "the exam has no category: {0:s}", "本次检查无类别：{0:s}"),
    ("{}: solid_mm: {} is larger than mean_mm ({})", "the solid part ({1} mm) was stated larger than the nodule ({2} mm)",
        "所述实性成分（{1} mm）大于结节（{2} mm）"),
    ("{}: years_since_quit: longer than the life", "the years since quitting smoking are more than the person's life", "戒烟年数超过年龄"),
    ("{}: {} is {}, outside {}", "{1:n} is {2}, outside {3:s}", "{1:n}为 {2}，超出{3:s}"),
    ("the whole numbers {} to {} years", "{0} to {1} years", " {0} 至 {1} 岁"),
    // Rows with a remark
    ("row {} is our choice: {}", "{1:s} (a choice of ours, the guideline is silent)", "{1:s}（指南未述，为本软件的处理）"),
    ("row {} is unconfirmed: {}", "not confirmed: {1:s}", "未经证实：{1:s}"),
    ("row {}: {}", "{1:s}", "{1:s}"),
    ("scope of the guideline as a row", "scope of the guideline", "指南适用范围"),
    ("scope of the trial as a row", "scope of the trial", "试验适用范围"),
    ("scope of the statement as a row", "scope of the statement", "声明适用范围"),
    ("scope of the paper as a row", "scope of the paper", "论文适用范围"),
    ("4X is proposed: a reader confirms or rejects it", "4X is proposed: a reader confirms or rejects it", "4X 为建议：由阅片医师确认或否定"),
    ("the guideline does not categorise it; shown as category 1", "shown as category 1", "按 1 类显示"),
    ("the guideline names baseline; new is treat the same (ours)", "the guideline names the first CT only; a new nodule is treated alike", "指南仅述首次 CT；新发结节同样处理"),
    ("4B never steps down without work-up; 4X goes on as 4B", "4B never steps down without work-up; 4X goes on as 4B", "未经检查 4B 不降类；4X 按 4B 继续"),
    ("step-down needs the 3 months done, less 14 days", "stepping down needs the 3 months done, less 14 days", "降类须满 3 个月（可少 14 天）"),
    ("step-down needs the 6 months done, less 14 days", "stepping down needs the 6 months done, less 14 days", "降类须满 6 个月（可少 14 天）"),
    ("steps down one level only; the 3-month interval must have been kept (less 14 days, ours)",
        "steps down one level only; the 3 months must have been kept (less 14 days, ours)", "仅降一级；须满 3 个月（可少 14 天，本软件的处理）"),
    ("the 6-month interval must have been kept (less 14 days, ours)", "the 6 months must have been kept (less 14 days, ours)", "须满 6 个月（可少 14 天，本软件的处理）"),
    ("category 2 stays 2", "category 2 stays 2", "2 类保持 2 类"),
    ("the guideline names baseline, new and growing; stable without a prior category is treat the same (ours)",
        "the guideline names first seen, new and growing; stable without an earlier category is treated alike (ours)",
        "指南仅述首次、新发与增大；无既往类别的稳定结节同样处理（本软件的处理）"),
    ("the guideline is silent; category 3, and 4X if it doubled within a year", "category 3, and 4X if it doubled within a year", "3 类；若一年内倍增则为 4X"),
    ("under 6 mm this row wins over the rows by solid part (ours)", "under 6 mm the solid part is not looked at (ours)", "小于 6 mm 时不看实性成分（本软件的处理）"),
    ("the action for 400-600 days was not seen in the guideline's text", "the action for 400 to 600 days was not seen in the guideline's text", "400 至 600 天的处理未见于指南原文"),
    ("the action over 600 days was not seen in the guideline's text", "the action over 600 days was not seen in the guideline's text", "600 天以上的处理未见于指南原文"),
    ("the row was not seen in the guideline's text", "it was not seen in the guideline's text", "未见于指南原文"),
    ("the 2 mm were not seen in the guideline's text; that growth favours resection was, in a secondary table",
        "the 2 mm were not seen in the guideline's text; that growth favours resection was, in a secondary table",
        "2 mm 未见于指南原文；增大倾向切除见于二手表格"),
    ("the limit of {} mm3 and the interval were not seen in the statement's text",
        "the limit of {0} mm³ and the interval were not seen in the statement's text", "{0} mm³ 的界值与间隔未见于声明原文"),
    ("the Brock limit of 10 % as in a secondary table (PMC7177089, table 2); exactly 10 % counts as 10 % or more (ours)",
        "the Brock limit of 10 % is that of a secondary table (PMC7177089, table 2); exactly 10 % counts as 10 % or more (ours)",
        "Brock 10% 的界值来自二手表格（PMC7177089，表 2）；恰为 10% 按 10% 及以上（本软件的处理）"),
    ("the statement says \"greater than {} mm3\"; exactly {} is included (ours, the safer side)",
        "the statement says \"greater than {0} mm³\"; exactly {1} is included (ours, the safer side)",
        "声明为“大于 {0} mm³”；恰为 {1} 也计入（本软件的处理，偏安全）"),
    // Agreement
    ("fewer than two guidelines answer; nothing to compare", "fewer than two guidelines answer: nothing to compare", "作答的指南不足两个，无从比较"),
    ("guidelines agree: {}", "the guidelines agree: {0:s}", "各指南一致：{0:s}"),
    ("guidelines differ: from {} ({}) to {} ({})", "the guidelines differ: from {0:s} ({1}) to {2:s} ({3})", "各指南不一致：从{0:s}（{1}）到{2:s}（{3}）"),
    ("no follow-up of this nodule", "no follow-up of this nodule", "该结节无需随访"),
    ("a year (or the next yearly round)", "a year (or the next yearly round)", "一年（或下一年度筛查）"),
    ("about 6 months", "about 6 months", "约 6 个月"),
    ("about 3 months", "about 3 months", "约 3 个月"),
    ("work-up or referral now", "work-up or referral now", "立即检查或转诊"),
    // Proposals
    ("4X for nodule {} (row LR22-4X): a feature that raises suspicion was stated",
        "category 4X for nodule {0}: a feature that raises suspicion was stated", "结节 {0} 为 4X：已说明有可疑征象"),
    ("category 0 for inflammation (row LR22-0c): {} new nodules, more than {}",
        "category 0 for inflammation: {0} new nodules, more than {1}", "因炎症可能为 0 类：{0} 个新发结节，多于 {1} 个"),
    ("modifier S (row {}): {}", "modifier S: {1}", "S 修饰：{1}"),
    ("other finding stated by the site: {}", "other finding stated by the site: {0}", "机构说明的其他发现：{0}"),
    // Where values come from
    ("{} findings of lungcad that are not calcified", "{0} findings that are not calcified", "{0} 个非钙化检出"),
    ("long axis in the key slice", "long axis in the key slice", "关键层面长径"),
    ("short axis in the key slice", "short axis in the key slice", "关键层面短径"),
    ("mean of long and short axis in the key slice", "mean of long and short axis in the key slice", "关键层面长短径平均"),
    ("sum of the voxels of the outline", "voxels of the outline", "轮廓内体素之和"),
    ("class by HU", "by density", "按密度"),
    ("class by the pack's network", "by the network", "由网络判断"),
    ("margin by the pack's network", "margin by the network", "边缘由网络判断"),
    ("calcified by HU; whether in a benign pattern is for a reader", "calcified by density; whether in a benign pattern is for a reader",
        "密度提示钙化；是否为良性形态由阅片医师判断"),
    ("calcified by the pack's network; whether in a benign pattern is for a reader", "calcified by the network; whether in a benign pattern is for a reader",
        "网络提示钙化；是否为良性形态由阅片医师判断"),
    ("right upper lobe, {} mm from the next fissure", "right upper lobe, {0} mm from the next fissure", "右肺上叶，距最近叶间裂 {0} mm"),
    ("right middle lobe, {} mm from the next fissure", "right middle lobe, {0} mm from the next fissure", "右肺中叶，距最近叶间裂 {0} mm"),
    ("right lower lobe, {} mm from the next fissure", "right lower lobe, {0} mm from the next fissure", "右肺下叶，距最近叶间裂 {0} mm"),
    ("left upper lobe, {} mm from the next fissure", "left upper lobe, {0} mm from the next fissure", "左肺上叶，距最近叶间裂 {0} mm"),
    ("left lower lobe, {} mm from the next fissure", "left lower lobe, {0} mm from the next fissure", "左肺下叶，距最近叶间裂 {0} mm"),
    ("likely: upper third, at {} % of the lung's height", "likely: upper third of the lung, at {0} % of its height", "可能：肺上三分之一，位于肺高度的 {0}%"),
    ("likely: lower third, at {} % of the lung's height", "likely: lower third of the lung, at {0} % of its height", "可能：肺下三分之一，位于肺高度的 {0}%"),
    // The same as they stand in results of earlier versions, which did not outline lobes
    ("likely: upper third, at {} % of the lung's height, lobes are not outlined",
        "likely: upper third of the lung, at {0} % of its height; lobes are not outlined", "可能：肺上三分之一，位于肺高度的 {0}%；未勾画肺叶"),
    ("likely: lower third, at {} % of the lung's height, lobes are not outlined",
        "likely: lower third of the lung, at {0} % of its height; lobes are not outlined", "可能：肺下三分之一，位于肺高度的 {0}%；未勾画肺叶"),
    ("stated by the site, version {}", "stated by the site, version {0}", "机构提供，版本 {0}"),
    ("PatientBirthDate (0010,0030) and StudyDate (0008,0020)", "PatientBirthDate (0010,0030) and StudyDate (0008,0020)",
        "PatientBirthDate (0010,0030) 与 StudyDate (0008,0020)"),
    ("SmokingStatus (0010,21A0) is YES", "SmokingStatus (0010,21A0) is YES", "SmokingStatus (0010,21A0) 为 YES"),
    ("PatientAge (0010,1010)", "PatientAge (0010,1010)", "PatientAge (0010,1010)"),
    ("PatientSex (0010,0040)", "PatientSex (0010,0040)", "PatientSex (0010,0040)"),
    // Contradictions
    ("the site states values of a nodule {}, which is not among the findings: not used",
        "the site states values of a nodule {0}, which is not among the findings: not used", "机构提供了结节 {0} 的资料，但检出结果中没有该结节：未采用"),
    ("Nodule {}: {}", "Nodule {0}: {1:s}", "结节 {0}：{1:s}"),
    ("{}: {} is used ({}), not {} ({})", "{0:n}: {1:w} is used ({2:s}), not {3:w} ({4:s})",
        "{0:n}：采用 {1:w}（{2:s}），未采用 {3:w}（{4:s}）"),
    // Exam triage
    ("decile of the exam's highest nodule score among {} of this site's exams (calibration {})",
        "by the exam's highest nodule score, among {0} of this site's exams (calibration {1})", "按本次检查最高结节评分，在本机构 {0} 次检查中的位置（校准 {1}）"),
    ("analysed from files: there are no exams of a site to compare with", "analysed from files: there are no exams of a site to compare with",
        "由文件分析：没有本机构的检查可供比较"),
    ("{} earlier exams have a result of {}; {} are needed, then run `lungcad calibrate --triage`",
        "{0} earlier exams have a result of {1}; {2} are needed, then run `lungcad calibrate --triage`",
        "已有 {0} 次检查由 {1} 分析；需要 {2} 次，然后运行 `lungcad calibrate --triage`"),
    ("calibration {} does not fit: it was made at threshold {}, these nodules are reported from {}",
        "calibration {0} does not fit: it was made at threshold {1}, these nodules are reported from {2}",
        "校准 {0} 不适用：其阈值为 {1}，本次为 {2}"),
    ("calibration {} does not fit: it was made with {}, these nodules were found with {}; scores of another pack mean nothing",
        "calibration {0} does not fit: it was made with {1}, these nodules were found with {2}; scores of another pack mean nothing",
        "校准 {0} 不适用：其模型包为 {1}，本次为 {2}；不同模型包的评分不可比"),
];

#[cfg(test)]
mod tests;
