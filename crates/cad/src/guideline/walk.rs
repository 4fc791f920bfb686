//! The evaluator: walks the rows of a guideline in order and stops at the first that holds.
//!
//! A condition holds, does not hold, or is unknown because an input is missing. When a row before the first
//! that holds is unknown, the guideline is not determined: the answer is "insufficient" with the missing
//! names, never a guess. An input given as a range is walked at its ends and at both sides of every limit
//! inside it; if the rows differ the answer is a range, which reads "undetermined".

use super::facts::{Fact, Facts, FieldSet, Micro, micro, unit};
use super::field::Field;
use super::table::{Condition, Guideline, Limit, Origin, Overlay, Rounding, Row, Size};
use super::words::NOT_APPLICABLE;
use crate::clinical::{Answer, Category, Checked, ClinicalError, Evaluation, Outcome, Rule, RuleSpec, Term};

/// Rows as they are walked: a guideline's own, or a changed copy in a test.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) rows: &'a [Row],
    pub(super) overlays: &'a [Overlay],
    pub(super) rounding: Rounding,
    pub(super) needs: &'a [Field],
}

/// Where a walk ended.
#[derive(Clone, PartialEq)]
pub(super) enum Found<'a> {
    /// At this row; `under` is the row that it replaced, if it is an overlay.
    Row {
        /// Row.
        row: &'a Row,
        /// Row that was replaced.
        under: Option<&'a Row>,
    },
    /// Inputs are missing; the rows that are still possible.
    Missing {
        /// Missing inputs.
        fields: FieldSet,
        /// Ids of rows that could still be the answer.
        possible: Vec<&'static str>,
    },
    /// No row fits.
    Nothing,
}

#[derive(Clone, Copy, PartialEq)]
enum Truth {
    Yes,
    No,
    Unknown,
}

impl<'a> Rows<'a> {
    /// Walks once; every input is a single value or absent.
    pub(super) fn walk(self, facts: &Facts) -> Found<'a> {
        let mut missing = FieldSet::default();
        let mut possible = Vec::new();
        for row in self.rows {
            match self.fits(row, facts, &mut missing) {
                Truth::No => {}
                Truth::Unknown => possible.push(row.id),
                Truth::Yes if possible.is_empty() => return self.replace(row, facts),
                Truth::Yes => {
                    possible.push(row.id);
                    break;
                }
            }
        }
        if possible.is_empty() {
            return Found::Nothing;
        }
        Found::Missing { fields: self.named(missing, facts), possible }
    }

    /// The missing inputs to name: all that were met, or, while even the type is unknown, only those that
    /// every nodule needs; the rest depends on the type.
    fn named(self, met: FieldSet, facts: &Facts) -> FieldSet {
        let mut named = if met.contains(Field::Type) { FieldSet::default() } else { met };
        for field in self.needs {
            if !facts.is_given(*field) {
                named.insert(*field);
            }
        }
        if met.contains(Field::Type) {
            named.insert(Field::Type);
        }
        named
    }

    fn replace(self, row: &'a Row, facts: &Facts) -> Found<'a> {
        let over = self.overlays.iter().find(|overlay| {
            overlay.over.contains(&row.verdict.category)
                && self.fits(&overlay.row, facts, &mut FieldSet::default()) == Truth::Yes
        });
        match over {
            Some(overlay) => Found::Row { row: &overlay.row, under: Some(row) },
            None => Found::Row { row, under: None },
        }
    }

    fn fits(self, row: &Row, facts: &Facts, missing: &mut FieldSet) -> Truth {
        let mut best = Truth::No;
        let mut open = FieldSet::default();
        for all in row.when {
            let mut alternative = Truth::Yes;
            let (mut here, mut first) = (FieldSet::default(), FieldSet::default());
            for condition in *all {
                match self.holds(condition, facts, &mut here) {
                    Truth::Yes => {}
                    Truth::No => {
                        alternative = Truth::No;
                        break;
                    }
                    Truth::Unknown => {
                        // Only the first unknown of an alternative is surely needed: the later ones may not be,
                        // once it is known (Brock only where the nodule is large enough).
                        alternative = Truth::Unknown;
                        first = if first.is_empty() { here } else { first };
                        here = FieldSet::default();
                    }
                }
            }
            match alternative {
                Truth::Yes => return Truth::Yes,
                Truth::Unknown => {
                    best = Truth::Unknown;
                    open = open.union(first);
                }
                Truth::No => {}
            }
        }
        *missing = missing.union(open);
        best
    }

    fn holds(self, condition: &Condition, facts: &Facts, missing: &mut FieldSet) -> Truth {
        let known = |holds: bool| if holds { Truth::Yes } else { Truth::No };
        match *condition {
            Condition::Word(field, words) => match facts.word(field) {
                Some(word) => known(words.contains(&word)),
                None => lacking(field, missing),
            },
            Condition::Stated(field, words) => {
                known(facts.word(field).is_some_and(|word| words.contains(&word)))
            }
            Condition::Yes(field) => known(facts.get(field) == Fact::Flag(true)),
            Condition::NotYes(field) => known(facts.get(field) != Fact::Flag(true)),
            Condition::StatedNo(field) => known(facts.get(field) == Fact::Flag(false)),
            Condition::Number(field, bound, limit) => match facts.get(field) {
                Fact::Number(value) => known(bound.holds(self.rounding.apply(field, value), micro(limit))),
                _ => lacking(field, missing),
            },
            Condition::StatedNumber(field, bound, limit) => match facts.get(field) {
                Fact::Number(value) => known(bound.holds(self.rounding.apply(field, value), micro(limit))),
                _ => Truth::No,
            },
            Condition::Size(size, bound, limit) => match measured(size, facts) {
                Some((field, is_volume, value)) => match figure(limit, is_volume) {
                    Some(figure) => known(bound.holds(self.rounding.apply(field, value), figure)),
                    None => Truth::No,
                },
                None => lacking(size.fields()[0].0, missing),
            },
            Condition::NotGiven(field) => known(!facts.is_given(field)),
            Condition::NoNodule => known(!facts.has_nodule),
        }
    }

    /// Yes/no inputs that were not given and would have changed the answer: each stands in a row before the
    /// one that fired (or in an overlay of it) whose other conditions hold.
    pub(super) fn taken_as_no(self, facts: &Facts, fired: &Row) -> FieldSet {
        let mut taken = FieldSet::default();
        let before = self.rows.iter().take_while(|row| row.id != fired.id);
        let over = self.overlays.iter().filter(|overlay| overlay.over.contains(&fired.verdict.category));
        for all in before.chain(over.map(|overlay| &overlay.row)).flat_map(|row| row.when) {
            let mut here = FieldSet::default();
            let others_hold = all.iter().all(|condition| match condition {
                Condition::Yes(field) if !facts.is_given(*field) => {
                    here.insert(*field);
                    true
                }
                other => self.holds(other, facts, &mut FieldSet::default()) != Truth::No,
            });
            if others_hold {
                taken = taken.union(here);
            }
        }
        taken
    }

    /// All different ends of walks over the inputs that are ranges.
    pub(super) fn walk_ranges(self, facts: &Facts) -> Vec<Found<'a>> {
        let mut worlds: Vec<Facts> = Vec::new();
        for field in [Field::Brock, Field::Herder] {
            let Fact::Between(low, high) = facts.get(field) else { continue };
            let points = self.points(field, low, high);
            if points.is_empty() {
                continue;
            }
            if worlds.is_empty() {
                worlds.push(facts.clone());
            }
            let spread = |world: &Facts| -> Vec<Facts> {
                let at = |point: &Micro| {
                    let mut one = world.clone();
                    one.set(field, Fact::Number(*point));
                    one
                };
                points.iter().map(at).collect()
            };
            worlds = worlds.iter().flat_map(spread).collect();
        }
        if worlds.is_empty() {
            return vec![self.walk(facts)];
        }
        let mut ends: Vec<Found<'a>> = Vec::new();
        for world in &worlds {
            let end = self.walk(world);
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        ends
    }

    /// Fields that any condition reads.
    pub(super) fn fields_read(self) -> FieldSet {
        let mut read = FieldSet::default();
        let rows = self.rows.iter().chain(self.overlays.iter().map(|overlay| &overlay.row));
        for condition in rows.flat_map(|row| row.when.iter().copied().flatten()) {
            match *condition {
                Condition::Size(size, ..) => {
                    size.fields().into_iter().for_each(|(field, _)| read.insert(field))
                }
                Condition::NoNodule => super::facts::ALL
                    .into_iter()
                    .filter(|field| field.describes_nodule())
                    .for_each(|field| read.insert(field)),
                Condition::Word(field, _)
                | Condition::Stated(field, _)
                | Condition::Yes(field)
                | Condition::NotYes(field)
                | Condition::StatedNo(field)
                | Condition::NotGiven(field)
                | Condition::Number(field, ..)
                | Condition::StatedNumber(field, ..) => read.insert(field),
            }
        }
        read
    }

    /// Both ends of a range, and each limit inside it with its neighbours; none where no condition reads it.
    fn points(self, field: Field, low: Micro, high: Micro) -> Vec<Micro> {
        let mut points = Vec::new();
        let rows = self.rows.iter().chain(self.overlays.iter().map(|overlay| &overlay.row));
        for condition in rows.flat_map(|row| row.when.iter().copied().flatten()) {
            if let Condition::Number(read, _, limit) | Condition::StatedNumber(read, _, limit) = condition
                && *read == field
            {
                let limit = micro(*limit);
                points.extend([low, limit - 1, limit, limit + 1, high]);
            }
        }
        points.retain(|point| (low..=high).contains(point));
        points.sort_unstable();
        points.dedup();
        points
    }
}

fn lacking(field: Field, missing: &mut FieldSet) -> Truth {
    missing.insert(field);
    Truth::Unknown
}

/// The size in use: the preferred measure where given, else the other.
fn measured(size: Size, facts: &Facts) -> Option<(Field, bool, Micro)> {
    size.fields().into_iter().find_map(|(field, is_volume)| match facts.get(field) {
        Fact::Number(value) => Some((field, is_volume, value)),
        _ => None,
    })
}

fn figure(limit: Limit, is_volume: bool) -> Option<Micro> {
    if is_volume { limit.mm3.map(micro) } else { limit.mm.map(micro) }
}

impl Guideline {
    pub(super) fn table(&self) -> Rows<'_> {
        Rows { rows: self.rows, overlays: self.overlays, rounding: self.rounding, needs: self.needs }
    }

    /// What the guideline says to these facts.
    pub(super) fn answer(&self, facts: &Facts) -> Evaluation {
        let ends = self.table().walk_ranges(facts);
        let mut fields = FieldSet::default();
        let mut possible: Vec<&'static str> = Vec::new();
        let mut rows: Vec<(&Row, Option<&Row>)> = Vec::new();
        for end in &ends {
            match end {
                Found::Row { row, under } => rows.push((row, *under)),
                Found::Missing { fields: here, possible: ids } => {
                    fields = fields.union(*here);
                    possible
                        .extend(ids.iter().filter(|id| !possible.contains(id)).copied().collect::<Vec<_>>());
                }
                Found::Nothing => {}
            }
        }
        if !fields.is_empty() {
            let step = format!("still possible: {}", possible.join(", "));
            return Evaluation::insufficient(fields.names()).with_step(step);
        }
        let evaluation = match rows.as_slice() {
            [] => self.uncovered(facts),
            [(row, under)] => self.settled(row, *under),
            several => self.undetermined(several, facts),
        };
        self.explained(evaluation, facts, &rows)
    }

    fn uncovered(&self, facts: &Facts) -> Evaluation {
        let kind = facts.word(Field::Type).unwrap_or("nodule");
        let timing = facts.word(Field::Timing).unwrap_or("baseline");
        Evaluation::not_applicable(format!(
            "no row of {} covers this ({kind}, {timing}); a reader decides",
            self.spec.title
        ))
    }

    fn settled(&self, row: &Row, under: Option<&Row>) -> Evaluation {
        let mut evaluation = Evaluation::result(Outcome::Category(row.category()));
        if let Some(under) = under {
            evaluation = evaluation.with_step(format!(
                "row {} (category {}): {}; replaced by {}",
                under.id, under.verdict.category, under.text, row.id
            ));
        }
        evaluation.with_step(format!("row {} (category {}): {}", row.id, row.verdict.category, row.text))
    }

    fn undetermined(&self, rows: &[(&Row, Option<&Row>)], facts: &Facts) -> Evaluation {
        let mut ordered: Vec<&Row> = rows.iter().map(|(row, _)| *row).collect();
        ordered.sort_by_key(|row| row.verdict.urgency);
        let (Some(first), Some(last)) = (ordered.first(), ordered.last()) else {
            return Evaluation::insufficient(Vec::new());
        };
        let ids: Vec<_> = ordered.iter().map(|row| row.id).collect();
        let answer = Answer::Range {
            low: Outcome::Category(first.category()),
            high: Outcome::Category(last.category()),
            missing: facts.ranged(),
        };
        Evaluation::of(answer)
            .with_warning(format!("undetermined: the range of a probability reaches rows {}", ids.join(", ")))
    }

    /// Adds sizes as compared, derived values, and what a reader should know of the rows.
    fn explained(
        &self,
        mut evaluation: Evaluation,
        facts: &Facts,
        rows: &[(&Row, Option<&Row>)],
    ) -> Evaluation {
        let stated = rows.iter().flat_map(|(row, under)| std::iter::once(*row).chain(*under));
        let mut used = FieldSet::default();
        for row in stated.clone() {
            row.fields(facts, &mut used);
        }
        for field in super::facts::ALL.into_iter().filter(|field| used.contains(*field)) {
            if let Fact::Number(given) = facts.get(field) {
                evaluation.terms.push(Term::plain(field.name(), unit(self.rounding.apply(field, given))));
            }
        }
        for (_, sentence) in facts.derived.iter().flatten().filter(|(field, _)| used.contains(*field)) {
            evaluation.warnings.push((*sentence).to_owned());
        }
        if let Some((fired, under)) = rows.first() {
            let taken = self.table().taken_as_no(facts, under.unwrap_or(fired)).names();
            if !taken.is_empty() {
                evaluation.warnings.push(format!("taken as no, because not given: {}", taken.join(", ")));
            }
        }
        for row in stated {
            match row.origin {
                Origin::Guideline => {}
                Origin::Ours(why) => evaluation.warnings.push(format!("row {} is our choice: {why}", row.id)),
                Origin::Unconfirmed(what) => {
                    evaluation.warnings.push(format!("row {} is unconfirmed: {what}", row.id))
                }
            }
            if !row.note.is_empty() {
                evaluation.warnings.push(format!("row {}: {}", row.id, row.note));
            }
        }
        if !self.reads_timing
            && let Some(timing) = facts.word(Field::Timing).filter(|timing| *timing != "baseline")
        {
            evaluation.warnings.push(format!(
                "{} judges the first CT of a nodule: timing \"{timing}\" is not used",
                self.spec.title
            ));
        }
        evaluation
    }
}

impl Row {
    /// Category, row, interval and management, as the answer carries them.
    pub(super) fn category(&self) -> Category {
        Category {
            category: self.verdict.category.into(),
            row: self.id,
            interval: self.verdict.interval.clone(),
            management: self.verdict.management,
        }
    }

    /// Whether it says that the guideline is not for this.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.verdict.category == NOT_APPLICABLE
    }

    /// Fields that its conditions read, of each size the one in use.
    fn fields(&self, facts: &Facts, into: &mut FieldSet) {
        for condition in self.when.iter().copied().flatten() {
            match *condition {
                Condition::Word(field, _)
                | Condition::Stated(field, _)
                | Condition::Yes(field)
                | Condition::StatedNo(field)
                | Condition::Number(field, ..)
                | Condition::StatedNumber(field, ..) => into.insert(field),
                Condition::Size(size, ..) => {
                    if let Some((field, ..)) = measured(size, facts) {
                        into.insert(field);
                    }
                }
                Condition::NotYes(_) | Condition::NotGiven(_) | Condition::NoNodule => {}
            }
        }
    }
}

/// Inputs that are read through others.
const DERIVED_FROM: &[(Field, &[Field])] = &[
    (Field::Brock, &[Field::BrockMin, Field::BrockMax]),
    (Field::Herder, &[Field::HerderMin, Field::HerderMax]),
    (Field::DmeanMm, &[Field::MeanMm]),
    (Field::Phase, &[Field::Timing]),
];

impl Rule for Guideline {
    fn spec(&self) -> &RuleSpec {
        &self.spec
    }

    fn rows(&self) -> Vec<String> {
        self.all_rows().map(Row::sentence).collect()
    }

    fn uses(&self) -> Vec<&'static str> {
        let mut read = self.table().fields_read();
        for (field, from) in DERIVED_FROM {
            if read.contains(*field) {
                from.iter().for_each(|one| read.insert(*one));
            }
        }
        read.names()
    }

    fn evaluate(&self, inputs: &Checked) -> Result<Evaluation, ClinicalError> {
        let facts = Facts::new(self.spec.id, inputs)?;
        Ok(self.answer(&facts))
    }
}
