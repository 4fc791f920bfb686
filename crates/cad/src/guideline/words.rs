//! Words that several guidelines share.

/// Solid nodules; the pleural ones too, which only NELSON tells apart.
pub(super) const SOLID: &[&str] = &["solid", "solid_pleural"];
/// Ground-glass nodules under both names.
pub(super) const GROUND_GLASS: &[&str] = &["ggn", "nonsolid"];
/// Ground-glass and part-solid nodules.
pub(super) const SUBSOLID: &[&str] = &["ggn", "nonsolid", "part_solid"];
/// Timings of a nodule that did not grow.
pub(super) const UNCHANGED: &[&str] = &["stable", "decreased"];
/// Timings of a nodule that was seen before.
pub(super) const SEEN_BEFORE: &[&str] = &["followup", "stable", "decreased", "growing", "slow_growing"];
/// Category of a row that says the guideline is not for this.
pub const NOT_APPLICABLE: &str = "not_applicable";
