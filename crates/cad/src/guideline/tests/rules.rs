//! Guidelines as rules of the registry.

use super::super::{ALL, rules};
use crate::clinical::Standing;

/// Goal: a guideline lists exactly the inputs that can change its answer, and every row with its standing.
/// Method: known inputs on both sides; counts; rows that are unconfirmed make the guideline say so.
#[test]
fn a_guideline_lists_its_inputs_and_rows() {
    for (rule, guideline) in rules().zip(ALL) {
        let (uses, rows) = (rule.uses(), rule.rows());
        assert_eq!(rows.len(), guideline.all_rows().count());
        for id in guideline.all_rows().map(|row| row.id) {
            assert_eq!(rows.iter().filter(|row| row.starts_with(&format!("{id}: "))).count(), 1, "{id}");
        }
        let reads_brock = guideline.spec.id == "guideline:bts_2015";
        for name in ["brock", "brock_min", "herder_max", "phase"] {
            assert_eq!(uses.contains(&name), reads_brock, "{} {name}", guideline.spec.id);
        }
        assert_eq!(uses.contains(&"risk"), guideline.spec.id == "guideline:fleischner_2017");
        let unconfirmed = rows.iter().any(|row| row.contains("(unconfirmed: "));
        let partly = matches!(guideline.spec.standing, Standing::PartlyConfirmed(_));
        assert_eq!(unconfirmed, partly, "{}: the rows and the standing say the same", guideline.spec.id);
    }
}
