//! `lungcad calibrate --triage`: the tenths of the site's own exams.

use super::super::{CliError, block_on, say, table};
use super::CalibrateArguments;
use crate::config::Settings;
use crate::wiring;
use archive::NewTriageCalibration;
use pipeline::triage::{EXAMS_COUNT_MIN, TriageCalibration, pack_key, scores_of_table};
use std::path::Path;

/// Reads scores, takes their tenths, keeps them.
pub(super) fn run(settings: &Settings, arguments: &CalibrateArguments) -> Result<(), CliError> {
    let pack = wiring::pack_in_use(settings)?;
    let (scores, origin) = match &arguments.scores {
        Some(path) => (read(path)?, origin(path)),
        None => {
            let found = block_on(wiring::triage_scores(settings, &pack, arguments.exams))??;
            for (count, why) in [
                (
                    found.other_settings_count,
                    "were analysed at another threshold or with other files of the pack",
                ),
                (found.unreadable_count, "have a result that this version cannot read"),
            ] {
                if count > 0 {
                    say(format_args!("note: {count} exams are left out: they {why}"));
                }
            }
            (found.scores, "archive".to_owned())
        }
    };
    let calibration = TriageCalibration::of(&scores, &pack).map_err(|few| {
        CliError::failed(format!("not calibrated: {} of {EXAMS_COUNT_MIN} exams", few.found)).with_hint(
            "analyse more of the site's own exams with this pack; deciles of other people's exams would order nothing here",
        )
    })?;
    let new = NewTriageCalibration {
        pack: pack_key(&pack),
        calibration_json: serde_json::to_string(&calibration).map_err(|e| CliError::failed(e.to_string()))?,
        exams_count: i64::try_from(calibration.exams_count).unwrap_or(i64::MAX),
        origin,
    };
    let version = block_on(wiring::store_triage(settings, &new))??;
    tell(version, &new, &calibration);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<f64>, CliError> {
    let wrong = |cause: String| CliError::usage(format!("reading table {}: {cause}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    scores_of_table(&text).map_err(wrong)
}

/// Name of a table for the record.
fn origin(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("table {name}").chars().filter(|c| !c.is_control()).take(64).collect()
}

fn tell(version: i64, new: &NewTriageCalibration, calibration: &TriageCalibration) {
    say(format_args!(
        "triage calibration {version}: {} at threshold {}, {} exams ({}), {} of them without a finding",
        new.pack, calibration.threshold, new.exams_count, new.origin, calibration.without_findings_count
    ));
    let mut rows = table(&["triage score", "highest nodule score of the exam"]);
    for (score, tenth) in (1..).zip(calibration.tenths()) {
        rows.add_row([score.to_string(), tenth]);
    }
    say(rows);
    say(
        "every exam analysed from now on has a score; earlier ones get one when they are analysed or judged again",
    );
    say(domain::TRIAGE_USE);
}
