//! Whether refused codes can be told apart by how long the refusal takes: `just uniform`. See docs/throttling.md.
//!
//! A statistic, not a test: on a busy machine it says little, and nothing depends on it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot be set up must stop at once, and one that can has something to say"
)]

mod cases;
mod statistic;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod support;

use std::path::PathBuf;

use clap::Parser;

use cases::Case;
use statistic::Comparison;
use support::dev::{DevSuite, Options};
use support::document::write_table;

/// Measures how long refusals of codes take, whose causes are not to be told apart.
#[derive(Parser)]
struct Arguments {
    /// How many calls of each kind; each takes a user of its own.
    #[arg(long, default_value_t = 1000)]
    calls: usize,
    /// A Markdown file whose table is replaced by that of this run.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[tokio::main]
async fn main() {
    let Arguments { calls, write } = Arguments::parse();
    let suite = DevSuite::start("uniform", &Options::default());
    let times = cases::measure(&suite, calls).await;
    let table = report(&times);
    println!("\n{table}");
    if let Some(file) = write {
        write_table(&file, &table);
    }
}

/// A row for each case, compared with the first.
fn report(times: &[Vec<f64>; Case::ALL.len()]) -> String {
    let mut table = "| refused because | calls | p50 | p95 | slower than a wrong code | chance | largest distance | chance |\n\
                     | --- | --: | --: | --: | --: | --: | --: | --: |\n"
        .to_owned();
    for (case, own) in Case::ALL.into_iter().zip(times) {
        let [p50, p95] = [0.5, 0.95].map(|share| statistic::quantile(own, share));
        let compared = if case == Case::Wrong {
            "– | – | – | –".to_owned()
        } else {
            let Comparison { slower, slower_bound, distance, distance_bound } =
                statistic::compare(&times[0], own);
            format!("{slower:.3} | 0.5 ± {slower_bound:.3} | {distance:.3} | ≤ {distance_bound:.3}")
        };
        table += &format!("| {} | {} | {p50:.0} µs | {p95:.0} µs | {compared} |\n", case.name(), own.len());
    }
    table
}
