//! `countersign demo`: the main job, played with real calls.
//!
//! Each step says what is promised and what came back; a step that ends differently makes the demo fail. Codes come
//! from a software authenticator at the time steps around now, so that nothing ever waits for a clock.

mod authenticator;
mod batches;
mod legacy;
mod passkeys;
mod recovery;
mod revocation;
mod scenario;
mod script;

use std::process::ExitCode;

use kernel::Result;
use runtime::telemetry::{Telemetry, TelemetryConfig};
use runtime::{OsEntropy, SystemClock};

use crate::cli::DemoOptions;
use crate::client;
use crate::dev::client_file::ClientFile;
use crate::dev::{Suite, SuiteOptions};
use crate::output;
use script::Script;

/// Plays on a running suite, or on one of its own that it starts and stops.
pub(crate) async fn command(options: DemoOptions) -> Result<ExitCode> {
    let telemetry = Telemetry::install(
        &TelemetryConfig { level: "error".to_owned(), ..Default::default() },
        "countersign-demo",
    )?;
    let mut script = Script::default();
    match options.endpoint {
        Some(endpoint) => {
            let file = ClientFile::read(&options.dev_file.path)?;
            play(&mut script, &endpoint, &file).await?;
        }
        None => {
            let folder = tempfile::tempdir().map_err(kernel::Error::internal)?;
            let suite = Suite::start(SuiteOptions {
                listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
                data: None,
                client_file: folder.path().join("dev.json"),
                stores: crate::config::StoresSettings::default(),
            })
            .await?;
            let file = suite.client_file().clone();
            let played = play(&mut script, &file.endpoint, &file).await;
            suite.stop().await?;
            played?;
        }
    }
    output::line(&script.summary());
    telemetry.shutdown();
    Ok(if script.all_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(script: &mut Script, endpoint: &str, file: &ClientFile) -> Result<()> {
    let (clock, entropy) = (SystemClock, OsEntropy::new());
    let stage =
        scenario::Stage { channel: client::connect(endpoint).await?, file, clock: &clock, entropy: &entropy };
    let strict = stage.strict(script).await?;
    stage.batches(script, strict).await?;
    stage.passkeys(script, strict).await?;
    stage.revocation(script, strict).await?;
    let seed_compatible = stage.seed_compatible(script).await?;
    stage.recovery(script, seed_compatible).await?;
    stage.legacy(script, seed_compatible).await
}
