//! Structured reports: TID 1500 for analysed series, a small one for series that were not analysed.

mod clinical;
mod content;
mod document;
pub mod measurement_report;
pub mod read;
pub mod skipped;
