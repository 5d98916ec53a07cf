//! `countersign dev`: the whole suite in one process. Embedded state, random keys, loopback only.
//!
//! Nothing in here is a shortcut of the production path: every role is wired as it is alone, and roles call each
//! other as gRPC clients over a network in memory.

mod banner;
pub(crate) mod bootstrap;
pub(crate) mod client_file;
mod keys;
mod suite;

use std::path::PathBuf;

use kernel::Result;
use runtime::telemetry::Telemetry;

use crate::cli::DevOptions;
use crate::config::DevConfig;
use crate::output;
use crate::stop::stop_signal;

pub(crate) use suite::{Suite, SuiteOptions};

/// Runs until it is told to stop.
pub(crate) async fn command(options: DevOptions) -> Result<()> {
    let mut config = DevConfig::load(options.config.as_deref())?;
    if let Some(listen) = options.listen {
        config.listen = listen;
        config.check()?;
    }
    let telemetry = Telemetry::install(&config.log, "countersign-dev")?;
    let stop = stop_signal()?;
    let suite = Suite::start(SuiteOptions {
        listen: config.listen,
        data: options.data,
        client_file: options.dev_file.path,
        stores: config.stores,
    })
    .await?;
    output::line(&banner::text(&suite, &this_program()));
    stop.await;
    output::note("stopping: calls in flight may finish");
    suite.stop().await?;
    telemetry.shutdown();
    Ok(())
}

/// How to call this program again, for lines that work as printed.
fn this_program() -> String {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("countersign")).display().to_string()
}
