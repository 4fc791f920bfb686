//! Category of a whole exam.

use super::super::lung_rads_2022::exam::{ExamCategory, ExamState, categorise};
use super::cases::inputs;
use crate::clinical::{Answer, Category, Inputs, Outcome};

fn exam(nodules: &[&str], state: Option<ExamState>) -> ExamCategory {
    let nodules: Vec<Inputs> = nodules.iter().map(|words| inputs(words).remove(0)).collect();
    categorise(&nodules, state, &[]).unwrap()
}

fn row(exam: &ExamCategory) -> &str {
    match &exam.evaluation.answer {
        Answer::Result(Outcome::Category(category)) => category.row,
        Answer::Insufficient { .. } => "insufficient",
        _ => "none",
    }
}

fn beside(category: Option<&Category>) -> &str {
    category.map_or("", |category| category.row)
}

/// Goal: the most severe nodule gives the category. Method: orders, ties, no nodule.
#[test]
fn the_most_severe_nodule_gives_the_category() {
    for (nodules, expected, decided_by) in [
        (&[][..], "LR22-1a", None),
        (&["solid d5", "solid d9", "ggn d20"][..], "LR22-4Aa", Some(1)),
        (&["solid d9", "solid d6 suspicious=true", "solid d20"][..], "LR22-4X", Some(1)),
        (&["solid d8.5", "solid d12"][..], "LR22-4Aa", Some(1)),
        (&["solid d12", "solid d12"][..], "LR22-4Aa", Some(0)),
        (&["solid d12 resolved=true", "solid d5"][..], "LR22-2b", Some(1)),
        (&["solid d12 benign=true"][..], "LR22-1b", Some(0)),
        (&["type=airway level=segmental timing=decreased"][..], "none", None),
    ] {
        let exam = exam(nodules, None);
        assert_eq!((row(&exam), exam.decided_by), (expected, decided_by), "{nodules:?}");
        assert_eq!(exam.nodules.len(), nodules.len());
    }
}

/// Goal: an exam that cannot be read to the end is 0 with the nodules beside it; with inflammation a category 3
/// or 4 nodule keeps its own. Method: each state with nothing, a category 2 and a category 4A nodule.
#[test]
fn the_state_of_the_exam_stands_beside_its_nodules() {
    use ExamState::{Inflammatory, NotEvaluable, PriorBeingLocated};
    for (nodules, state, expected, also) in [
        (&[][..], PriorBeingLocated, "LR22-0a", ""),
        (&["solid d9"][..], PriorBeingLocated, "LR22-0a", "LR22-4Aa"),
        (&["solid d9"][..], NotEvaluable, "LR22-0b", "LR22-4Aa"),
        (&[][..], Inflammatory, "LR22-0c", ""),
        (&["solid d5"][..], Inflammatory, "LR22-0c", "LR22-2b"),
        (&["solid d6"][..], Inflammatory, "LR22-3a", "LR22-0c"),
        (&["solid d9"][..], Inflammatory, "LR22-4Aa", "LR22-0c"),
    ] {
        let exam = exam(nodules, Some(state));
        assert_eq!((row(&exam), beside(exam.beside.as_ref())), (expected, also), "{nodules:?} {state:?}");
    }
}

/// Goal: one nodule that cannot be judged leaves the exam open unless the top is reached. Method: a nodule
/// without size beside others.
#[test]
fn an_open_nodule_leaves_the_exam_open() {
    let open = exam(&["solid", "solid d9"], None);
    assert_eq!((row(&open), beside(open.at_least.as_ref())), ("insufficient", "LR22-4Aa"));
    assert_eq!(open.evaluation.answer, Answer::Insufficient { missing: vec!["mean_mm"] });
    assert_eq!(row(&exam(&["solid", "solid d9 suspicious=true"], None)), "LR22-4X");
}

/// Goal: 4X, S and signs of inflammation are proposed, never set. Method: the sentences.
#[test]
fn what_a_reader_must_confirm_is_only_proposed() {
    let new: Vec<_> = std::iter::repeat_n("solid timing=new d3", 7).collect();
    assert!(exam(&new, None).proposed.iter().any(|one| one.contains("LR22-0c") && one.contains('7')));
    assert_eq!(exam(&new[..6], None).proposed, Vec::<String>::new());
    let proposed = exam(&["solid d9 suspicious=true"], None).proposed;
    assert!(proposed.iter().any(|one| one.starts_with("4X for nodule 1")), "{proposed:?}");
    let with_s = categorise(&[], None, &["coronary calcification"]).unwrap();
    assert_eq!(with_s.proposed, ["modifier S (row LR22-S): coronary calcification"]);
    assert_eq!(row(&with_s), "LR22-1a", "S changes no category");
}
