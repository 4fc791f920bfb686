//! What people look at: pictures of findings, the overview page, the table for a spreadsheet.
//!
//! Pure: arrays and documents in, bytes and texts out. It must not know files, database, network or clock.
//!
//! - [`finding_picture`] / [`nodule_picture`]: a PNG of one nodule with outline, axes, measures, orientation.
//! - [`overview_picture()`]: the scan from the front with numbered marks.
//! - [`overview_html()`]: one self-contained page per run.
//! - [`findings_csv()`]: one row per nodule.
//! - [`reading()`]: what rules say to a series, in a reader's words.
//! - [`evaluation_html()`]: marks, outlines and classes against truth, with curves.
//!
//! ```
//! use domain::{FindingsDocument, SeriesDocument, SkipReason};
//! let skipped = SeriesDocument::skipped("1.2.3", "1.2.3.4", &SkipReason::Localizer);
//! let document = FindingsDocument::new("0.1.0", vec![skipped]);
//! let page = render::OverviewPage { document: &document, pictures: &[], source: "/scans/one", made_at: "", language: render::Language::English };
//! assert!(render::overview_html(&page).contains("LOCALIZER"));
//! ```

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // pixels and millimetres

mod answers;
mod canvas;
mod chinese;
mod clinical_html;
mod evaluation_html;
mod figures;
mod findings_csv;
mod names;
mod orientation;
mod overview_html;
mod overview_picture;
mod phrases;
mod pictures;
mod plots;
mod reading;
#[cfg(test)]
mod samples;
pub mod sentences;
mod words;

pub use answers::{category_text, risk_text};
pub use canvas::RenderError;
pub use evaluation_html::evaluation_html;
pub use findings_csv::findings_csv;
pub use orientation::{EdgeLetters, direction_letter, edge_letters};
pub use overview_html::{OverviewPage, SeriesPictures, overview_html};
pub use overview_picture::overview_picture;
pub use pictures::{NodulePicture, PictureOptions, finding_picture, nodule_picture};
pub use reading::{MissingValue, NoduleReading, Reading, reading};
pub use words::Language;
