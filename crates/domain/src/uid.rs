//! DICOM unique identifiers (PS3.5 section 9), checked once and then passed on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a UID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// Nothing but padding.
    #[error("uid is empty")]
    Empty,
    /// More than the 64 characters of PS3.5 section 9.1.
    #[error("uid is longer than 64 characters")]
    TooLong,
    /// A character other than a digit or a dot, or an empty component.
    #[error("uid holds something other than digits and single dots")]
    Malformed,
}

/// Trims the padding that senders add (NUL by the standard, blanks in practice) and checks the rest.
/// Leading zeros in a component are forbidden by PS3.5 but occur; they are accepted on reading.
fn checked(text: &str) -> Result<String, UidError> {
    let text = text.trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace());
    if text.is_empty() {
        return Err(UidError::Empty);
    }
    if text.len() > 64 {
        return Err(UidError::TooLong);
    }
    let well_formed =
        text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if well_formed { Ok(text.to_owned()) } else { Err(UidError::Malformed) }
}

macro_rules! uid_type {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` (padding is removed).
            ///
            /// # Errors
            /// [`UidError`] when it is not a UID of at most 64 characters.
            pub fn new(text: &str) -> Result<Self, UidError> {
                checked(text).map(Self)
            }

            /// The UID without padding.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = UidError;
            fn try_from(text: String) -> Result<Self, UidError> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = UidError;
            fn from_str(text: &str) -> Result<Self, UidError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(uid: $name) -> String {
                uid.0
            }
        }
    };
}

uid_type!(StudyInstanceUid, "Study Instance UID (0020,000D).");
uid_type!(SeriesInstanceUid, "Series Instance UID (0020,000E).");
uid_type!(SopInstanceUid, "SOP Instance UID (0008,0018).");
uid_type!(FrameOfReferenceUid, "Frame of Reference UID (0020,0052).");

/// Namespace of every UID that lungcad derives. Changing it changes every object UID.
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x3f0c_5b8e_7d0a_4c59_9a4e_6c75_6e67_6361);

/// A UID that is a pure function of `parts` (UUID version 5 under the 2.25 root, PS3.5 B.2), so that a
/// repeated analysis writes the same object and a retry cannot make a second one at the destination.
#[must_use]
pub fn derived_uid(parts: &[&str]) -> String {
    let name = parts.join("|");
    format!("2.25.{}", uuid::Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_removed_and_nonsense_refused() {
        assert_eq!(SeriesInstanceUid::new("1.2.840\0").unwrap().as_str(), "1.2.840");
        assert_eq!(SeriesInstanceUid::new("1.2.3 ").unwrap().as_str(), "1.2.3");
        for bad in ["", "\0", "1..2", "1.2.", ".1", "1.2/../3", "a.b", &"1".repeat(65)] {
            assert!(SeriesInstanceUid::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn derived_uids_depend_on_every_part_and_fit() {
        let one = derived_uid(&["sr", "1.2.3", "abc"]);
        assert_eq!(one, derived_uid(&["sr", "1.2.3", "abc"]));
        assert_ne!(one, derived_uid(&["seg", "1.2.3", "abc"]));
        assert!(one.len() <= 64 && SopInstanceUid::new(&one).is_ok());
    }
}
