//! How many nodules a second one core puts through all guidelines: `cargo run -p cad --example guideline_speed`
//! (crate `cad` is optimised in the development profile too).

#![allow(clippy::print_stdout, reason = "an example prints its result")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use cad::clinical::Inputs;
use cad::guideline::compare::compare;
use std::time::Instant;

/// Nodules of every kind and state, sizes from 3 to 33 mm.
fn nodules() -> Vec<Inputs> {
    let kinds = ["solid", "part_solid", "ggn", "solid_pleural"];
    let timings = ["baseline", "new", "stable", "growing"];
    let mut all = Vec::new();
    for kind in kinds {
        for timing in timings {
            for step in 0..60 {
                let mm = 3.0 + 0.5 * f64::from(step);
                let volume = std::f64::consts::PI / 6.0 * mm.powi(3);
                let nodule = Inputs::new().with("type", kind).with("timing", timing).with("mean_mm", mm);
                let nodule =
                    nodule.with("solid_mm", mm * 0.5).with("max_mm", mm * 1.1).with("dmin_mm", mm * 0.9);
                let nodule = nodule.with("volume_mm3", volume).with("solid_volume_mm3", volume * 0.125);
                let nodule = nodule.with("brock_min", 0.02).with("brock_max", mm / 40.0).with("risk", "high");
                let nodule = nodule.with("age", 62.0).with("months", 12.0).with("volume_change", 0.3);
                all.push(nodule.with("vdt_days", 450.0).with("prior_category", "3"));
            }
        }
    }
    all
}

fn main() {
    let nodules = nodules();
    let (mut count, mut answers) = (0_u32, 0_usize);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 3.0 {
        for nodule in &nodules {
            match compare(nodule) {
                Ok(comparison) => {
                    answers += comparison.opinions.iter().filter(|one| one.urgency.is_some()).count()
                }
                Err(error) => println!("refused: {error}"),
            }
            count += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.0} nodules a second through all guidelines ({answers} settled answers)",
        f64::from(count) / seconds
    );
}
