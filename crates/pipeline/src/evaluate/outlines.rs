//! Outlines against readers' outlines, with the readers' own spread beside them.

use super::detection::share;
use super::groups::{kind, size};
use super::{EvaluatedScan, ReferenceNodule};
use cad::evaluate::luna16::ScanOutcome;
use cad::evaluate::segmentation::{Agreement, compare, quantile};
use domain::{AgreementMeans, Mask, OutlineDocument, OutlineGroup, SegmentationDocument};
use std::collections::BTreeMap;

/// One outline with all its comparisons.
struct Compared<'a> {
    nodule: &'a ReferenceNodule,
    consensus: Agreement,
    readers: Vec<Agreement>,
    between: Vec<Agreement>,
    /// Whether its volume lies within the readers' smallest and largest; `None` with fewer than two readers.
    within: Option<bool>,
    document: OutlineDocument,
}

/// Outlines of found nodules that the truth outlines too; `None` when there is none.
pub(super) fn document(scans: &[EvaluatedScan], outcomes: &[ScanOutcome]) -> Option<SegmentationDocument> {
    let mut all = Vec::new();
    for (scan, outcome) in scans.iter().zip(outcomes) {
        let grid = scan.marks.spacing_mm_zyx.or(scan.truth.grid.map(|g| g.spacing_mm_zyx));
        let Some(spacing) = grid else { continue };
        for (nodule, hit) in scan.truth.nodules.iter().zip(&outcome.hits) {
            let outline = hit.and_then(|mark| scan.marks.marks.get(mark)).map(|mark| &mark.outline);
            all.extend(outline.and_then(|outline| compared(scan, nodule, outline, spacing)));
        }
    }
    if all.is_empty() {
        return None;
    }
    let mut groups = vec![group("all", "all", &all.iter().collect::<Vec<_>>())?];
    for (by, name_of) in [
        ("size", (|n| Some(size(n.mark.diameter_mm).to_owned())) as fn(&ReferenceNodule) -> Option<String>),
        ("type", kind),
    ] {
        let mut members: BTreeMap<String, Vec<&Compared<'_>>> = BTreeMap::new();
        for one in &all {
            if let Some(name) = name_of(one.nodule) {
                members.entry(name).or_default().push(one);
            }
        }
        let mut named: Vec<(String, Vec<&Compared<'_>>)> = members.into_iter().collect();
        if by == "size" {
            named.sort_by(|a, b| diameter(&a.1).total_cmp(&diameter(&b.1)));
        }
        groups.extend(named.iter().filter_map(|(name, members)| group(by, name, members)));
    }
    Some(SegmentationDocument {
        outlines_count: all.len(),
        groups,
        outlines: all.into_iter().map(|one| one.document).collect(),
    })
}

fn diameter(members: &[&Compared<'_>]) -> f64 {
    members.first().map_or(0.0, |one| one.nodule.mark.diameter_mm)
}

fn compared<'a>(
    scan: &EvaluatedScan,
    nodule: &'a ReferenceNodule,
    outline: &Mask,
    spacing: [f64; 3],
) -> Option<Compared<'a>> {
    let consensus = compare(outline, &nodule.consensus, spacing)?;
    let readers: Vec<Agreement> =
        nodule.readers.iter().filter_map(|r| compare(outline, r, spacing)).collect();
    let mut between = Vec::new();
    for (index, first) in nodule.readers.iter().enumerate() {
        between.extend(
            nodule.readers.iter().skip(index + 1).filter_map(|second| compare(first, second, spacing)),
        );
    }
    let voxel_mm3: f64 = spacing.iter().product();
    #[allow(clippy::cast_precision_loss)] // voxels
    let volume = |mask: &Mask| mask.voxel_count() as f64 * voxel_mm3;
    let volumes: Vec<f64> = nodule.readers.iter().map(volume).collect();
    let own = volume(outline);
    let ends = volumes.iter().copied().reduce(f64::min).zip(volumes.iter().copied().reduce(f64::max));
    let within = ends.filter(|_| volumes.len() > 1).map(|(low, high)| own >= low && own <= high);
    let document = OutlineDocument {
        scan: scan.truth.name.clone(),
        id: nodule.id.clone(),
        diameter_mm: nodule.mark.diameter_mm,
        readers_count: nodule.readers.len(),
        dice: consensus.dice,
        surface_mm_mean: consensus.surface_mm_mean,
        surface_mm_p95: consensus.surface_mm_p95,
        volume_mm3: own,
        consensus_mm3: volume(&nodule.consensus),
        between_readers_dice: mean(between.iter().map(|a| a.dice)),
    };
    Some(Compared { nodule, consensus, readers, between, within, document })
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn group(by: &str, name: &str, members: &[&Compared<'_>]) -> Option<OutlineGroup> {
    let consensus: Vec<Agreement> = members.iter().map(|m| m.consensus).collect();
    let readers: Vec<Agreement> = members.iter().flat_map(|m| m.readers.iter().copied()).collect();
    let between: Vec<Agreement> = members.iter().flat_map(|m| m.between.iter().copied()).collect();
    let within: Vec<bool> = members.iter().filter_map(|m| m.within).collect();
    Some(OutlineGroup {
        by: by.to_owned(),
        group: name.to_owned(),
        count: members.len(),
        consensus: means(&consensus)?,
        against_readers: means(&readers),
        between_readers: means(&between),
        volume_within_readers: share(within.iter().filter(|w| **w).count(), within.len()),
    })
}

fn means(all: &[Agreement]) -> Option<AgreementMeans> {
    let of = |value: fn(&Agreement) -> f64| mean(all.iter().map(value));
    let mut dice: Vec<f64> = all.iter().map(|a| a.dice).collect();
    dice.sort_by(f64::total_cmp);
    Some(AgreementMeans {
        count: all.len(),
        dice: of(|a| a.dice)?,
        dice_p10_p90: [quantile(&dice, 0.1)?, quantile(&dice, 0.9)?],
        iou: of(|a| a.iou)?,
        surface_mm_mean: of(|a| a.surface_mm_mean)?,
        surface_mm_p95: of(|a| a.surface_mm_p95)?,
        volume_error: of(|a| a.volume_error)?,
        volume_error_absolute: of(|a| a.volume_error.abs())?,
    })
}
