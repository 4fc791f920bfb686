//! `lungcad clinical`: asks the clinical rules, one JSON a line, from a file or standard input.

use super::CliError;
use clap::Args;
use pipeline::clinical::{self, REQUEST_SIZE_MAX, Unconfirmed};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::PathBuf;

/// Arguments of `clinical`.
#[derive(Debug, Args)]
#[command(
    after_help = "A request is {\"model\": \"brock2b\", \"inputs\": {\"age\": 68, ...}}; model is the id of a risk \
                        model, guideline:<id>, measure:<name> or eligibility:<id>. Each request gets one answer in its \
                        order; a wrong request is an answer with status \"error\", and the command still ends with 0. \
                        Second reader, for research use; not a diagnosis."
)]
pub(crate) struct ClinicalArguments {
    /// Requests, one JSON a line [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show every model with citation, inputs, units, population and limits
    #[arg(long, conflicts_with_all = ["file", "explain"])]
    list: bool,
    /// The list as one JSON a line
    #[arg(long, requires = "list")]
    json: bool,
    /// Show each evaluation as a person would work it on paper
    #[arg(long)]
    explain: bool,
    /// Let models speak that are off because their coefficients were not seen in a source
    #[arg(long)]
    unconfirmed: bool,
}

/// Lists, or answers every line.
pub(crate) fn run(arguments: &ClinicalArguments) -> Result<(), CliError> {
    let stdout = BufWriter::new(std::io::stdout().lock());
    if arguments.list {
        return told(list(arguments, stdout));
    }
    let unconfirmed = if arguments.unconfirmed { Unconfirmed::Allowed } else { Unconfirmed::Refused };
    let answer: Answer = if arguments.explain { explain } else { clinical::answer_line };
    match arguments.file.as_ref().filter(|path| path.as_os_str() != "-") {
        None => told(answer_all(BufReader::new(std::io::stdin().lock()), stdout, answer, unconfirmed)),
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|e| {
                CliError::usage(format!("reading requests {}: {e}", path.display())).with_hint(
                    "one {\"model\": ..., \"inputs\": ...} a line; without FILE, standard input is read",
                )
            })?;
            told(answer_all(BufReader::new(file), stdout, answer, unconfirmed))
        }
    }
}

/// Who asks and stops listening (`| head`) is no failure.
fn told(outcome: std::io::Result<()>) -> Result<(), CliError> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::failed(format!("reading requests or writing answers: {error}")))
        }
        _ => Ok(()),
    }
}

fn list(arguments: &ClinicalArguments, mut out: impl Write) -> std::io::Result<()> {
    if arguments.json {
        for rule in clinical::list_json() {
            writeln!(out, "{rule}")?;
        }
    } else {
        writeln!(out, "{}", clinical::list().trim_end())?;
    }
    out.flush()
}

/// Answers one line.
type Answer = fn(&str, Unconfirmed) -> String;

fn explain(line: &str, unconfirmed: Unconfirmed) -> String {
    clinical::explain_line(line, unconfirmed).unwrap_or_else(|error| format!("error: {error}\n"))
}

/// Answers every line that is not blank, in order. Answers are written out whenever no further request is
/// at hand, so that a program may ask and wait.
fn answer_all<R: Read>(
    mut requests: BufReader<R>,
    mut answers: impl Write,
    answer: Answer,
    unconfirmed: Unconfirmed,
) -> std::io::Result<()> {
    let mut line = Vec::new();
    while read_line(&mut requests, &mut line)? {
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            writeln!(answers, "{}", answer(text.trim(), unconfirmed))?;
        }
        if requests.buffer().is_empty() {
            answers.flush()?;
        }
    }
    answers.flush()
}

/// Reads a line into `line`; of one that is too long, enough for it to be refused, and drops its rest. False
/// at the end.
fn read_line(requests: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let limit = u64::try_from(REQUEST_SIZE_MAX).unwrap_or(u64::MAX).saturating_add(2);
    if requests.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    while !line.ends_with(b"\n") {
        let rest = requests.fill_buf()?;
        if rest.is_empty() {
            break;
        }
        let end = rest.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(rest.len(), |i| i + 1);
        requests.consume(count);
        if end.is_some() {
            break;
        }
    }
    Ok(true)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The vectors of the design and our own cases, each with what to compare.
    pub(crate) fn vectors() -> Vec<Value> {
        let read = |name: &str| {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name);
            serde_json::from_str::<Vec<Value>>(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        [read("clinical-vectors.json"), read("clinical-cases.json")].concat()
    }

    /// The request of a vector.
    pub(crate) fn request(vector: &Value) -> Value {
        json!({"model": vector["model"], "inputs": vector["inputs"]})
    }

    /// The answer is what the vector expects.
    pub(crate) fn check(vector: &Value, answer: &Value) {
        let refuses = vector["expected"]["category"] == "not_applicable";
        let usual = if refuses { "not_applicable" } else { "result" };
        let status = vector["status"].as_str().unwrap_or(usual);
        assert_eq!(answer["status"], status, "{answer} for {vector}");
        let near = |got: &Value, wanted: &Value| match (got.as_f64(), wanted.as_f64()) {
            (Some(got), Some(wanted)) => (got - wanted).abs() <= vector["tolerance"].as_f64().unwrap_or(0.0),
            _ => got == wanted,
        };
        if !vector["expected"].is_null() {
            assert!(near(&answer["value"], &vector["expected"]), "{answer} for {vector}");
        }
        if status == "range" {
            let end = |i: usize| near(&answer["range"][i], &vector["range"][i]);
            assert!(end(0) && end(1), "{answer} for {vector}");
        }
        if !vector["missing"].is_null() {
            assert_eq!(answer["missing"], vector["missing"], "{vector}");
        }
    }

    fn ask(requests: &str, unconfirmed: Unconfirmed) -> Vec<Value> {
        let mut answers = Vec::new();
        let requests = BufReader::new(requests.as_bytes());
        answer_all(requests, &mut answers, clinical::answer_line, unconfirmed).unwrap();
        String::from_utf8(answers).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Goal: the command line is the same door as the library. Method: every vector and case, in one run.
    #[test]
    fn every_vector_passes_through_the_command_line() {
        let vectors = vectors();
        assert!(vectors.len() > 700, "{}", vectors.len());
        let lines: Vec<String> = vectors.iter().map(|vector| request(vector).to_string()).collect();
        let answers = ask(&lines.join("\n"), Unconfirmed::Allowed);
        assert_eq!(answers.len(), vectors.len());
        vectors.iter().zip(&answers).for_each(|(vector, answer)| check(vector, answer));
    }

    /// Goal: a wrong line is an answer of its own, in its place. Method: wrong, blank, too long, not UTF-8.
    #[test]
    fn wrong_lines_are_answered_in_their_place() {
        let good = r#"{"model": "measure:effective_diameter_mm", "inputs": {"volume_mm3": 100}}"#;
        let long = format!("{{\"model\": \"{}\"}}", "x".repeat(3 * REQUEST_SIZE_MAX));
        let answers = ask(&format!("{good}\n\nnonsense\r\n{long}\n{good}"), Unconfirmed::Refused);
        let status: Vec<&str> = answers.iter().map(|answer| answer["status"].as_str().unwrap()).collect();
        assert_eq!(status, ["result", "error", "error", "result"]);
        assert!(answers[2]["reason"].as_str().unwrap().contains("longer than"), "{}", answers[2]);
        let mut out = Vec::new();
        let requests = BufReader::new(&b"{\"model\": \"\xff\"}\n"[..]);
        answer_all(requests, &mut out, clinical::answer_line, Unconfirmed::Refused).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("\"status\":\"error\""));
    }

    /// Goal: the working is shown, and a wrong request tells what is wrong. Method: one of each.
    #[test]
    fn explained_line_by_line() {
        let text = explain(
            r#"{"model": "herder_bts_lr", "inputs": {"pretest": 0.6, "fdg": "faint"}}"#,
            Unconfirmed::Refused,
        );
        assert!(text.contains("odds after PET") && text.contains("20.3 %"), "{text}");
        assert!(explain("{", Unconfirmed::Refused).starts_with("error: "));
    }

    /// Goal: an asker who waits gets the answer before the next question. Method: a reader that hands out one
    /// request at a time, and a writer that counts what was flushed.
    #[test]
    fn answers_come_before_the_next_question() {
        use std::cell::Cell;
        use std::rc::Rc;
        struct Asker(Vec<Vec<u8>>, Rc<Cell<usize>>);
        impl Read for Asker {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                let asked = 3 - self.0.len();
                assert!(self.1.get() >= asked, "{asked} asked, {} answered", self.1.get());
                let Some(next) = self.0.pop() else { return Ok(0) };
                into[..next.len()].copy_from_slice(&next);
                Ok(next.len())
            }
        }
        struct Count(Vec<u8>, Rc<Cell<usize>>);
        impl Write for Count {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.extend(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                self.1.set(self.0.iter().filter(|byte| **byte == b'\n').count());
                Ok(())
            }
        }
        let flushed = Rc::new(Cell::new(0));
        let asker = Asker(vec![b"{\"model\": \"mayo\"}\n".to_vec(); 3], flushed.clone());
        let out = Count(Vec::new(), flushed);
        answer_all(BufReader::new(asker), out, clinical::answer_line, Unconfirmed::Refused).unwrap();
    }
}
