//! Chinese for what guidelines recommend. Keyed by the English text
//! of the row, so that a row without a translation is shown in English and never by another row's words.

/// Recommendation of a row; `None` where there is no translation.
pub(crate) fn management(english: &str) -> Option<&'static str> {
    MANAGEMENT.iter().find(|(key, _)| *key == english).map(|(_, chinese)| *chinese)
}

#[rustfmt::skip]
const MANAGEMENT: &[(&str, &str)] = &[
    // Lung-RADS v2022
    ("LDCT in 12 months (annual screening)", "12 个月后低剂量 CT（年度筛查）"),
    ("LDCT in 6 months", "6 个月后低剂量 CT"),
    ("LDCT in 3 months; PET/CT may be considered if there is a solid part of 8 mm (268 mm3) or more",
        "3 个月后低剂量 CT；实性成分达到 8 mm（268 mm³）时可考虑 PET/CT"),
    ("referral for clinical evaluation; diagnostic chest CT with or without contrast, PET/CT where the solid part is 8 mm or more, tissue sampling",
        "转诊作临床评估；诊断性胸部 CT（平扫或增强），实性成分达到 8 mm 时 PET/CT，组织取样"),
    ("referral for clinical evaluation; usually bronchoscopy", "转诊作临床评估；通常行支气管镜检查"),
    ("proposed, for a reader to confirm; then as category 4B: referral, diagnostic CT, PET/CT, tissue sampling",
        "建议，须由阅片医师确认；确认后按 4B 类处理：转诊、诊断性 CT、PET/CT、组织取样"),
    ("compare with the prior chest CT", "与既往胸部 CT 比较"),
    ("additional LDCT", "补充低剂量 CT"),
    ("LDCT in 1 to 3 months", "1 至 3 个月后低剂量 CT"),
    ("proposed, for a reader to confirm; as appropriate to the finding", "建议，须由阅片医师确认；按该发现相应处理"),
    // Fleischner 2017
    ("no routine follow-up", "无需常规随访"),
    ("optional CT at 12 months", "可选择 12 个月后 CT"),
    ("CT at 3-6 months, then consider CT at 18-24 months", "3-6 个月后 CT，随后考虑 18-24 个月 CT"),
    ("CT at 3-6 months, then at 18-24 months", "3-6 个月后 CT，随后 18-24 个月 CT"),
    ("CT at 3-6 months; if stable consider CT at 24 and 48 months", "3-6 个月后 CT；若稳定，考虑 24 和 48 个月 CT"),
    ("CT at 3-6 months, then by the most suspicious nodule", "3-6 个月后 CT，随后按最可疑的结节处理"),
    ("CT at 6-12 months, then consider CT at 18-24 months", "6-12 个月后 CT，随后考虑 18-24 个月 CT"),
    ("CT at 6-12 months, then at 18-24 months", "6-12 个月后 CT，随后 18-24 个月 CT"),
    ("consider CT at 3 months, PET/CT or tissue sampling", "考虑 3 个月后 CT、PET/CT 或组织取样"),
    ("CT at 6-12 months, then every 24 months up to 60", "6-12 个月后 CT，随后每 24 个月一次至 60 个月"),
    ("CT at 3-6 months; if unchanged yearly for 5 years", "3-6 个月后 CT；若无变化，每年一次，共 5 年"),
    ("CT at 3-6 months; one that persists is highly suspicious: PET/CT, biopsy, resection",
        "3-6 个月后 CT；持续存在者高度可疑：PET/CT、活检、切除"),
    // BTS 2015
    ("discharge", "无需随访"),
    ("CT at 3 months", "3 个月后 CT"),
    ("CT at 12 months", "12 个月后 CT"),
    ("CT surveillance", "CT 监测"),
    ("consider image-guided biopsy; excision biopsy or surveillance by individual risk and preference",
        "考虑影像引导活检；也可按个人风险和意愿行切除活检或监测"),
    ("consider excision or non-surgical treatment, with or without biopsy", "考虑切除或非手术治疗，可先行或不行活检"),
    ("PET-CT, then risk by Herder", "PET-CT，随后按 Herder 评估风险"),
    ("further work-up", "进一步检查"),
    ("CT at 12 months from the first CT", "自首次 CT 起 12 个月 CT"),
    ("consider biopsy or further surveillance by preference", "按意愿考虑活检或继续监测"),
    ("consider discharge or further surveillance", "考虑结束随访或继续监测"),
    ("thin-section CT at 3 months", "3 个月后薄层 CT"),
    ("consider resection or non-surgical treatment", "考虑切除或非手术治疗"),
    ("discuss observation, biopsy and resection", "讨论观察、活检与切除"),
    ("CT at 1, 2 and 4 years from the first CT", "自首次 CT 起 1、2、4 年 CT"),
    // NELSON
    ("negative: next yearly round", "阴性：下一年度筛查"),
    ("indeterminate: CT at 3 months, positive if the doubling time is under 400 days", "不确定：3 个月后 CT，倍增时间小于 400 天为阳性"),
    ("positive: referral", "阳性：转诊"),
    ("indeterminate growth: repeat in the programme's next round", "生长不确定：下一轮筛查复查"),
    ("slow growth: next yearly round", "缓慢生长：下一年度筛查"),
    ("no growth: next yearly round", "无生长：下一年度筛查"),
    // European position statement 2017
    ("next yearly round", "下一年度筛查"),
    ("CT at 3 months; then by doubling time: 400 days or less to the multidisciplinary team, otherwise screening goes on",
        "3 个月后 CT；随后按倍增时间：400 天及以下交多学科团队，否则继续筛查"),
    ("to the multidisciplinary team", "交多学科团队"),
    // C-Lung-RADS 2024
    ("CT in 12 months", "12 个月后 CT"),
    ("low risk: CT in 12 months", "低危：12 个月后 CT"),
    ("middle risk: CT in 6 months", "中危：6 个月后 CT"),
    ("high risk: CT in 3 months", "高危：3 个月后 CT"),
    ("extremely high risk: work-up now", "极高危：立即进一步检查"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: no row of any guideline is without Chinese words, and none is translated twice. Method: every row that
    /// gives a category, against the list.
    #[test]
    fn every_recommendation_has_its_words() {
        let mut open = Vec::new();
        for guideline in cad::guideline::ALL {
            for row in guideline.all_rows().filter(|row| !row.refuses()) {
                if management(row.verdict.management).is_none() {
                    open.push(format!("{}: {:?}", row.id, row.verdict.management));
                }
            }
        }
        assert!(open.is_empty(), "{open:#?}");
        let mut keys: Vec<&str> = MANAGEMENT.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
