//! Malignancy and lung-cancer risk models.
use crate::clinical::Rule;
/// Every risk model.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    std::iter::empty()
}
