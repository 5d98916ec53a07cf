//! The table of a campaign.

use std::fmt::Write as _;
use std::time::Duration;

use super::kind::Kind;
use super::outcome::Outcome;
use super::variety::Variety;

/// One row per kind and one for all, as Markdown.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| fault | count | scoped | bound | batched | time-bound | repeated | second codes | ran twice | store doubles \
         | control doubles | recovery p50 | p99 | max |\n\
         | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n",
    );
    for kind in Kind::all() {
        let of_kind: Vec<_> = outcomes.iter().filter(|outcome| outcome.kind == kind).collect();
        if !of_kind.is_empty() {
            row(&mut text, kind.name(), &of_kind);
        }
    }
    row(&mut text, "**all**", &outcomes.iter().collect::<Vec<_>>());
    text
}

fn row(text: &mut String, name: &str, outcomes: &[&Outcome]) {
    // What there is only in some faults.
    let sum_where = |there: fn(Kind) -> bool, count: fn(&Outcome) -> usize| {
        let mut counts = outcomes.iter().filter(|outcome| there(outcome.kind)).map(|outcome| count(outcome));
        counts.next().map_or_else(|| "–".to_owned(), |first| (first + counts.sum::<usize>()).to_string())
    };
    let sum = |count| sum_where(|_| true, count);
    let mut times: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.recovery).collect();
    times.sort_unstable();
    let mut cells = vec![name.to_owned(), outcomes.len().to_string()];
    cells.extend(Variety::ALL.map(|variety| {
        let of_variety = |outcome: &&Outcome| outcome.acknowledged.of(variety);
        outcomes.iter().map(of_variety).sum::<usize>().to_string()
    }));
    cells.extend([
        sum(|outcome| outcome.repeated),
        sum_where(|kind| !kind.has_control(), |outcome| outcome.second_codes),
        sum(|outcome| outcome.ran_twice),
        sum(|outcome| outcome.doubles),
        sum_where(Kind::has_control, |outcome| outcome.control_doubles),
        shown(percentile(&times, 50)),
        shown(percentile(&times, 99)),
        shown(percentile(&times, 100)),
    ]);
    writeln!(text, "| {} |", cells.join(" | ")).expect("text grows");
}

/// The least time that so many in a hundred do not exceed (the nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn shown(time: Option<Duration>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| format!("{} ms", time.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 100), (99, 198), (100, 200)] {
            assert_eq!(percentile(&times, percent), Some(Duration::from_millis(expected)));
        }
        assert_eq!(percentile(&times[..1], 50), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn rows_sum_up_and_kinds_that_did_not_occur_have_none() {
        let outcome = |name, control_doubles| Outcome {
            control_doubles,
            ..Outcome::new(Kind::named(name).unwrap(), 1)
        };
        let table = table(&[outcome("stall", 0), outcome("split-brain", 3), outcome("split-brain", 4)]);
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(rows.len(), 3, "{table}");
        assert!(
            rows[0].starts_with("| split-brain | 2 | 0 | 0 | 0 | 0 | 0 | – | 0 | 0 | 7 | – |"),
            "{table}"
        );
        assert!(rows[2].starts_with("| **all** | 3 |"), "{table}");
    }
}
