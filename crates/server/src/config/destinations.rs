//! `[[destinations]]`: where results go.

use super::{ConfigError, dicom, seconds, within};
use domain::AeTitle;
use serde::Deserialize;
use std::time::Duration;

/// One block as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    name: String,
    address: String,
    ae_title: String,
    calling_ae_title: String,
    objects: Vec<String>,
    transfer_syntax: String,
    connect_timeout_s: i64,
    response_timeout_s: i64,
    tries_max: i64,
    retry_s_first: i64,
    retry_s_max: i64,
}

/// Kind of a result object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// Structured report.
    Sr,
    /// Segmentation.
    Seg,
}

/// Encoding proposed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DestinationSyntax {
    /// Explicit VR Little Endian.
    ExplicitVrLe,
    /// Implicit VR Little Endian.
    ImplicitVrLe,
}

impl DestinationSyntax {
    /// Transfer Syntax UID.
    pub(crate) fn uid(self) -> &'static str {
        match self {
            Self::ExplicitVrLe => "1.2.840.10008.1.2.1",
            Self::ImplicitVrLe => "1.2.840.10008.1.2",
        }
    }
}

/// A PACS or another receiver of results.
#[derive(Debug, Clone)]
pub(crate) struct DestinationSettings {
    /// Name in REST, log and metrics.
    pub(crate) name: String,
    /// `host:port`.
    pub(crate) address: String,
    /// Its title.
    pub(crate) ae_title: AeTitle,
    /// Our title there.
    pub(crate) calling_ae_title: AeTitle,
    /// What it gets.
    pub(crate) objects: Vec<ObjectKind>,
    /// Encoding proposed first.
    pub(crate) transfer_syntax: DestinationSyntax,
    /// For connection and association.
    pub(crate) connect_timeout: Duration,
    /// For the answer to one object.
    pub(crate) response_timeout: Duration,
    /// Tries until a delivery is dead.
    pub(crate) tries_max: u32,
    /// First pause between tries.
    pub(crate) retry_first: Duration,
    /// Longest pause between tries.
    pub(crate) retry_max: Duration,
}

/// Checks every block; names must differ.
pub(super) fn checked(raw: Vec<Raw>, own_title: &AeTitle) -> Result<Vec<DestinationSettings>, ConfigError> {
    let mut out: Vec<DestinationSettings> = Vec::new();
    for block in raw {
        let one = one(block, own_title)?;
        if out.iter().any(|d| d.name == one.name) {
            let cause = format!("two destinations are named {:?}; names must differ", one.name);
            return Err(ConfigError::invalid("destinations.name", cause));
        }
        out.push(one);
    }
    Ok(out)
}

fn one(raw: Raw, own_title: &AeTitle) -> Result<DestinationSettings, ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if raw.name.is_empty() || raw.name.len() > 64 || !raw.name.chars().all(plain) {
        let cause = format!("{:?} is not a name; use 1 to 64 letters, digits, - and _", raw.name);
        return Err(ConfigError::invalid("destinations.name", cause));
    }
    let key = |part: &str| format!("destinations.{part} of {}", raw.name);
    let whole = |part: &str, value: i64| {
        let value = u32::try_from(value)
            .map_err(|_| ConfigError::invalid(key(part), "must be a number of seconds"))?;
        seconds(&key(part), f64::from(value), 1.0, 604_800.0)
    };
    let calling_ae_title = match raw.calling_ae_title.as_str() {
        "" => own_title.clone(),
        text => dicom::title(&key("calling_ae_title"), text)?,
    };
    let transfer_syntax = match raw.transfer_syntax.as_str() {
        "explicit_vr_le" => DestinationSyntax::ExplicitVrLe,
        "implicit_vr_le" => DestinationSyntax::ImplicitVrLe,
        other => {
            let cause = format!("{other:?} is not known; use explicit_vr_le or implicit_vr_le");
            return Err(ConfigError::invalid(key("transfer_syntax"), cause));
        }
    };
    let tries = within(&key("tries_max"), raw.tries_max, 1, 1_000)?;
    Ok(DestinationSettings {
        address: host_and_port(&key("address"), &raw.address)?,
        ae_title: dicom::title(&key("ae_title"), &raw.ae_title)?,
        calling_ae_title,
        objects: objects(&key("objects"), &raw.objects)?,
        transfer_syntax,
        connect_timeout: whole("connect_timeout_s", raw.connect_timeout_s)?,
        response_timeout: whole("response_timeout_s", raw.response_timeout_s)?,
        tries_max: u32::try_from(tries).unwrap_or(1),
        retry_first: whole("retry_s_first", raw.retry_s_first)?,
        retry_max: whole("retry_s_max", raw.retry_s_max)?,
        name: raw.name,
    })
}

fn host_and_port(key: &str, text: &str) -> Result<String, ConfigError> {
    let valid = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|p| p > 0)
    });
    if valid {
        return Ok(text.to_owned());
    }
    Err(ConfigError::invalid(key, format!("{text:?} is not an address; write it as host:port")))
}

fn objects(key: &str, words: &[String]) -> Result<Vec<ObjectKind>, ConfigError> {
    let kind = |word: &String| match word.as_str() {
        "sr" => Ok(ObjectKind::Sr),
        "seg" => Ok(ObjectKind::Seg),
        other => Err(ConfigError::invalid(key, format!("{other:?} is not known; use sr and seg"))),
    };
    let kinds = words.iter().map(kind).collect::<Result<Vec<_>, _>>()?;
    if kinds.is_empty() {
        return Err(ConfigError::invalid(key, "is empty; name sr, seg or both, or remove the destination"));
    }
    Ok(kinds)
}
