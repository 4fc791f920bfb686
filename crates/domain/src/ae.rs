//! Application entity titles (PS3.8, PS3.5 VR AE).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not an AE title.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AeTitleError {
    /// Empty or only blanks.
    #[error("AE title is empty")]
    Empty,
    /// More than 16 characters.
    #[error("AE title is longer than 16 characters")]
    TooLong,
    /// A backslash, a control character or a character outside ASCII.
    #[error("AE title holds a backslash, a control character or a character outside ASCII")]
    Malformed,
}

/// An application entity title: 1 to 16 ASCII characters, blanks around it removed, case kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AeTitle(String);

impl AeTitle {
    /// Checks `text`; blanks and NUL around it are not significant.
    ///
    /// # Errors
    /// [`AeTitleError`] when it cannot be an AE title.
    pub fn new(text: &str) -> Result<Self, AeTitleError> {
        let text = text.trim_matches(|c| c == ' ' || c == '\0');
        if text.is_empty() {
            return Err(AeTitleError::Empty);
        }
        if text.len() > 16 {
            return Err(AeTitleError::TooLong);
        }
        if text.bytes().any(|b| b == b'\\' || !(0x20..0x7f).contains(&b)) {
            return Err(AeTitleError::Malformed);
        }
        Ok(Self(text.to_owned()))
    }

    /// The title without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AeTitle {
    type Error = AeTitleError;
    fn try_from(text: String) -> Result<Self, AeTitleError> {
        Self::new(&text)
    }
}

impl From<AeTitle> for String {
    fn from(title: AeTitle) -> String {
        title.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_trimmed_and_checked() {
        assert_eq!(AeTitle::new(" LUNGCAD  ").unwrap().as_str(), "LUNGCAD");
        for bad in ["", "   ", "A\\B", "ABCDEFGHIJKLMNOPQ", "A\nB", "Ä"] {
            assert!(AeTitle::new(bad).is_err(), "{bad:?}");
        }
    }
}
