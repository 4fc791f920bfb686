//! One nodule through risk models and guidelines.

use super::answers;
use super::known::Known;
use super::{AssessSettings, HerderForm, SiteFacts};
use crate::clinical::formula::Formula;
use crate::clinical::{Answer, Evaluation, Inputs, Outcome, Rule, Unconfirmed, evaluate_rule};
use crate::guideline::compare::compare;
use crate::guideline::field::INPUTS;
use crate::guideline::{ALL, Guideline};
use crate::risk::{brock2a, brock2b, herder_bts_lr, herder2005_logistic, mayo, pkuph, va};
use domain::{Attenuation, Finding, GuidelineAssessment, InputSource, NoduleAssessment, RiskAssessment};

/// The answers on one nodule, with the inputs of its guidelines for the exam's rule.
pub(super) struct Asked {
    pub(super) assessment: NoduleAssessment,
    /// Where sources contradict each other.
    pub(super) contradictions: Vec<String>,
    /// Inputs of every guideline.
    pub(super) inputs: Inputs,
    /// How soon each guideline of [`ALL`] wants something done, in words' order; `None` where it does not say.
    pub(super) urgencies: Vec<Option<crate::guideline::table::Urgency>>,
}

/// Asks every rule about `finding`; `person` holds for all nodules.
pub(super) fn ask(finding: &Finding, person: &Known, site: &SiteFacts, settings: &AssessSettings) -> Asked {
    let mut known = person.with_nodule(finding, site, settings);
    let risks = risks(finding, &mut known, settings);
    // Why an exam cannot be read to the end is a matter of the exam, not of its nodules.
    let names: Vec<&str> = INPUTS.iter().map(|input| input.name).filter(|name| *name != "exam").collect();
    let inputs = known.inputs(&names);
    let (guidelines, agreement, urgencies) = match compare(&inputs) {
        Ok(comparison) => {
            let agreement = comparison.sentence();
            let urgencies = comparison.opinions.iter().map(|one| one.urgency.map(|(_, top)| top)).collect();
            let answers = comparison.opinions.into_iter();
            let answers = answers.map(|one| GuidelineAssessment {
                assumed: answers::assumed(one.guideline, &inputs),
                ..answers::guideline(one.guideline, &known, Ok(one.evaluation))
            });
            (answers.collect(), agreement, urgencies)
        }
        Err(error) => {
            let refused = |rule: &'static Guideline| answers::guideline(rule, &known, Err(error.clone()));
            (ALL.into_iter().map(refused).collect(), error.to_string(), vec![None; ALL.len()])
        }
    };
    let assessment = NoduleAssessment { number: finding.number, risks, guidelines, agreement };
    Asked { assessment, contradictions: known.contradictions, inputs, urgencies }
}

/// Brock first, then the models for incidental nodules, then Herder where there was a PET. What Brock and Herder say
/// goes on into `known` for the guidelines.
fn risks(finding: &Finding, known: &mut Known, settings: &AssessSettings) -> Vec<RiskAssessment> {
    // With unknown spiculation the model without it, never the other with "no" (CLINICAL 1.4).
    let brock = if known.has("spiculation") { &brock2b::MODEL } else { &brock2a::MODEL };
    let is_calcified =
        finding.attenuation == Attenuation::Calcified && known.source("type") != Some(InputSource::Site);
    let brock_answer = if is_calcified {
        Ok(Evaluation::not_applicable("calcified by density; the model is for nodules that are not"))
    } else {
        asked(brock, known)
    };
    let mayo_answer = asked(&mayo::MODEL, known);
    let mut herder = None;
    if known.has("fdg") {
        herder = Some(after_pet(known, settings, &brock_answer, &mayo_answer));
    }
    if let Ok(evaluation) = &brock_answer {
        pass_on(known, "brock", evaluation, brock.spec.id);
    }
    let mut risks =
        vec![answers::risk(brock, known, brock_answer), answers::risk(&mayo::MODEL, known, mayo_answer)];
    for model in [&va::MODEL, &pkuph::MODEL] {
        risks.push(answers::risk(model, known, asked(model, known)));
    }
    risks.extend(herder);
    risks
}

type Asking = Result<Evaluation, crate::clinical::ClinicalError>;

fn asked(model: &Formula, known: &Known) -> Asking {
    evaluate_rule(model, &known.inputs(&model.uses()), Unconfirmed::Refused)
}

/// Herder in the site's form, on the pretest that belongs to it; never on a network's score.
fn after_pet(known: &mut Known, settings: &AssessSettings, brock: &Asking, mayo: &Asking) -> RiskAssessment {
    let (model, pretest, name) = match settings.herder_form {
        HerderForm::Logistic => (&herder2005_logistic::MODEL, mayo, "mayo"),
        HerderForm::BtsLikelihoodRatio => (&herder_bts_lr::MODEL, brock, "brock"),
    };
    if let Some(probability) = pretest.as_ref().ok().and_then(Evaluation::probability) {
        known.set("pretest", probability, InputSource::Rule, name);
    }
    let answer = asked(model, known);
    if let Ok(evaluation) = &answer {
        pass_on(known, "herder", evaluation, model.spec.id);
    }
    answers::risk(model, known, answer)
}

/// A probability as input of guidelines: itself, or both ends of its range.
fn pass_on(known: &mut Known, name: &str, evaluation: &Evaluation, model: &str) {
    match evaluation.answer {
        Answer::Result(Outcome::Probability(value)) => known.set(name, value, InputSource::Rule, model),
        Answer::Range { low: Outcome::Probability(low), high: Outcome::Probability(high), .. } => {
            known.set(&format!("{name}_min"), low, InputSource::Rule, model);
            known.set(&format!("{name}_max"), high, InputSource::Rule, model);
        }
        _ => {}
    }
}
