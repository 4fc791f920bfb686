//! The story: the stages of one scan, and the loops that run them.
//!
//! It must not know: the HTTP server, the command line, the configuration file.
//!
//! | stage | what happens | where |
//! |---|---|---|
//! | receive | guard, header, durable file and row, then the status | [`receive`] |
//! | (complete) | pure decision on facts and time; [`watch`] brings both | [`completeness`] |
//! | assemble | instances to volume, or the reason why not | [`assemble`] |
//! | analyze | lungs, tiles, networks, candidates, outlines, measures | [`analyze`] |
//! | assess | findings and what is known of the person to risks and categories | [`assess`] |
//! | report | SR, SEG, pictures | [`report`] |
//! | deliver | objects to a destination | [`deliver`] |
//!
//! [`worker`] strings assemble, analyze, assess and report together; job rows carry the work from process to process.
//! [`supervise`] keeps worker processes alive. [`batch`] runs the same stages on files, without an archive.
//! [`send`] is the other side: files to a receiver. [`clinical`] asks the clinical rules, [`clinical_table`] reads a
//! site's table of clinical data. [`triage`] places an exam among the site's own.
//!
//! [`evaluate`] compares what they find with truth ([`truth`], [`volumes`] of research data).
//! [`monitor`] watches whether a site has drifted. [`calibration`] keeps a site's own threshold.

pub mod analyze;
pub mod assemble;
mod assembled;
pub mod assess;
pub mod batch;
pub mod calibration;
pub mod clinical;
pub mod clinical_table;
mod comma_separated;
pub mod completeness;
pub mod deliver;
pub mod discover;
pub mod evaluate;
mod lungmask;
pub mod monitor;
pub mod networks;
pub mod receive;
pub mod report;
pub mod rest;
mod retina;
pub mod send;
pub mod supervise;
pub mod triage;
pub mod truth;
pub mod volumes;
pub mod watch;
pub mod worker;
pub mod workload;

pub use assembled::Assembled;
pub use networks::{NetworkOptions, Networks, NetworksError, PackSummary, list_packs, verify_pack};
pub use render::sentences::score_number;
pub use render::{Language, NoduleReading, Reading, category_text, reading, risk_text};
