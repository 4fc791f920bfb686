//! Measures on truth.
//!
//! | measure | module |
//! |---|---|
//! | which mark hits which nodule, by the rules of LUNA16 | [`luna16`] |
//! | sensitivity against false marks, CPM, thresholds | [`froc`] |
//! | intervals by drawing patients anew | [`bootstrap`] |
//! | intervals of counted shares | [`interval`] |
//! | outlines against readers' outlines | [`segmentation`] |
//! | AUC, confusion, kappa | [`classification`] |
//! | score against what came true | [`reliability`] |
//! | distributions then and now | [`drift`] |
//! | what reading by score would have cost and found | [`workload`] |

pub mod bootstrap;
pub mod classification;
pub mod drift;
pub mod froc;
pub mod interval;
pub mod luna16;
pub mod reliability;
pub mod segmentation;
pub mod workload;
