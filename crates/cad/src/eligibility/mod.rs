//! Screening eligibility.
use crate::clinical::Rule;
/// Every eligibility rule.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    std::iter::empty()
}
