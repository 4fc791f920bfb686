//! Every object that `dcm` writes, judged by readers that others wrote: `dciodvfy` (dicom3tools),
//! `dsrdump` (DCMTK), pydicom and highdicom (`tests/foreign`). Where a referee is not installed the test
//! says so and checks what is left.
#![allow(clippy::print_stdout)] // a skipped referee must be seen in the test's output
#![allow(clippy::disallowed_methods)] // the ban on files is for the crate; its referees read files

mod clinical;
mod ct;
mod edges;
mod referees;
mod reports;
mod scans;
mod series;
