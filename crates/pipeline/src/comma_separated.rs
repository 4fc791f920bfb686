//! Comma separated values (RFC 4180) as records of cells, for the tables that a site hands in.

/// Largest table read, bytes.
const TABLE_SIZE_MAX: usize = 16 << 20;
/// Most rows read.
const ROWS_COUNT_MAX: usize = 100_000;
/// Records with the line on which each begins; blank lines are left out.
pub(crate) fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    if text.len() > TABLE_SIZE_MAX {
        return Err(format!("the table is larger than {TABLE_SIZE_MAX} bytes"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records: Vec<(usize, Vec<String>)> = Vec::new();
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let (mut line, mut begin) = (1, 1);
    let mut chars = text.chars().chain(['\n']).peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                let record = std::mem::take(&mut cells);
                if record.iter().any(|cell| !cell.trim().is_empty()) {
                    records.push((begin, record));
                }
                begin = line;
            }
            c => cell.push(c),
        }
        if records.len() > ROWS_COUNT_MAX {
            return Err(format!("the table has more than {ROWS_COUNT_MAX} rows"));
        }
    }
    if quoted {
        return Err(format!("line {begin}: a quote is not closed"));
    }
    Ok(records)
}
