//! Raw values of a data set as texts and numbers.

use super::{Collected, HeaderError, frames};
use crate::guard;
use crate::text;
use dicom_core::Tag;

/// Values of one data set with its character set.
pub(super) struct Values<'c, 'b> {
    pub(super) collected: &'c Collected<'b>,
    pub(super) charset: Vec<String>,
    pub(super) fallback: Option<&'c str>,
}

impl Values<'_, '_> {
    pub(super) fn raw(&self, tag: Tag) -> Option<&[u8]> {
        self.collected.values.iter().find(|(t, ..)| *t == tag).map(|(_, value, _)| *value)
    }

    /// All values; an attribute that is absent or empty gives none.
    pub(super) fn list(&self, tag: Tag) -> Vec<String> {
        let Some(raw) = self.raw(tag) else { return Vec::new() };
        let charset: Vec<&str> = self.charset.iter().map(String::as_str).collect();
        let values = text::decode_values(raw, &charset, self.fallback);
        if values.iter().all(String::is_empty) { Vec::new() } else { values }
    }

    /// The text as one value: a backslash inside is kept.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        let charset: Vec<&str> = self.charset.iter().map(String::as_str).collect();
        let whole = text::decode(self.raw(tag)?, &charset, self.fallback);
        Some(text::trimmed(&whole).to_owned()).filter(|t| !t.is_empty())
    }

    pub(super) fn float(&self, tag: Tag) -> Option<f64> {
        frames::decimals::<1>(self.raw(tag)?).map(|[v]| v)
    }

    pub(super) fn int(&self, tag: Tag) -> Option<i64> {
        guard::ascii(self.raw(tag)?)?.split('\\').next()?.trim().parse().ok()
    }

    pub(super) fn double(&self, tag: Tag) -> Option<f64> {
        let (_, value, encoding) = self.collected.values.iter().find(|(t, ..)| *t == tag)?;
        let eight: [u8; 8] = value.get(..8)?.try_into().ok()?;
        let number = if encoding.is_big() { f64::from_be_bytes(eight) } else { f64::from_le_bytes(eight) };
        Some(number).filter(|n| n.is_finite())
    }

    pub(super) fn uid_text(&self, tag: Tag, attribute: &'static str) -> Result<String, HeaderError> {
        self.text(tag).ok_or(HeaderError::UidMissing { attribute })
    }
}
