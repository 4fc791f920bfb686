//! `[dicom]`: the receiver.

use super::{ConfigError, http, seconds, within};
use domain::AeTitle;
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// `[dicom]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    listen: String,
    ae_title: String,
    called_ae_titles: Vec<String>,
    called_ae_any: bool,
    calling_ae_allowed: Vec<String>,
    associations_max: i64,
    pdu_size_max: i64,
    operations_max: i64,
    object_size_max: i64,
    idle_timeout_s: i64,
    association_timeout_s: i64,
    keep_other_objects: bool,
    charset_fallback: String,
}

/// The receiver's rules and limits.
#[derive(Debug, Clone)]
pub(crate) struct DicomSettings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Our title.
    pub(crate) ae_title: AeTitle,
    /// Titles that we answer to, our own first; `None` = any.
    pub(crate) called_ae_titles: Option<Vec<AeTitle>>,
    /// Titles that may call; `None` = any.
    pub(crate) calling_ae_allowed: Option<Vec<AeTitle>>,
    /// Associations at once.
    pub(crate) associations_max: usize,
    /// Largest PDU taken, bytes.
    pub(crate) pdu_size_max: u32,
    /// Operations that one association may have open at once.
    pub(crate) operations_max: u16,
    /// Largest object taken, bytes.
    pub(crate) object_size_max: u64,
    /// Longest silence.
    pub(crate) idle_timeout: Duration,
    /// Longest association.
    pub(crate) association_timeout: Duration,
    /// Whether objects other than CT are stored.
    pub(crate) keep_other_objects: bool,
    /// Defined term of the character set assumed where none is named.
    pub(crate) charset_fallback: String,
}

/// A checked title, or which key holds a wrong one.
pub(super) fn title(key: &str, text: &str) -> Result<AeTitle, ConfigError> {
    AeTitle::new(text).map_err(|e| ConfigError::invalid(key, format!("{text:?}: {e}")))
}

fn titles(key: &str, texts: &[String]) -> Result<Vec<AeTitle>, ConfigError> {
    texts.iter().map(|t| title(key, t)).collect()
}

impl DicomSettings {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let ae_title = title("dicom.ae_title", &raw.ae_title)?;
        let mut called = vec![ae_title.clone()];
        called.extend(titles("dicom.called_ae_titles", &raw.called_ae_titles)?);
        let calling = titles("dicom.calling_ae_allowed", &raw.calling_ae_allowed)?;
        let whole_seconds = |key: &str, value: i64| {
            let value =
                u32::try_from(value).map_err(|_| ConfigError::invalid(key, "must be a number of seconds"))?;
            seconds(key, f64::from(value), 1.0, 604_800.0)
        };
        let count = within("dicom.associations_max", raw.associations_max, 1, 10_000)?;
        let pdu = within("dicom.pdu_size_max", raw.pdu_size_max, 4_096, 1_048_576)?;
        let operations = within("dicom.operations_max", raw.operations_max, 1, 256)?;
        let object = within("dicom.object_size_max", raw.object_size_max, 1_048_576, 1 << 40)?;
        Ok(Self {
            listen: http::address("dicom.listen", &raw.listen)?,
            ae_title,
            called_ae_titles: (!raw.called_ae_any).then_some(called),
            calling_ae_allowed: (!calling.is_empty()).then_some(calling),
            associations_max: usize::try_from(count).unwrap_or(1),
            pdu_size_max: u32::try_from(pdu).unwrap_or(4_096),
            operations_max: u16::try_from(operations).unwrap_or(1),
            object_size_max: u64::try_from(object).unwrap_or(1_048_576),
            idle_timeout: whole_seconds("dicom.idle_timeout_s", raw.idle_timeout_s)?,
            association_timeout: whole_seconds("dicom.association_timeout_s", raw.association_timeout_s)?,
            keep_other_objects: raw.keep_other_objects,
            charset_fallback: charset(&raw.charset_fallback)?,
        })
    }
}

/// Defined terms without code extensions of PS3.3 C.12.1.1.2, tables C.12-2 and C.12-5.
const CHARSETS: [&str; 16] = [
    "ISO_IR 6",
    "ISO_IR 100",
    "ISO_IR 101",
    "ISO_IR 109",
    "ISO_IR 110",
    "ISO_IR 144",
    "ISO_IR 127",
    "ISO_IR 126",
    "ISO_IR 138",
    "ISO_IR 148",
    "ISO_IR 203",
    "ISO_IR 13",
    "ISO_IR 166",
    "ISO_IR 192",
    "GB18030",
    "GBK",
];

fn charset(term: &str) -> Result<String, ConfigError> {
    if CHARSETS.contains(&term) {
        return Ok(term.to_owned());
    }
    let cause = format!("{term:?} is not a defined term; use one of {}", CHARSETS.join(", "));
    Err(ConfigError::invalid("dicom.charset_fallback", cause))
}
