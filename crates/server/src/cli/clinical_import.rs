//! `lungcad clinical-import`: a table of clinical data to the studies of a running server.

use super::{CliError, block_on, say, table};
use clap::Args;
use pipeline::assess::changed;
use pipeline::clinical_table::{TableRow, read};
use pipeline::rest::{Rest, RestError};
use std::path::PathBuf;

/// Arguments of `clinical-import`.
#[derive(Debug, Args)]
#[command(
    after_help = "The first line names the columns: PatientID or AccessionNumber, and values of the patient by the names \
                  of the rules (age, female, emphysema, ever_smoker, risk ...). A row that names a nodule in the column \
                  TrackingUID states values of it too (type, spiculation, benign, timing ...). An empty cell states nothing, null takes \
                  a value away. A table with any mistake changes nothing. What is said of a patient or order without a study in \
                  the archive waits for the study to come."
)]
pub(crate) struct ClinicalImportArguments {
    /// Table: CSV, UTF-8
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Bearer token, where the server asks for one
    #[arg(long, env = "LUNGCAD_HTTP__TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of a row at one study.
struct Outcome {
    line: usize,
    subject: String,
    study: String,
    what: String,
}

/// Reads the table, then changes study by study.
pub(crate) fn run(arguments: &ClinicalImportArguments) -> Result<(), CliError> {
    let path = &arguments.file;
    let wrong = |cause: String| CliError::usage(format!("reading table {}: {cause}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    let rows = read(&text).map_err(wrong)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let origin: String = format!("table {name}").chars().take(64).collect();
    let rest = Rest::new(&arguments.server, arguments.token.clone());
    let outcomes = block_on(async {
        let mut outcomes = Vec::new();
        for row in &rows {
            outcomes.extend(of_row(&rest, row, &origin, arguments.dry_run).await?);
        }
        Ok::<_, RestError>(outcomes)
    })?;
    tell(&outcomes.map_err(|e| super::findings::failed(&e))?, arguments.dry_run);
    Ok(())
}

async fn of_row(rest: &Rest, row: &TableRow, origin: &str, dry_run: bool) -> Result<Vec<Outcome>, RestError> {
    let outcome = |study: &str, what: String| Outcome {
        line: row.line,
        subject: row.subject.to_string(),
        study: study.to_owned(),
        what,
    };
    let studies = rest.studies_of(&row.subject).await?;
    if studies.is_empty() {
        return Ok(vec![outcome("", awaiting(rest, row, origin, dry_run).await?)]);
    }
    let mut outcomes = Vec::new();
    for study in studies {
        let (version, before) = rest.clinical(&study).await?;
        let what = match changed(Some(&before.to_string()), &row.patch) {
            Err(cause) => format!("refused: {cause}"),
            Ok(after) if after == before => format!("no change (version {version})"),
            Ok(_) if dry_run => format!("would change version {version}: {}", row.patch),
            Ok(_) => {
                let (now, _) = rest.change_clinical(&study, &row.patch, origin).await?;
                format!("version {now}")
            }
        };
        outcomes.push(outcome(&study, what));
    }
    Ok(outcomes)
}

/// What becomes of a row whose study has not come.
async fn awaiting(rest: &Rest, row: &TableRow, origin: &str, dry_run: bool) -> Result<String, RestError> {
    if row.patch.get("nodules").is_some() {
        return Ok("no study in the archive: none of its nodules is known".to_owned());
    }
    let before = rest.awaited(&row.subject).await?;
    Ok(match changed(Some(&before.to_string()), &row.patch) {
        Err(cause) => format!("refused: {cause}"),
        Ok(after) if after == before => "no study yet; nothing new waits for it".to_owned(),
        Ok(_) if dry_run => format!("no study yet; would wait for it: {}", row.patch),
        Ok(_) => {
            let now = rest.change_awaited(&row.subject, &row.patch, origin).await?;
            format!("no study yet; waits for it: {now}")
        }
    })
}

fn tell(outcomes: &[Outcome], dry_run: bool) {
    let mut rows = table(&["line", "subject", "study", if dry_run { "would become" } else { "became" }]);
    for one in outcomes {
        rows.add_row([one.line.to_string(), one.subject.clone(), one.study.clone(), one.what.clone()]);
    }
    say(rows);
    let without = outcomes.iter().filter(|one| one.study.is_empty()).count();
    say(format_args!("{} rows at studies, {without} rows without a study", outcomes.len() - without));
}
