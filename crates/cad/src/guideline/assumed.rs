//! What nobody stated and a guideline therefore takes as no, with what it would say if it were yes: a reader sees at once
//! whether the answer stands on something that nobody looked at.

use super::facts::{Fact, Facts};
use super::field::{Field, INPUTS};
use super::table::Guideline;
use super::walk::Found;
use crate::clinical::{Checked, ClinicalError, Evaluation, Inputs};

/// A yes/no input that was taken as no.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumed {
    /// Its name.
    pub name: &'static str,
    /// The guideline's answer if it were yes.
    pub instead: Evaluation,
}

impl Guideline {
    /// Yes/no inputs that are not given and of which a yes alone would change the answer.
    ///
    /// # Errors
    /// As an evaluation of the same inputs.
    pub fn assumed(&self, inputs: &Inputs) -> Result<Vec<Assumed>, ClinicalError> {
        let checked = Checked::new(self.spec.id, INPUTS, inputs)?;
        let facts = Facts::new(self.spec.id, &checked)?;
        let ends = self.table().walk_ranges(&facts);
        let Some((row, under)) = ends.iter().find_map(|end| match end {
            Found::Row { row, under } => Some((*row, *under)),
            Found::Missing { .. } | Found::Nothing => None,
        }) else {
            return Ok(Vec::new());
        };
        let taken = self.table().taken_as_no(&facts, under.unwrap_or(row));
        let usual = self.answer(&facts).answer;
        let instead = |field: Field| {
            let mut stated = facts.clone();
            stated.set(field, Fact::Flag(true));
            let instead = self.answer(&stated);
            (instead.answer != usual).then_some(Assumed { name: field.name(), instead })
        };
        Ok(super::facts::ALL.into_iter().filter(|field| taken.contains(*field)).filter_map(instead).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinical::{Answer, Outcome};
    use crate::guideline::find;

    fn category(evaluation: &Evaluation) -> String {
        match &evaluation.answer {
            Answer::Result(Outcome::Category(category)) => category.row.to_owned(),
            other => format!("{other:?}"),
        }
    }

    /// Goal: each input that nobody stated is named with the row that it would lead to; a stated one is not; without an
    /// answer there is nothing. Method: a solid nodule of 7 mm in Lung-RADS.
    #[test]
    fn what_was_taken_as_no_is_named_with_what_it_would_change() {
        let rule = find("guideline:lung_rads_2022").unwrap();
        let named = |inputs: &Inputs| -> Vec<(String, String)> {
            let all = rule.assumed(inputs).unwrap();
            all.iter().map(|one| (one.name.to_owned(), category(&one.instead))).collect()
        };
        let plain = Inputs::new().with("type", "solid").with("mean_mm", 7.0);
        let rows = [
            ("benign", "LR22-1b"),
            ("juxtapleural", "LR22-2a"),
            ("suspicious", "LR22-4X"),
            ("proven_benign", "LR22-2i"),
            ("resolved", "LR22-1a"),
        ];
        let expected = rows.map(|(name, row)| (name.to_owned(), row.to_owned()));
        assert_eq!(named(&plain), expected);
        let stated = plain.with("benign", false).with("juxtapleural", false).with("suspicious", false);
        assert_eq!(named(&stated), expected[3..]);
        assert_eq!(named(&Inputs::new().with("mean_mm", 7.0)), []);
    }
}
