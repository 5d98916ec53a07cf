//! The benchmark: `just load`. See docs/performance.md.
//!
//! One operation is authorized over separate processes, again and again; beside it, in the same run and on the same
//! servers, what it is made of.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot be set up must stop at once, and one that can has something to say"
)]

mod cluster;
mod echo;
mod measure;
mod people;
mod primitives;
mod report;
mod series;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod support;
mod usage;

use std::path::PathBuf;

use clap::Parser;

use support::document::write_table;

/// Measures how long it takes to authorize one operation, and what that costs.
#[derive(Parser)]
struct Arguments {
    /// Operations that are authorized with 1, 16 and 64 in flight, with a single-use token each. Two tokens take one user.
    #[arg(long, value_delimiter = ',', default_value = "800,2400,4000")]
    operations: Vec<usize>,
    /// A Markdown file whose table is replaced by that of this run.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Is the bare service instead, with the certificate in this folder (the benchmark starts itself like this).
    #[arg(long, hide = true, requires = "redis")]
    echo: Option<PathBuf>,
    /// The Redis of the bare service.
    #[arg(long, hide = true)]
    redis: Option<String>,
}

#[tokio::main]
async fn main() {
    let Arguments { operations, write, echo, redis } = Arguments::parse();
    if let (Some(certificates), Some(redis)) = (echo, redis) {
        return echo::serve(&certificates, &redis).await;
    }
    let found = series::measure(&operations).await;
    let table = report::report(&found);
    println!("\n{table}");
    if let Some(file) = write {
        write_table(&file, &table);
    }
}
