//! Reading the layers: embedded defaults, site file, environment.
//!
//! Each layer is compared with the embedded defaults before it is merged, so that an unknown key or a
//! wrong type is reported with the file or variable that holds it.

use super::error::ConfigError;
use config::{Config, File, FileFormat, Map, Value, ValueKind};

/// The manual and the default of every key.
pub(crate) const DEFAULTS: &str = include_str!("../../../../config/lungcad.toml");

/// Keys of one `[[destinations]]` block with their defaults; the manual shows the same block.
pub(super) const DESTINATION_DEFAULTS: &str = r#"
name = ""
address = ""
ae_title = ""
calling_ae_title = ""
objects = ["sr", "seg"]
transfer_syntax = "explicit_vr_le"
connect_timeout_s = 10
response_timeout_s = 60
tries_max = 20
retry_s_first = 30
retry_s_max = 10800
"#;

/// Key of the list of destinations.
pub(super) const DESTINATIONS: &str = "destinations";

/// A table of the configuration tree.
pub(super) type Table = Map<String, Value>;

/// Parses TOML text into a table.
pub(super) fn parse(text: &str, origin: &str) -> Result<Table, ConfigError> {
    let built = Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build();
    let tree = built
        .map_err(|e| ConfigError::Syntax { origin: origin.to_owned(), cause: one_line(&e.to_string()) })?;
    match tree.cache.kind {
        ValueKind::Table(table) => Ok(table),
        _ => Ok(Table::new()),
    }
}

/// The parser draws the line with a caret over several lines; a log and a terminal want one.
fn one_line(text: &str) -> String {
    let parts = text
        .lines()
        .map(|l| l.trim().trim_matches('|').trim())
        .filter(|l| !l.is_empty() && !l.starts_with('^'));
    parts.collect::<Vec<_>>().join(" ")
}

/// Checks `layer` against `known` and gives the values in the types that the defaults have.
pub(super) fn checked(layer: Table, known: &Table, origin: &str, prefix: &str) -> Result<Table, ConfigError> {
    let mut out = Table::new();
    for (key, value) in layer {
        let full = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if prefix.is_empty() && key == DESTINATIONS {
            out.insert(key, checked_destinations(value, origin)?);
            continue;
        }
        let Some(default) = known.get(&key) else {
            return Err(ConfigError::UnknownKey {
                origin: origin.to_owned(),
                nearest: nearest(&full),
                key: full,
            });
        };
        let value = match (&default.kind, value.kind) {
            (ValueKind::Table(inner), ValueKind::Table(given)) => {
                Value::new(None, ValueKind::Table(checked(given, inner, origin, &full)?))
            }
            (wanted, given) => Value::new(
                None,
                typed(wanted, given).map_err(|found| wrong_type(origin, &full, wanted, found))?,
            ),
        };
        out.insert(key, value);
    }
    Ok(out)
}

fn wrong_type(origin: &str, key: &str, wanted: &ValueKind, found: String) -> ConfigError {
    let found = if is_secret(key) { "something else".to_owned() } else { found };
    ConfigError::WrongType {
        origin: origin.to_owned(),
        key: key.to_owned(),
        expected: kind_name(wanted).to_owned(),
        found,
    }
}

/// Keys whose values must not appear in any message.
pub(super) fn is_secret(key: &str) -> bool {
    matches!(key, "http.token" | "storage.s3.secret_access_key" | "storage.database")
}

/// `given` in the type of `wanted`; texts from the environment are read as numbers, truth values and lists.
fn typed(wanted: &ValueKind, given: ValueKind) -> Result<ValueKind, String> {
    let shown = described(&given);
    let converted = match (wanted, given) {
        (ValueKind::Boolean(_), ValueKind::String(s)) => {
            s.trim().to_lowercase().parse().ok().map(ValueKind::Boolean)
        }
        (ValueKind::I64(_), ValueKind::String(s)) => s.trim().parse().ok().map(ValueKind::I64),
        (ValueKind::Float(_), ValueKind::String(s)) => {
            s.trim().parse::<f64>().ok().filter(|v| v.is_finite()).map(ValueKind::Float)
        }
        #[allow(clippy::cast_precision_loss)] // seconds, millimetres and gigabytes are far below 2^52
        (ValueKind::Float(_), ValueKind::I64(n)) => Some(ValueKind::Float(n as f64)),
        (ValueKind::Array(_), ValueKind::String(s)) => list(&s),
        (ValueKind::Array(_), ValueKind::Array(items)) => {
            items.iter().all(|v| matches!(v.kind, ValueKind::String(_))).then_some(ValueKind::Array(items))
        }
        (w, g) => (std::mem::discriminant(w) == std::mem::discriminant(&g)).then_some(g),
    };
    converted.ok_or(shown)
}

/// `a,b,c` or `["a", "b"]`.
fn list(text: &str) -> Option<ValueKind> {
    if text.trim_start().starts_with('[') {
        let table = parse(&format!("list = {text}"), "list").ok()?;
        return match &table.get("list")?.kind {
            ValueKind::Array(items) => Some(ValueKind::Array(items.clone())),
            _ => None,
        };
    }
    let items = text.split(',').map(str::trim).filter(|s| !s.is_empty());
    Some(ValueKind::Array(items.map(|s| Value::new(None, ValueKind::String(s.to_owned()))).collect()))
}

fn kind_name(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a whole number",
        ValueKind::Float(_) => "a number",
        ValueKind::String(_) => "a text in quotes",
        ValueKind::Table(_) => "a section",
        ValueKind::Array(_) => "a list of texts",
        ValueKind::Nil => "a value",
    }
}

fn described(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Table(_) | ValueKind::Array(_) | ValueKind::Nil => kind_name(kind).to_owned(),
        ValueKind::String(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        other => other.to_string(),
    }
}

/// Every key of the defaults, dotted.
pub(super) fn all_keys() -> Vec<String> {
    fn walk(table: &Table, prefix: &str, out: &mut Vec<String>) {
        for (key, value) in table {
            let full = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match &value.kind {
                ValueKind::Table(inner) => walk(inner, &full, out),
                _ => out.push(full.clone()),
            }
            if matches!(value.kind, ValueKind::Table(_)) {
                out.push(full);
            }
        }
    }
    let mut out = Vec::new();
    if let Ok(table) = parse(DEFAULTS, "built-in defaults") {
        walk(&table, "", &mut out);
    }
    if let Ok(table) = parse(DESTINATION_DEFAULTS, "built-in defaults") {
        walk(&table, DESTINATIONS, &mut out);
    }
    out.push(DESTINATIONS.to_owned());
    out.sort();
    out
}

/// The right key that a wrong one was most likely meant to be: near in letters, or the same last part
/// in another section.
fn nearest(wrong: &str) -> Option<String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let score = |key: &String| {
        let whole = strsim::jaro_winkler(wrong, key);
        let part = strsim::jaro_winkler(&last(wrong), &last(key));
        whole.max(part * 0.97)
    };
    let keys = all_keys();
    let best = keys.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) > 0.8).then(|| best.clone())
}

fn checked_destinations(value: Value, origin: &str) -> Result<Value, ConfigError> {
    let wrong = |found: String| ConfigError::WrongType {
        origin: origin.to_owned(),
        key: DESTINATIONS.to_owned(),
        expected: "[[destinations]] blocks, or name=AE@host:port in the environment".to_owned(),
        found,
    };
    let known = parse(DESTINATION_DEFAULTS, "built-in defaults")?;
    let items = match value.kind {
        ValueKind::Array(items) => items,
        ValueKind::String(text) => short_destinations(&text).ok_or_else(|| wrong(format!("{text:?}")))?,
        other => return Err(wrong(described(&other))),
    };
    let mut out = Vec::new();
    for item in items {
        let ValueKind::Table(given) = item.kind else { return Err(wrong(described(&item.kind))) };
        let mut whole = known.clone();
        whole.extend(checked(given, &known, origin, DESTINATIONS)?);
        out.push(Value::new(None, ValueKind::Table(whole)));
    }
    Ok(Value::new(None, ValueKind::Array(out)))
}

/// `name=AE@host:port[,...]`
fn short_destinations(text: &str) -> Option<Vec<Value>> {
    let one = |part: &str| {
        let (name, rest) = part.split_once('=')?;
        let (title, address) = rest.rsplit_once('@')?;
        let fields = [("name", name), ("ae_title", title), ("address", address)];
        let text = |v: &str| Value::new(None, ValueKind::String(v.trim().to_owned()));
        let table: Table = fields.into_iter().map(|(k, v)| (k.to_owned(), text(v))).collect();
        Some(Value::new(None, ValueKind::Table(table)))
    };
    text.split(',').filter(|p| !p.trim().is_empty()).map(one).collect()
}

/// The table that `LUNGCAD_A__B=value` stands for.
pub(super) fn of_variable(name: &str, value: &str) -> Option<Table> {
    let path = name.strip_prefix("LUNGCAD_")?.to_lowercase();
    let mut node = Value::new(None, ValueKind::String(value.to_owned()));
    for part in path.rsplit("__") {
        node = Value::new(None, ValueKind::Table(Table::from_iter([(part.to_owned(), node)])));
    }
    match node.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

/// Lays `upper` over `lower`; lists are replaced, sections are merged.
pub(super) fn merge(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key).map(|v| &mut v.kind), value.kind) {
            (Some(ValueKind::Table(below)), ValueKind::Table(above)) => merge(below, above),
            (_, kind) => {
                lower.insert(key, Value::new(None, kind));
            }
        }
    }
}
