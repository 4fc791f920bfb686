//! Structured reports.
