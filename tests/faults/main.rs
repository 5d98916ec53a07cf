//! The long run of the fault campaign: `just faults`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a campaign that cannot be set up must stop at once, and one that can has something to say"
)]

#[path = "mod.rs"]
mod faults;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use faults::campaign::{Plan, complaints, run};
use faults::kind::Kind;
use faults::outcome::Outcome;
use faults::table::table;
use support::document::write_table;

/// Breaks Redis in the middle of traffic, and checks that one token pays for one operation.
#[derive(Parser)]
struct Arguments {
    /// The seed of the first fault; every further one has the next.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many faults.
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// Of this kind alone; otherwise of all kinds in turn.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// How many faults of the token store are played at a time.
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// A Markdown file whose table is replaced by that of this run, if the run is good.
    #[arg(long)]
    write: Option<PathBuf>,
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| {
        let names: Vec<_> = Kind::all().map(Kind::name).collect();
        format!("the kinds are {}", names.join(", "))
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { seed, count, kind, at_once, write } = Arguments::parse();
    let outcomes = run(Plan { seed, count, kind, at_once }, tell).await;
    let (table, found) = (table(&outcomes), complaints(&outcomes));
    println!("\n{table}");
    if !found.is_empty() {
        println!("NOT GOOD:\n{}", found.join("\n"));
        return ExitCode::FAILURE;
    }
    if let Some(file) = write {
        write_table(&file, &table);
    }
    ExitCode::SUCCESS
}

fn tell(outcome: &Outcome) {
    let Outcome { kind, seed, acknowledged, repeated, doubles, control_doubles, recovery, problems, .. } =
        outcome;
    println!(
        "{seed:>6} {:<19} acknowledged {:>4}, repeated {repeated:>3}, doubles {doubles}, control {control_doubles:>3}, recovery {}{}",
        kind.name(),
        acknowledged.total(),
        recovery.map_or_else(|| "never".to_owned(), |time| format!("{} ms", time.as_millis())),
        if problems.is_empty() { "" } else { "  NOT GOOD" },
    );
    for problem in problems {
        println!("       {problem}\n       again: {}", outcome.again());
    }
}
