//! Names of rules' inputs and terms, and words that are their values, as a radiologist says them. The ids stay in JSON, SR
//! and tooltips.

use crate::words::Language;

/// Id, English, Chinese.
type Entry = (&'static str, &'static str, &'static str);

/// Name of an input or a term for people; the id without its underscores where there is none.
pub(crate) fn name(id: &str, language: Language) -> String {
    found(NAMES, id, language).map_or_else(|| id.replace('_', " "), str::to_owned)
}

/// A word that is a value.
pub(crate) fn word(id: &str, language: Language) -> String {
    found(WORDS, id, language).map_or_else(|| id.replace('_', " "), str::to_owned)
}

fn found(entries: &'static [Entry], id: &str, language: Language) -> Option<&'static str> {
    entries.iter().find(|(key, ..)| *key == id).map(|(_, english, chinese)| match language {
        Language::English => *english,
        Language::Chinese => *chinese,
    })
}

#[rustfmt::skip]
const NAMES: &[Entry] = &[
    // person
    ("age", "age", "年龄"),
    ("female", "female sex", "女性"),
    ("family_history_lung_cancer", "lung cancer in a first-degree relative", "一级亲属肺癌史"),
    ("family_history_cancer", "cancer in the family", "家族癌症史"),
    ("emphysema", "emphysema on CT", "CT 可见肺气肿"),
    ("ever_smoker", "ever smoked", "曾吸烟"),
    ("years_since_quit", "years since quitting smoking", "戒烟年数"),
    ("extrathoracic_cancer_over_5y", "cancer outside the chest more than 5 years ago", "5 年以前的胸外恶性肿瘤"),
    ("cancer_within_5y", "cancer within 5 years", "5 年内恶性肿瘤"),
    ("prior_lung_cancer", "earlier lung cancer", "肺癌史"),
    ("known_cancer", "known primary cancer", "已知原发恶性肿瘤"),
    ("immunosuppressed", "immunosuppression", "免疫抑制"),
    ("risk", "risk of the person, low or high", "个人风险（低或高）"),
    ("nodule_count", "number of nodules", "结节数"),
    ("multiple", "more than one nodule", "多发结节"),
    ("screening_exam", "exam made for screening", "为筛查而做的检查"),
    ("exam", "why the exam cannot be read to the end", "检查不完整的原因"),
    // nodule
    ("type", "kind of nodule", "结节类型"),
    ("nonsolid", "ground glass", "磨玻璃"),
    ("part_solid", "part-solid", "部分实性"),
    ("diameter_mm", "diameter", "直径"),
    ("mean_mm", "mean diameter", "平均径"),
    ("max_mm", "longest diameter", "最长径"),
    ("dmin_mm", "shortest diameter", "最短径"),
    ("dmean_mm", "mean diameter of the ground-glass extent", "磨玻璃范围平均径"),
    ("solid_mm", "mean diameter of the solid part", "实性成分平均径"),
    ("volume_mm3", "volume", "体积"),
    ("solid_volume_mm3", "volume of the solid part", "实性成分体积"),
    ("upper_lobe", "in an upper lobe", "位于上叶"),
    ("spiculation", "spiculated margin", "毛刺"),
    ("calcification", "calcification", "钙化"),
    ("clear_border", "well-defined border", "边界清楚"),
    ("benign", "benign calcification (complete, central, popcorn, concentric) or fat", "良性钙化（弥漫、中心、爆米花样、同心圆）或脂肪"),
    ("juxtapleural", "smooth oval, lentiform or triangular nodule on pleura or fissure", "胸膜或叶间裂旁光滑的卵圆、透镜或三角形结节"),
    ("suspicious", "feature that raises suspicion (e.g. spiculation, lymph nodes)", "可疑征象（如毛刺、淋巴结）"),
    ("proven_benign", "proven benign after work-up", "检查后已证实良性"),
    ("resolved", "nodule no longer there", "结节已消失"),
    ("level", "airway level", "气道层级"),
    ("cyst", "kind of cyst", "囊腔类型"),
    // course
    ("timing", "change since an earlier CT", "与既往 CT 比较"),
    ("phase", "first CT or follow-up", "首次或随访"),
    ("prior_category", "Lung-RADS category at the earlier CT", "既往 Lung-RADS 类别"),
    ("months_since_prior", "months since that CT", "距该次 CT 的月数"),
    ("months", "months since the first CT", "距首次 CT 的月数"),
    ("volume_change", "change of volume", "体积变化"),
    ("vdt_days", "volume doubling time", "体积倍增时间"),
    ("growth_ge_2mm", "growth of 2 mm or more", "增大 2 mm 及以上"),
    ("new_solid", "new or larger solid part", "新出现或增大的实性成分"),
    ("fdg", "uptake in FDG-PET", "FDG-PET 摄取"),
    // probabilities
    ("brock", "Brock probability", "Brock 概率"),
    ("brock_min", "least Brock probability", "Brock 概率下限"),
    ("brock_max", "greatest Brock probability", "Brock 概率上限"),
    ("herder", "Herder probability after PET", "PET 后 Herder 概率"),
    ("herder_min", "least Herder probability", "Herder 概率下限"),
    ("herder_max", "greatest Herder probability", "Herder 概率上限"),
    ("pretest", "probability before PET", "PET 前概率"),
    ("model_probability", "probability of C-Lung-RADS's own model", "C-Lung-RADS 自有模型概率"),
    // terms
    ("intercept", "constant", "常数项"),
];

#[rustfmt::skip]
const WORDS: &[Entry] = &[
    ("solid", "solid", "实性"), ("part_solid", "part-solid", "部分实性"), ("nonsolid", "ground glass", "磨玻璃"),
    ("ggn", "ground glass", "磨玻璃"), ("solid_pleural", "solid, on the pleura", "胸膜旁实性"),
    ("airway", "in an airway", "气道内"), ("cyst", "cyst", "囊腔"),
    ("baseline", "first seen", "首次发现"), ("new", "new", "新发"), ("stable", "stable", "稳定"),
    ("decreased", "smaller", "缩小"), ("growing", "growing", "增大"), ("slow_growing", "slowly growing", "缓慢增大"),
    ("followup", "follow-up", "随访"), ("initial", "first CT", "首次 CT"),
    ("low", "low", "低"), ("high", "high", "高"), ("none", "none", "无"), ("faint", "faint", "轻度"),
    ("moderate", "moderate", "中度"), ("intense", "intense", "明显"), ("nodule", "nodule", "结节"),
    ("prior_being_located", "an earlier CT is being located", "正在调取既往 CT"),
    ("not_evaluable", "lungs cannot be evaluated", "肺部无法评估"), ("inflammatory", "inflammation", "炎症"),
    ("yes", "yes", "是"), ("no", "no", "否"), ("nothing", "nothing", "无"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use cad::clinical::Kind;

    /// Goal: every input of every rule, every value that a site may state and every word that one may be has its name in
    /// both languages, once. Method: the rules themselves.
    #[test]
    fn every_input_and_word_has_its_name() {
        let asked = [cad::guideline::field::INPUTS, cad::assess::site::PERSON, cad::assess::site::NODULE];
        let models =
            cad::risk::rules().filter(|rule| !["llpv2", "llpv3", "plcom2012"].contains(&rule.spec().id));
        let specs = asked.into_iter().flatten().chain(models.flat_map(|rule| rule.spec().inputs));
        let mut open: Vec<&str> = Vec::new();
        for spec in specs {
            open.extend(NAMES.iter().all(|(key, ..)| *key != spec.name).then_some(spec.name));
            let numbers = ["0", "1", "2", "3", "4A", "4B", "4X"];
            let places = ["level", "cyst"].contains(&spec.name);
            if let Kind::Choice(words) = spec.kind {
                let known = |word: &&str| WORDS.iter().any(|(key, ..)| key == word) || numbers.contains(word);
                open.extend(words.iter().filter(|word| !known(word) && !places));
            }
        }
        assert!(open.is_empty(), "{open:?}");
        for entries in [NAMES, WORDS] {
            let mut keys: Vec<&str> = entries.iter().map(|(key, ..)| *key).collect();
            keys.sort_unstable();
            let count = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), count);
        }
    }
}
