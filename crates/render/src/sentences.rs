//! Findings in words and figures, the same in pictures and pages.

use domain::{Attenuation, Finding, LobePlace, NoduleDocument, Side};

/// Class in words.
#[must_use]
pub fn attenuation_words(attenuation: Attenuation) -> &'static str {
    match attenuation {
        Attenuation::Solid => "solid",
        Attenuation::PartSolid => "part-solid",
        Attenuation::NonSolid => "non-solid (ground glass)",
        Attenuation::Calcified => "calcified",
    }
}

/// Side in words.
#[must_use]
pub fn side_words(side: Side) -> &'static str {
    match side {
        Side::Left => "left lung",
        Side::Right => "right lung",
    }
}

/// Lobe in words; near a fissure the lung, with the likelier lobe in brackets.
#[must_use]
pub fn place_words(side: Side, lobe: Option<LobePlace>) -> String {
    match lobe {
        None => side_words(side).to_owned(),
        Some(found) if found.sure => found.lobe.name().to_owned(),
        Some(found) => format!("{}, near a fissure ({}?)", side_words(side), found.lobe.as_str()),
    }
}

/// Volume for people: whole mm3 with the unit's sign.
#[must_use]
pub fn volume_words(volume_mm3: f64) -> String {
    format!("{volume_mm3:.0} mm³")
}

/// Score of the network for people; it is not a probability of cancer.
#[must_use]
pub fn score_words(score: f64) -> String {
    format!("score {}", score_number(score))
}

/// A score or threshold as a number for people: two decimals, below 0.1 two significant digits, so that a threshold of
/// 0.0053 does not read as 0.01.
#[must_use]
pub fn score_number(score: f64) -> String {
    let wanted = if score > 0.0 { 1.0 - score.log10().floor() } else { 2.0 };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 2 to 6
    let decimals = wanted.clamp(2.0, 6.0) as usize;
    format!("{score:.decimals$}")
}

/// Lines beside a finding's picture; the first is the most important.
#[must_use]
pub fn finding_lines(finding: &Finding) -> Vec<String> {
    let m = &finding.measures;
    // The whole sentence is too long for the column beside a picture.
    let place = match finding.lobe {
        Some(found) if !found.sure => format!("{}? near a fissure", found.lobe.as_str()),
        lobe => place_words(finding.side, lobe),
    };
    vec![
        format!("{:.1} × {:.1} mm, mean {:.1} mm", m.long_axis_mm, m.short_axis_mm, m.mean_diameter_mm),
        format!("{}, {place}", attenuation_words(finding.attenuation)),
        format!("volume {}", volume_words(m.volume_mm3)),
        format!("{:.0} HU mean, SD {:.0} HU", m.hu_mean, m.hu_sd),
        score_words(finding.score),
        format!("LPS {:.1}, {:.1}, {:.1} mm", finding.center.x, finding.center.y, finding.center.z),
    ]
}

/// One sentence for a nodule.
#[must_use]
pub fn nodule_sentence(nodule: &NoduleDocument) -> String {
    format!(
        "Nodule {}: {}, {}, {:.1} × {:.1} mm (mean {:.1} mm), volume {}, {}",
        nodule.number,
        attenuation_words(nodule.attenuation),
        place_words(nodule.side, nodule.lobe),
        nodule.long_axis_mm,
        nodule.short_axis_mm,
        nodule.mean_diameter_mm,
        volume_words(nodule.volume_mm3),
        score_words(nodule.score),
    )
}

#[cfg(test)]
mod tests {
    use super::{place_words, score_number};
    use domain::{Lobe, LobePlace, Side};

    /// Goal: a lobe is named only where it is sure. Method: sure, near a fissure, not known.
    #[test]
    fn only_a_sure_lobe_is_named() {
        let place = |sure| Some(LobePlace { lobe: Lobe::Rml, fissure_mm: 9.0, sure });
        assert_eq!(place_words(Side::Right, place(true)), "right middle lobe");
        assert_eq!(place_words(Side::Right, place(false)), "right lung, near a fissure (RML?)");
        assert_eq!(place_words(Side::Left, None), "left lung");
    }

    /// Goal: a small score is not shown as another one. Method: from none to certain, thresholds of shipped packs.
    #[test]
    fn small_scores_keep_two_digits() {
        for (score, words) in [
            (0.0, "0.00"),
            (1.8e-8, "0.000000"),
            (0.0053, "0.0053"),
            (0.0134, "0.013"),
            (0.02, "0.020"),
            (0.099, "0.099"),
            (0.1, "0.10"),
            (0.995, "0.99"),
            (1.0, "1.00"),
        ] {
            assert_eq!(score_number(score), words);
        }
    }
}
