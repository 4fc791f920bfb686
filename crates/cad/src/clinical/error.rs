//! Errors of a question that cannot be understood. Each names the field.

/// Why a question has no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClinicalError {
    /// No rule of that id.
    #[error("there is no model \"{id}\"; the nearest is \"{nearest}\"")]
    UnknownModel {
        /// As asked.
        id: String,
        /// Nearest id that exists.
        nearest: &'static str,
    },
    /// The rule takes no such input.
    #[error("{model} takes no input \"{field}\"; the nearest is \"{nearest}\"")]
    UnknownInput {
        /// Rule.
        model: &'static str,
        /// As given.
        field: String,
        /// Nearest name that it takes.
        nearest: &'static str,
    },
    /// The rule takes no inputs at all.
    #[error("{model} takes no input \"{field}\"; it takes none")]
    NoInputs {
        /// Rule.
        model: &'static str,
        /// As given.
        field: String,
    },
    /// Not a number, yes/no or word, as the case may be.
    #[error("{model}: {field} must be {wanted}, not {given}")]
    WrongType {
        /// Rule.
        model: &'static str,
        /// Input.
        field: &'static str,
        /// What it must be.
        wanted: String,
        /// What was given.
        given: String,
    },
    /// A number that cannot be.
    #[error("{model}: {field} is {given}, outside {accepted}")]
    OutOfRange {
        /// Rule.
        model: &'static str,
        /// Input.
        field: &'static str,
        /// What was given.
        given: String,
        /// Interval with unit.
        accepted: String,
    },
    /// A word that the input does not know.
    #[error("{model}: {field} knows no \"{given}\"; it is one of {accepted} (nearest: {nearest})")]
    UnknownWord {
        /// Rule.
        model: &'static str,
        /// Input.
        field: &'static str,
        /// What was given.
        given: String,
        /// Words, separated by commas.
        accepted: String,
        /// Nearest word.
        nearest: &'static str,
    },
    /// Two inputs that exclude each other.
    #[error("{model}: {field}: {cause}")]
    Contradiction {
        /// Rule.
        model: &'static str,
        /// Input that is wrong beside the others.
        field: &'static str,
        /// What contradicts what.
        cause: String,
    },
    /// The request itself is not of the stated form.
    #[error("{0}")]
    Malformed(String),
}
