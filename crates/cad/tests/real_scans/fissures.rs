//! Fissures against the points that readers marked (`training/fissure_marks.json`).

use cad::lobes::{Fissure, Lobes};
use domain::{Lobe, LpsPoint};
use serde_json::Value;
use std::collections::BTreeMap;

/// Scans that are not among those by which mean fissures and numbers of `cad::lobes` were chosen (but see `docs/LOBES.md`).
pub(crate) const UNSEEN: [&str; 4] = ["LIDC-IDRI-0001", "LIDC-IDRI-0005", "LIDC-IDRI-0006", "LIDC-IDRI-0314"];
/// Places are judged so far from each mark on either side, mm.
const BESIDE_MM: [i32; 4] = [5, 10, 15, 20];

/// Places beside marks and what was said of them.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Places {
    all: usize,
    right: usize,
    sure: usize,
    sure_right: usize,
}

impl Places {
    /// Part of the places called sure whose lobe is right.
    pub(crate) fn sure_right(self) -> f64 {
        self.sure_right as f64 / self.sure.max(1) as f64
    }
}

/// All scans of one kind.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Distances of marks from the fissure that was found, mm.
    pub(crate) distances_mm: BTreeMap<&'static str, Vec<f64>>,
    /// By whether the fissure is oblique, and the distance of the places from the mark.
    pub(crate) beside: BTreeMap<(bool, i32), Places>,
}

pub(crate) fn marks() -> Value {
    serde_json::from_str(include_str!("../../../../training/fissure_marks.json")).unwrap()
}

/// Points of all readers on one fissure of a patient.
fn points(marks: &Value, patient: &str, fissure: Fissure) -> Vec<LpsPoint> {
    let key = fissure.as_str().replace(' ', "_");
    let readers = marks["series"][patient]["readers"].as_object();
    let lists = readers.into_iter().flat_map(|r| r.values()).filter_map(|reader| reader[&key].as_array());
    let number = |v: &Value| v.as_f64().unwrap();
    lists.flatten().map(|p| LpsPoint { x: number(&p[0]), y: number(&p[1]), z: number(&p[2]) }).collect()
}

/// Whether `lobe` lies on the stated side of a fissure.
fn fits(lobe: Lobe, fissure: Fissure, above: bool) -> bool {
    match (fissure, above) {
        (Fissure::LeftOblique, true) => lobe == Lobe::Lul,
        (Fissure::LeftOblique, false) => lobe == Lobe::Lll,
        (Fissure::RightOblique, above) => (lobe != Lobe::Rll) == above,
        (Fissure::RightHorizontal, true) => lobe == Lobe::Rul,
        (Fissure::RightHorizontal, false) => lobe == Lobe::Rml,
    }
}

/// `median mean 90 %` of distances and the parts within 5 and 10 mm.
pub(crate) fn summary(mm: &[f64]) -> String {
    let mut mm = mm.to_vec();
    mm.sort_by(f64::total_cmp);
    let quantile = |q: f64| mm[((mm.len() - 1) as f64 * q).round() as usize];
    let mean = mm.iter().sum::<f64>() / mm.len() as f64;
    let (five, ten) = (within(&mm, 5.0), within(&mm, 10.0));
    format!(
        "{:4} marks: median {:4.1}, mean {mean:4.1}, 90 % {:4.1} mm; within 5 mm {:3.0} %, 10 mm {:3.0} %",
        mm.len(),
        quantile(0.5),
        quantile(0.9),
        100.0 * five,
        100.0 * ten
    )
}

/// Part of the distances up to `limit`.
pub(crate) fn within(mm: &[f64], limit: f64) -> f64 {
    mm.iter().filter(|v| **v <= limit).count() as f64 / mm.len() as f64
}

impl Tally {
    /// Adds one scan and prints its lines.
    pub(crate) fn add(&mut self, marks: &Value, patient: &str, lobes: &Lobes) {
        for fissure in Fissure::ALL {
            let points = points(marks, patient, fissure);
            if points.is_empty() {
                continue;
            }
            let above: Vec<f64> = points.iter().map(|p| lobes.above_mm(fissure, *p).unwrap()).collect();
            let bias = above.iter().sum::<f64>() / above.len() as f64;
            let mm: Vec<f64> = above.into_iter().map(f64::abs).collect();
            let seen = 100.0 * lobes.seen(fissure).unwrap();
            eprintln!(
                "{patient:18} {:16} {}, bias {bias:+.1}, seen {seen:.0} %",
                fissure.as_str(),
                summary(&mm)
            );
            self.distances_mm.entry(fissure.as_str()).or_default().extend(mm);
            let oblique = fissure != Fissure::RightHorizontal;
            for (point, away) in points.iter().flat_map(|p| BESIDE_MM.map(|d| [(p, d), (p, -d)])).flatten() {
                let d = f64::from(away) * if oblique { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
                let place = LpsPoint { y: point.y - if oblique { d } else { 0.0 }, z: point.z + d, ..*point };
                let found = lobes.lobe(fissure.side(), place).unwrap();
                let right = fits(found.lobe, fissure, away > 0);
                let places = self.beside.entry((oblique, away.abs())).or_default();
                places.all += 1;
                places.right += usize::from(right);
                places.sure += usize::from(found.sure);
                places.sure_right += usize::from(found.sure && right);
            }
        }
    }

    pub(crate) fn tell(&self, title: &str) {
        for (fissure, mm) in &self.distances_mm {
            eprintln!("{title}, {fissure:16} {}", summary(mm));
        }
        for ((oblique, mm), places) in &self.beside {
            let Places { all, right, sure, sure_right } = places;
            let which = if *oblique { "oblique" } else { "horizontal" };
            eprintln!(
                "{title}, {mm:2} mm beside marks of {which} fissures: lobe right {right} of {all}; sure {sure}, of those right {sure_right}"
            );
        }
    }
}
