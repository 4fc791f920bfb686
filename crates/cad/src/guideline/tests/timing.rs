//! Growth rules of Lung-RADS v2022.

use super::super::lung_rads_2022::timing::{Earlier, Sizes, timing};

fn whole(mean_mm: f64) -> Sizes {
    Sizes { mean_mm, solid_mm: None }
}

fn part(mean_mm: f64, solid_mm: f64) -> Sizes {
    Sizes { mean_mm, solid_mm: Some(solid_mm) }
}

fn check(kind: &str, now: Sizes, earlier: &[(f64, Sizes)], expected: &str) {
    let earlier: Vec<_> =
        earlier.iter().map(|(months, sizes)| Earlier { months_before: *months, sizes: *sizes }).collect();
    let found = timing(kind, now, &earlier).unwrap();
    let got = if found.crossed_limit { format!("{} crossed", found.timing) } else { found.timing.to_owned() };
    assert_eq!(got, expected, "{kind} {now:?} {earlier:?}: {}", found.why);
}

/// Goal: growth is strictly more than 1.5 mm within 12 months, after rounding. Method: both sides of each limit.
#[test]
fn growth_is_more_than_one_and_a_half_millimetres_within_a_year() {
    check("solid", whole(8.5), &[(12.0, whole(7.0))], "baseline crossed");
    check("solid", whole(8.6), &[(12.0, whole(7.0))], "growing");
    check("solid", whole(8.54), &[(12.0, whole(7.04))], "baseline crossed");
    check("solid", whole(8.55), &[(12.0, whole(7.04))], "growing");
    check("solid", whole(7.5), &[(6.0, whole(6.5))], "stable");
    check("solid", whole(5.5), &[(6.0, whole(7.0))], "stable");
    check("solid", whole(5.4), &[(6.0, whole(7.0))], "decreased");
    check("solid", whole(7.0), &[], "baseline");
}

/// Goal: with only an older CT growth also needs 1.5 mm a year; less is slow. Method: both sides at 24 months.
#[test]
fn an_older_prior_needs_the_yearly_rate_as_well() {
    check("solid", whole(9.0), &[(24.0, whole(6.0))], "slow_growing");
    check("solid", whole(9.1), &[(24.0, whole(6.0))], "growing");
    check("solid", whole(7.6), &[(24.0, whole(6.0))], "slow_growing");
    check("solid", whole(7.5), &[(24.0, whole(6.0))], "stable");
    check("solid", whole(7.6), &[(12.1, whole(6.0))], "growing");
}

/// Goal: slow growth is seen over several screens. Method: steps of 1 mm a year, in any order of the list.
#[test]
fn steps_of_a_millimetre_a_year_are_slow_growth() {
    check("solid", whole(8.0), &[(24.0, whole(6.0)), (12.0, whole(7.0))], "slow_growing");
    check("solid", whole(8.0), &[(12.0, whole(7.0)), (24.0, whole(6.0))], "slow_growing");
    check("solid", whole(8.0), &[(12.0, whole(6.0)), (24.0, whole(6.0))], "growing");
}

/// Goal: a nodule that passes a size limit without growth is judged by its size. Method: 5.9 to 6.1 mm.
#[test]
fn crossing_a_limit_without_growth_is_judged_by_size() {
    check("solid", whole(6.1), &[(12.0, whole(5.9))], "baseline crossed");
    check("solid", whole(5.9), &[(12.0, whole(6.1))], "stable");
    check("part_solid", part(12.0, 6.2), &[(12.0, part(12.0, 5.8))], "baseline crossed");
    check("ggn", whole(30.2), &[(12.0, whole(29.8))], "baseline crossed");
}

/// Goal: part-solid nodules grow by the solid part. Method: the total grows alone, the part alone, a new part.
#[test]
fn a_part_solid_nodule_grows_by_its_solid_part() {
    check("part_solid", part(14.0, 5.0), &[(12.0, part(10.0, 5.0))], "stable");
    check("part_solid", part(10.0, 5.6), &[(12.0, part(10.0, 4.0))], "growing");
    check("part_solid", part(10.0, 3.0), &[(12.0, whole(10.0))], "growing");
}

/// Goal: no number comes of no number. Method: NaN, infinite, zero and negative sizes and times.
#[test]
fn sizes_that_are_none_are_refused() {
    for bad in [f64::NAN, f64::INFINITY, 0.0, -3.0] {
        let one = |months, mm| [Earlier { months_before: months, sizes: whole(mm) }];
        assert!(timing("solid", whole(bad), &[]).is_err());
        assert!(timing("solid", whole(7.0), &one(12.0, bad)).is_err());
        assert!(timing("solid", whole(7.0), &one(bad, 7.0)).is_err());
    }
}
