//! Subgroups of nodules and of scans.

use super::{EvaluatedScan, ReferenceNodule};
use std::collections::BTreeMap;

/// Sizes, mm, lower ends (published categories of nodules).
const SIZES_MM: [(f64, &str); 6] = [
    (0.0, "< 4 mm"),
    (4.0, "4 to 6 mm"),
    (6.0, "6 to 8 mm"),
    (8.0, "8 to 15 mm"),
    (15.0, "15 to 30 mm"),
    (30.0, ">= 30 mm"),
];
/// Slices, mm, lower ends (the upper end belongs to the group).
const SLICES_MM: [(f64, &str); 4] =
    [(0.0, "<= 1.25 mm"), (1.25, "1.25 to 2 mm"), (2.0, "2 to 3 mm"), (3.0, "> 3 mm")];

/// Who belongs to a group.
#[derive(Debug, Clone)]
pub(super) enum Members {
    /// Whole scans, by index: their nodules and their false marks.
    Scans(Vec<bool>),
    /// Nodules, by scan and index; false marks are those of all scans.
    Nodules(Vec<Vec<bool>>),
}

impl Members {
    /// Whether a nodule is in it.
    pub(super) fn holds(&self, scan: usize, nodule: usize) -> bool {
        match self {
            Self::Scans(scans) => scans.get(scan).copied().unwrap_or(false),
            Self::Nodules(scans) => scans.get(scan).and_then(|n| n.get(nodule)).copied().unwrap_or(false),
        }
    }

    /// Whether a scan, or a nodule of it, is in it.
    pub(super) fn holds_scan(&self, scan: usize) -> bool {
        match self {
            Self::Scans(scans) => scans.get(scan).copied().unwrap_or(false),
            Self::Nodules(scans) => scans.get(scan).is_some_and(|n| n.contains(&true)),
        }
    }

    /// Whether false marks of a scan count against it.
    pub(super) fn counts_false_marks(&self, scan: usize) -> bool {
        match self {
            Self::Scans(_) => self.holds_scan(scan),
            Self::Nodules(_) => true,
        }
    }
}

/// A named group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) by: &'static str,
    pub(super) name: String,
    pub(super) members: Members,
}

/// Group of a size.
pub(super) fn size(diameter_mm: f64) -> &'static str {
    SIZES_MM.iter().rev().find(|(from, _)| diameter_mm >= *from).map_or("< 4 mm", |(_, name)| name)
}

/// Group of a type, calcium first.
pub(super) fn kind(nodule: &ReferenceNodule) -> Option<String> {
    if nodule.is_calcified == Some(true) {
        return Some("calcified".to_owned());
    }
    nodule.attenuation.map(|a| a.as_str().to_owned())
}

fn slices(mm: f64) -> &'static str {
    // A slice of exactly 2 mm belongs to "1.25 to 2 mm".
    SLICES_MM.iter().rev().find(|(from, _)| mm > *from + 1e-6).map_or("<= 1.25 mm", |(_, name)| name)
}

/// Every group that has a member, in the order of its kind.
pub(super) fn all(scans: &[EvaluatedScan]) -> Vec<Group> {
    let mut groups = Vec::new();
    let size_order = |name: &str| SIZES_MM.iter().position(|(_, n)| *n == name);
    groups.extend(of_nodules(scans, "size", size_order, |n| Some(size(n.mark.diameter_mm).to_owned())));
    groups.extend(of_nodules(scans, "type", |_| None, kind));
    groups.extend(of_nodules(scans, "place", |_| None, |n| n.place.clone()));
    let slice_order = |name: &str| SLICES_MM.iter().position(|(_, n)| *n == name);
    let facts = |s: &EvaluatedScan| s.truth.facts.clone();
    groups.extend(of_scans(scans, "slices", slice_order, |s| {
        facts(s).slice_mm.map(|mm| slices(mm).to_owned())
    }));
    groups.extend(of_scans(scans, "kernel", |_| None, |s| facts(s).kernel));
    groups.extend(of_scans(scans, "maker", |_| None, |s| facts(s).maker));
    groups
}

fn of_nodules(
    scans: &[EvaluatedScan],
    by: &'static str,
    order: impl Fn(&str) -> Option<usize>,
    group: impl Fn(&ReferenceNodule) -> Option<String>,
) -> Vec<Group> {
    let names: Vec<Vec<Option<String>>> =
        scans.iter().map(|s| s.truth.nodules.iter().map(&group).collect()).collect();
    let listed = ordered(names.iter().flatten().flatten(), order);
    let members = |name: &String| {
        Members::Nodules(names.iter().map(|n| n.iter().map(|n| n.as_ref() == Some(name)).collect()).collect())
    };
    listed.into_iter().map(|name| Group { by, members: members(&name), name }).collect()
}

fn of_scans(
    scans: &[EvaluatedScan],
    by: &'static str,
    order: impl Fn(&str) -> Option<usize>,
    group: impl Fn(&EvaluatedScan) -> Option<String>,
) -> Vec<Group> {
    let names: Vec<Option<String>> = scans.iter().map(group).collect();
    let listed = ordered(names.iter().flatten(), order);
    let members = |name: &String| Members::Scans(names.iter().map(|n| n.as_ref() == Some(name)).collect());
    listed.into_iter().map(|name| Group { by, members: members(&name), name }).collect()
}

/// Names, each once, in their order or else in that of the alphabet.
fn ordered<'a>(
    names: impl Iterator<Item = &'a String>,
    order: impl Fn(&str) -> Option<usize>,
) -> Vec<String> {
    let sorted: BTreeMap<(Option<usize>, &String), ()> = names.map(|n| ((order(n), n), ())).collect();
    sorted.into_keys().map(|(_, name)| name.clone()).collect()
}
