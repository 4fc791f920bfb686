//! What risk models, guidelines, measures and eligibility rules have in common: inputs by name, answers
//! that say what is missing, one door to all of them.
//!
//! A rule is a [`Rule`]: a [`RuleSpec`] (id, version, citation, inputs with unit and limits) and an
//! evaluator over [`Checked`] inputs. [`evaluate`] finds it by id, checks the inputs against the
//! specification and calls it. Ids: a bare model id (`brock2b`), `guideline:<id>`, `measure:<name>`,
//! `eligibility:<id>`.
//!
//! | what | module |
//! |---|---|
//! | inputs: names, types, units, limits, checks | [`inputs`] |
//! | answers: result, range, not applicable, insufficient; terms, row | [`answer`] |
//! | errors that name the field | [`error`] |
//! | one table, one equation | [`formula`] |
//! | all rules by id | [`registry`] |
//! | measures of volume, growth and size | [`measures`] |
//! | completed years from DICOM age or dates | [`age`] |
//! | one JSON a line | [`wire`] |
//! | one evaluation as a person would work it on paper | [`explain`] |
//!
//! Nothing here is a diagnosis; every answer carries its rule, version and citation.

pub mod age;
pub mod answer;
pub mod error;
pub mod explain;
pub mod formula;
pub mod inputs;
pub mod measures;
pub mod registry;
pub mod rule;
pub mod wire;

pub use answer::{Answer, Category, Evaluation, Interval, Outcome, Term};
pub use error::ClinicalError;
pub use inputs::{Checked, InputSpec, Inputs, Kind, Known, Need, Value};
pub use registry::{Unconfirmed, evaluate, evaluate_rule, find, rules};
pub use rule::{Rule, RuleSpec, Standing};
