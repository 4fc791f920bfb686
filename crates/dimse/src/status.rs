//! Status codes of PS3.7 annex C and PS3.4 annex B as one table, and the status of one C-STORE.

use std::fmt;

/// A status (0000,0900).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(pub u16);

/// What a sender should do about a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// Done.
    Success,
    /// Done, with a remark.
    Warning,
    /// The receiver has this SOP Instance UID already: counts as delivered.
    Duplicate,
    /// Not done; the same request may succeed later.
    Retryable,
    /// Not done; the same request will fail again.
    Failure,
    /// More responses follow (C-FIND, C-MOVE, C-GET).
    Pending,
    /// Ended by C-CANCEL.
    Cancelled,
}

/// One row of [`status_table`]: codes `first..=last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRow {
    /// First code of the row.
    pub first: u16,
    /// Last code of the row.
    pub last: u16,
    /// The standard's words.
    pub name: &'static str,
    /// What a sender should do.
    pub class: StatusClass,
}

const fn row(first: u16, last: u16, name: &'static str, class: StatusClass) -> StatusRow {
    StatusRow { first, last, name, class }
}

/// PS3.7 annex C and PS3.4 table B.2-1, sorted by code. Classes are our retry policy.
static TABLE: &[StatusRow] = &[
    row(0x0000, 0x0000, "success", StatusClass::Success),
    row(0x0001, 0x0001, "requested optional attributes are not supported", StatusClass::Warning),
    row(0x0105, 0x0105, "no such attribute", StatusClass::Failure),
    row(0x0106, 0x0106, "invalid attribute value", StatusClass::Failure),
    row(0x0107, 0x0107, "attribute list error", StatusClass::Warning),
    row(0x0110, 0x0110, "processing failure", StatusClass::Retryable),
    row(0x0111, 0x0111, "duplicate SOP instance", StatusClass::Duplicate),
    row(0x0112, 0x0112, "no such SOP instance", StatusClass::Failure),
    row(0x0113, 0x0113, "no such event type", StatusClass::Failure),
    row(0x0114, 0x0114, "no such argument", StatusClass::Failure),
    row(0x0115, 0x0115, "invalid argument value", StatusClass::Failure),
    row(0x0116, 0x0116, "attribute value out of range", StatusClass::Warning),
    row(0x0117, 0x0117, "invalid object instance", StatusClass::Failure),
    row(0x0118, 0x0118, "no such SOP class", StatusClass::Failure),
    row(0x0119, 0x0119, "class-instance conflict", StatusClass::Failure),
    row(0x0120, 0x0120, "missing attribute", StatusClass::Failure),
    row(0x0121, 0x0121, "missing attribute value", StatusClass::Failure),
    row(0x0122, 0x0122, "SOP class not supported", StatusClass::Failure),
    row(0x0123, 0x0123, "no such action type", StatusClass::Failure),
    row(0x0124, 0x0124, "not authorized", StatusClass::Failure),
    row(0x0131, 0x0131, "duplicate transaction UID", StatusClass::Failure),
    row(0x0210, 0x0210, "duplicate invocation", StatusClass::Retryable),
    row(0x0211, 0x0211, "unrecognized operation", StatusClass::Failure),
    row(0x0212, 0x0212, "mistyped argument", StatusClass::Failure),
    row(0x0213, 0x0213, "resource limitation", StatusClass::Retryable),
    row(0xA700, 0xA7FF, "refused: out of resources", StatusClass::Retryable),
    row(0xA801, 0xA801, "move destination unknown", StatusClass::Failure),
    row(0xA900, 0xA9FF, "data set does not match SOP class", StatusClass::Failure),
    row(0xB000, 0xB000, "coercion of data elements", StatusClass::Warning),
    row(0xB006, 0xB006, "elements discarded", StatusClass::Warning),
    row(0xB007, 0xB007, "data set does not match SOP class (warning)", StatusClass::Warning),
    row(0xC000, 0xCFFF, "cannot understand", StatusClass::Failure),
    row(0xFE00, 0xFE00, "cancelled", StatusClass::Cancelled),
    row(0xFF00, 0xFF01, "pending", StatusClass::Pending),
];

/// The status codes that we know, sorted, for the conformance statement.
#[must_use]
pub fn status_table() -> &'static [StatusRow] {
    TABLE
}

impl StatusCode {
    /// 0000.
    pub const SUCCESS: Self = Self(0x0000);
    /// 0110.
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    /// 0111.
    pub const DUPLICATE_SOP_INSTANCE: Self = Self(0x0111);
    /// 0117: a UID is malformed.
    pub const INVALID_OBJECT_INSTANCE: Self = Self(0x0117);
    /// 0122: class outside the presentation context, or not kept here.
    pub const SOP_CLASS_NOT_SUPPORTED: Self = Self(0x0122);
    /// 0124.
    pub const NOT_AUTHORIZED: Self = Self(0x0124);
    /// 0210.
    pub const DUPLICATE_INVOCATION: Self = Self(0x0210);
    /// 0211.
    pub const UNRECOGNIZED_OPERATION: Self = Self(0x0211);
    /// 0212.
    pub const MISTYPED_ARGUMENT: Self = Self(0x0212);
    /// 0213.
    pub const RESOURCE_LIMITATION: Self = Self(0x0213);
    /// A700.
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// A900.
    pub const DATA_SET_MISMATCH: Self = Self(0xA900);
    /// B000.
    pub const COERCION: Self = Self(0xB000);
    /// C000.
    pub const CANNOT_UNDERSTAND: Self = Self(0xC000);

    fn row(self) -> Option<&'static StatusRow> {
        TABLE.iter().find(|row| (row.first..=row.last).contains(&self.0))
    }

    /// The standard's words, or "unknown status".
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown status", |row| row.name)
    }

    /// What a sender should do. Codes that the table does not have: Bxxx is a warning, others are retried.
    #[must_use]
    pub fn class(self) -> StatusClass {
        match self.row() {
            Some(row) => row.class,
            None if self.0 & 0xF000 == 0xB000 => StatusClass::Warning,
            None => StatusClass::Retryable,
        }
    }

    /// Whether the receiver has the instance now: success, warning or duplicate.
    #[must_use]
    pub fn is_delivered(self) -> bool {
        matches!(self.class(), StatusClass::Success | StatusClass::Warning | StatusClass::Duplicate)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} {}", self.0, self.name())
    }
}

/// The answer to one C-STORE: code, comment (0000,0902), offending elements (0000,0901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// Status (0000,0900).
    pub code: StatusCode,
    /// Error Comment: cut to 64 ASCII characters on the wire.
    pub comment: Option<String>,
    /// Tags (group, element) that the failure is about.
    pub offending_elements: Vec<(u16, u16)>,
}

impl StoreStatus {
    /// A status without comment.
    #[must_use]
    pub fn new(code: StatusCode) -> Self {
        Self { code, comment: None, offending_elements: Vec::new() }
    }

    /// 0000: the instance is durable here.
    #[must_use]
    pub fn success() -> Self {
        Self::new(StatusCode::SUCCESS)
    }

    /// A status with a comment for the person who reads the sender's log.
    #[must_use]
    pub fn with_comment(code: StatusCode, comment: impl Into<String>) -> Self {
        Self { code, comment: Some(comment.into()), offending_elements: Vec::new() }
    }

    /// Adds the tags that the failure is about.
    #[must_use]
    pub fn offending(mut self, elements: &[(u16, u16)]) -> Self {
        self.offending_elements.extend_from_slice(elements);
        self
    }

    /// Whether the receiver has the instance now.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.code.is_delivered()
    }
}

impl fmt::Display for StoreStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(comment) = &self.comment {
            write!(f, ": {comment}")?;
        }
        for (group, element) in &self.offending_elements {
            write!(f, " ({group:04X},{element:04X})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the table has one answer per code. Method: rows are sorted and do not overlap.
    #[test]
    fn table_is_sorted_without_overlap() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].first <= pair[0].last && pair[0].last < pair[1].first, "{pair:?}");
        }
    }

    /// Goal: the retry policy of OBJECTS 6.2. Method: one code of each row of it.
    #[test]
    fn classes_follow_the_retry_policy() {
        let cases = [
            (0x0000, StatusClass::Success),
            (0xB000, StatusClass::Warning),
            (0xB123, StatusClass::Warning),
            (0x0111, StatusClass::Duplicate),
            (0xA700, StatusClass::Retryable),
            (0xA7FF, StatusClass::Retryable),
            (0x0110, StatusClass::Retryable),
            (0x0213, StatusClass::Retryable),
            (0xA900, StatusClass::Failure),
            (0xC123, StatusClass::Failure),
            (0x0122, StatusClass::Failure),
            (0x0124, StatusClass::Failure),
        ];
        for (code, class) in cases {
            assert_eq!(StatusCode(code).class(), class, "{code:04X}");
        }
    }
}
