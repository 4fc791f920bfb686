//! A truth document as scans to be measured on.

use super::{ReferenceNodule, ScanFacts, TruthGrid, TruthScan};
use crate::truth::{TruthDocument, TruthNodule, TruthSeries};
use cad::evaluate::luna16::TruthMark;
use domain::{Attenuation, LpsPoint};

/// Scans of the document. Nodules that count are LUNA16's list where the document holds one, else those of at least
/// three readers; whatever else a reader marked is neither right nor wrong.
#[must_use]
pub fn scans_of_truth(document: &TruthDocument) -> Vec<TruthScan> {
    document.series.iter().map(scan).collect()
}

fn scan(series: &TruthSeries) -> TruthScan {
    let own = |n: &TruthNodule| TruthMark {
        center: n.consensus50.centre_lps,
        diameter_mm: n.consensus50.mean_diameter_mm,
    };
    let (nodules, irrelevant) = match &series.luna16 {
        Some(lists) => {
            let listed: Vec<ReferenceNodule> =
                lists.annotations.iter().enumerate().map(|(i, row)| listed(series, i, *row)).collect();
            (listed, lists.annotations_excluded.iter().map(|row| mark(*row)).collect())
        }
        None => {
            let (counts, others): (Vec<_>, Vec<_>) = series.nodules.iter().partition(|n| n.counts());
            let nodules = counts.iter().enumerate().map(|(i, n)| described(n, i, own(n))).collect();
            (nodules, others.into_iter().map(own).collect())
        }
    };
    let slice_mm = series.slice_thickness.map_or(series.slice_spacing, |t| t.max(series.slice_spacing));
    let grid = series.pixel_spacing_row_col.map(|[row, column]| TruthGrid {
        first: series.first_ipp_lps.into(),
        spacing_mm_zyx: [series.slice_spacing, row, column],
    });
    TruthScan {
        name: series.series_instance_uid.clone(),
        patient: series.patient_id.clone(),
        facts: ScanFacts { slice_mm: Some(slice_mm), ..ScanFacts::default() },
        grid,
        nodules,
        irrelevant,
    }
}

fn mark([x, y, z, diameter_mm]: [f64; 4]) -> TruthMark {
    TruthMark { center: LpsPoint { x, y, z }, diameter_mm }
}

/// A row of LUNA16's list with what the readers' nodule at that place says.
fn listed(series: &TruthSeries, index: usize, row: [f64; 4]) -> ReferenceNodule {
    let mark = mark(row);
    let nearest = series.nodules.iter().filter(|n| mark.holds(n.consensus50.centre_lps)).min_by(|a, b| {
        let away = |n: &TruthNodule| n.consensus50.centre_lps.distance_mm(mark.center);
        away(a).total_cmp(&away(b))
    });
    match nearest {
        Some(nodule) => described(nodule, index, mark),
        None => ReferenceNodule::bare(format!("annotation {}", index + 1), mark),
    }
}

fn described(nodule: &TruthNodule, index: usize, mark: TruthMark) -> ReferenceNodule {
    let id = if nodule.id.is_empty() { format!("n{}", index + 1) } else { nodule.id.clone() };
    let mut known = ReferenceNodule::bare(id, mark);
    if let Some(ratings) = &nodule.median_ratings {
        known.attenuation = ratings.texture.map(texture);
        known.is_calcified = ratings.calcification.map(|c| c < 6.0);
    }
    if let Some(planted) = &nodule.planted {
        known.attenuation = match planted.kind.as_str() {
            "part-solid" => Some(Attenuation::PartSolid),
            "non-solid" => Some(Attenuation::NonSolid),
            "solid" | "calcified" | "cavitary" => Some(Attenuation::Solid),
            _ => None,
        };
        known.is_calcified = Some(planted.kind == "calcified");
        known.place = Some(planted.lobe.clone()).filter(|l| !l.is_empty());
    }
    known.place = nodule.place.clone().or(known.place);
    known.consensus = nodule.mask();
    known.readers = nodule.reader_masks();
    known
}

/// LIDC's texture: up to 2 non-solid, up to 3.5 part-solid, else solid.
fn texture(rating: f64) -> Attenuation {
    if rating <= 2.0 {
        Attenuation::NonSolid
    } else if rating <= 3.5 {
        Attenuation::PartSolid
    } else {
        Attenuation::Solid
    }
}
