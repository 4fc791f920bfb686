//! What can be wrong with a configuration, each with its way out.

/// A configuration that cannot be used. The message names file or variable, key and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The site file cannot be read.
    #[error("configuration file {path}: {cause}")]
    Unreadable {
        /// Path as given.
        path: String,
        /// Cause of the operating system.
        cause: String,
    },
    /// Not TOML.
    #[error("{origin} is not valid TOML: {cause}")]
    Syntax {
        /// File or variable.
        origin: String,
        /// The parser's words, with line and column.
        cause: String,
    },
    /// A key that does not exist.
    #[error("{origin}: unknown key {key}{}", hint(.nearest))]
    UnknownKey {
        /// File or variable.
        origin: String,
        /// Full key.
        key: String,
        /// Nearest right key, when one is near.
        nearest: Option<String>,
    },
    /// A value of the wrong type.
    #[error("{origin}: {key} must be {expected}, found {found}")]
    WrongType {
        /// File or variable.
        origin: String,
        /// Full key.
        key: String,
        /// What is wanted.
        expected: String,
        /// What stands there (never a secret).
        found: String,
    },
    /// A value outside what makes sense.
    #[error("{key}: {cause}")]
    Invalid {
        /// Full key.
        key: String,
        /// What is wrong and how to mend it.
        cause: String,
    },
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(key) => format!(", did you mean {key}?"),
        None => "; `lungcad check --defaults` prints every key".to_owned(),
    }
}

impl ConfigError {
    /// An [`ConfigError::Invalid`].
    pub(crate) fn invalid(key: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), cause: cause.into() }
    }
}
