//! Malignancy and lung-cancer risk models: one file each, coefficients as data, one equation.
//!
//! A probability is a fraction. Nodule models (`brock*`, `mayo`, `va`, `herder*`, `pkuph`) say how likely a
//! nodule is cancer; person models (`llp*`, `plcom2012`) how likely a person gets lung cancer, and belong to
//! eligibility, never to a nodule. Models are never averaged, and the score of a network is never a pretest
//! probability.

mod brock;
pub mod brock1b;
pub mod brock2a;
pub mod brock2b;
pub mod brock2b_fp;
pub mod herder2005_logistic;
pub mod herder_bts_lr;
mod inputs;
mod llp;
pub mod llpv2;
pub mod llpv3;
pub mod mayo;
pub mod pkuph;
pub mod plcom2012;
pub mod va;

use crate::clinical::Rule;
use crate::clinical::formula::Formula;

/// Every model, in the order of the register.
pub static MODELS: [&Formula; 12] = [
    &brock2b::MODEL,
    &brock2b_fp::MODEL,
    &brock2a::MODEL,
    &brock1b::MODEL,
    &mayo::MODEL,
    &va::MODEL,
    &herder2005_logistic::MODEL,
    &herder_bts_lr::MODEL,
    &pkuph::MODEL,
    &llpv2::MODEL,
    &llpv3::MODEL,
    &plcom2012::MODEL,
];

/// Every model as a rule.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    MODELS.iter().map(|model| *model as &dyn Rule)
}
