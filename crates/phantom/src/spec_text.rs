//! Nodules as the command line writes them: `RUL,8,solid,spiculated`.

use crate::spec::{NoduleKind, NoduleSpec, Place, SpecError};
use domain::Lobe;
use domain::LpsPoint;
use std::str::FromStr;

/// Words that a nodule's text may hold.
const KNOWN: &str = "a lobe (RUL RML RLL LUL LLL) or at=X/Y/Z in LPS mm, a diameter in mm, solid part-solid non-solid \
                     calcified cavitary, juxtapleural perivascular perifissural, spiculated lobulated round elongated";

impl FromStr for NoduleSpec {
    type Err = SpecError;

    /// Words in any order, separated by commas; what is not said is as in [`NoduleSpec::default`].
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut spec = Self::default();
        let mut lobe = Lobe::Rul;
        let mut at = None;
        let mut near: fn(Lobe) -> Place = Place::Lobe;
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            let lower = word.to_ascii_lowercase();
            if let Some(found) = Lobe::ALL.into_iter().find(|l| l.as_str().eq_ignore_ascii_case(word)) {
                lobe = found;
            } else if let Some(place) = lower.strip_prefix("at=") {
                at = Some(point(place).ok_or_else(|| unknown(word))?);
            } else if let Ok(mm) = lower.trim_end_matches("mm").parse::<f64>() {
                spec.diameter_mm = mm;
            } else {
                match lower.as_str() {
                    "solid" => spec.kind = NoduleKind::Solid,
                    "part-solid" => spec.kind = NoduleKind::PartSolid,
                    "non-solid" | "ground-glass" => spec.kind = NoduleKind::NonSolid,
                    "calcified" => spec.kind = NoduleKind::Calcified,
                    "cavitary" => spec.kind = NoduleKind::Cavitary,
                    "juxtapleural" => near = Place::Juxtapleural,
                    "perivascular" => near = Place::Perivascular,
                    "perifissural" => near = Place::Perifissural,
                    "spiculated" => spec.spicules = 10,
                    "lobulated" => spec.lobulation = 0.16,
                    "elongated" => spec.elongation = 1.5,
                    "round" => (spec.lobulation, spec.elongation) = (0.0, 1.0),
                    _ => return Err(unknown(word)),
                }
            }
        }
        spec.place = at.map_or_else(|| near(lobe), Place::At);
        Ok(spec)
    }
}

fn point(text: &str) -> Option<LpsPoint> {
    let parts: Vec<f64> = text.split('/').map(|p| p.trim().parse().ok()).collect::<Option<_>>()?;
    match parts.as_slice() {
        [x, y, z] if parts.iter().all(|v| v.is_finite()) => Some(LpsPoint { x: *x, y: *y, z: *z }),
        _ => None,
    }
}

fn unknown(word: &str) -> SpecError {
    SpecError::Word { what: "nodule word", word: word.to_owned(), known: KNOWN }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word changes what it names; a wrong word is named in the error.
    #[test]
    fn words_become_a_nodule() {
        let n: NoduleSpec = "lul, 12.5mm, part-solid, perifissural, spiculated".parse().unwrap();
        assert_eq!(
            (n.kind, n.place, n.spicules),
            (NoduleKind::PartSolid, Place::Perifissural(Lobe::Lul), 10)
        );
        assert!((n.diameter_mm - 12.5).abs() < 1e-9);
        let n: NoduleSpec = "at=-60/10/25.5,6".parse().unwrap();
        assert_eq!(n.place, Place::At(LpsPoint { x: -60.0, y: 10.0, z: 25.5 }));
        for wrong in ["8,solidd", "at=1/2", "at=1/2/nan"] {
            let error = wrong.parse::<NoduleSpec>().unwrap_err().to_string();
            assert!(error.contains("is unknown") && error.contains("RUL"), "{error}");
        }
    }
}
