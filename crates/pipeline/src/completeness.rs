//! When is a series complete? DICOM has no end-of-series message, so this is a decision on facts and time.
//!
//! Evidence first: no hole in the geometry, the sender released its association, and a short quiet time.
//! Where the evidence is missing (a hole, a broken or still open association, no geometry at all) a longer
//! quiet time decides, and a hole then becomes a stated skip reason. A late image reopens the series.
//! Pure: the stage loop in `worker` brings the facts and the time.

use std::time::Duration;

/// Quiet times, from `completion.*` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletionRules {
    /// Silence after which a series with full evidence is complete.
    pub quiet: Duration,
    /// Silence after which a series is judged complete without evidence.
    pub quiet_long: Duration,
}

impl Default for CompletionRules {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(2), quiet_long: Duration::from_secs(15) }
    }
}

/// What is known of a series that is still receiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalFacts {
    /// Time since the last new instance.
    pub quiet_for: Duration,
    /// Associations that carried images of this series and are still open.
    pub open_associations: usize,
    /// Whether the last of them ended with a release rather than an abort or a lost connection.
    pub released: bool,
    /// Whether the slices so far form a stack without a hole; `None` when no stack can be formed.
    pub gapless: Option<bool>,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Complete, with the reason for the event log.
    Complete(&'static str),
    /// Look again after this long without a new instance.
    Wait(Duration),
}

/// Judges one series.
#[must_use]
pub fn judge(facts: ArrivalFacts, rules: CompletionRules) -> Verdict {
    let evidence = facts.open_associations == 0 && facts.released && facts.gapless != Some(false);
    if evidence && facts.quiet_for >= rules.quiet {
        return Verdict::Complete(match facts.gapless {
            Some(true) => "no gap, association released, quiet",
            _ => "association released, quiet",
        });
    }
    if facts.quiet_for >= rules.quiet_long {
        return Verdict::Complete(match (facts.gapless, facts.open_associations) {
            (Some(false), _) => "slices are missing and no more came within the long quiet time",
            (_, 0) => "association was not released; no more came within the long quiet time",
            _ => "association still open; no more came within the long quiet time",
        });
    }
    let limit = if evidence { rules.quiet } else { rules.quiet_long };
    Verdict::Wait(limit.saturating_sub(facts.quiet_for))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: CompletionRules =
        CompletionRules { quiet: Duration::from_secs(2), quiet_long: Duration::from_secs(15) };

    fn facts(quiet_s: u64, open: usize, released: bool, gapless: Option<bool>) -> ArrivalFacts {
        ArrivalFacts { quiet_for: Duration::from_secs(quiet_s), open_associations: open, released, gapless }
    }

    /// Goal: evidence ends the wait after the short time, its absence after the long one, never before.
    #[test]
    fn evidence_shortens_the_wait_and_nothing_else_does() {
        let cases = [
            (facts(2, 0, true, Some(true)), true),
            (facts(1, 0, true, Some(true)), false),
            (facts(3, 1, true, Some(true)), false),
            (facts(3, 0, false, Some(true)), false),
            (facts(3, 0, true, Some(false)), false),
            (facts(2, 0, true, None), true),
            (facts(15, 1, false, Some(false)), true),
            (facts(14, 0, false, Some(true)), false),
            (facts(15, 0, false, Some(true)), true),
        ];
        for (facts, complete) in cases {
            assert_eq!(matches!(judge(facts, RULES), Verdict::Complete(_)), complete, "{facts:?}");
        }
    }

    #[test]
    fn the_wait_that_is_announced_is_the_wait_that_is_left() {
        assert_eq!(judge(facts(1, 0, true, Some(true)), RULES), Verdict::Wait(Duration::from_secs(1)));
        assert_eq!(judge(facts(5, 0, true, Some(false)), RULES), Verdict::Wait(Duration::from_secs(10)));
    }
}
