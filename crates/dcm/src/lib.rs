//! DICOM data sets: bytes in, checked values out, and back.
//!
//! Pure: no network, no files, no clock, no threads of its own. It does not know what a nodule looks
//! like; it knows what a CT instance says and how results are written so that others can read them.
//!
//! Input side, in the order in which one instance meets it:
//! [`guard`] (byte walk before any parser) -> [`header`] (the attributes that we use) -> [`group`] (which
//! instances make one stack) -> [`volume`] (sorted HU array) with [`pixels`] (frames to HU).
//! [`conformance`] is the one table of SOP classes and transfer syntaxes.
//!
//! Output side: [`source`] (what is copied from the scan) and a `domain::AnalysisResult` go into [`seg`] and
//! [`sr`], which give [`derived::DerivedObject`]s; [`codes`] is the one table of coded concepts and [`ct`]
//! writes CT images for the phantom and for tests.
//!
//! ```
//! use dcm::{header, limits::Limits, part10};
//! let meta = part10::FileMeta {
//!     sop_class_uid: "1.2.840.10008.5.1.4.1.1.2",
//!     sop_instance_uid: "1.2.3",
//!     transfer_syntax_uid: "1.2.840.10008.1.2.1",
//!     calling_ae: "CT1",
//!     called_ae: "LUNGCAD",
//! };
//! let file = part10::file_meta(&meta);
//! // A file without a data set has no series: the reader says so instead of guessing.
//! let read = header::read(&file, &header::ReadOptions { limits: Limits::default(), charset_fallback: None });
//! assert!(read.is_err());
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

mod attributes;
pub mod codes;
pub mod conformance;
pub mod ct;
pub mod derived;
pub mod group;
pub mod guard;
pub mod header;
pub mod limits;
pub mod part10;
pub mod pixels;
mod placement;
pub mod recode;
pub mod seg;
pub mod source;
pub mod sr;
pub mod text;
pub mod volume;
mod walk;
