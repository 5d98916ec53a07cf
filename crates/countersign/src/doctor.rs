//! `countersign doctor`: looks at everything that a role needs, a line each, and says how to mend what is wrong. Changes
//! nothing, and starts nothing that serves.

mod certificates;
mod database;
mod files;
mod peers;
mod redis;
mod report;

use std::process::ExitCode;
use std::sync::Arc;

use kernel::{Clock, Result};
use runtime::SystemClock;
use storage::Witness;

use crate::cli::RoleOptions;
use crate::serve::{self, Served};
use crate::settings::{Mode, Settings, for_role};
use report::Report;

/// Looks at a role. Fails when anything is wrong.
pub(crate) async fn command(options: &RoleOptions) -> Result<ExitCode> {
    let report = for_role!(options.role, R => examine::<R>(options).await);
    report.print();
    Ok(if report.is_wrong() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn examine<R: Served>(options: &RoleOptions) -> Report {
    let mut report = Report::default();
    let settings = match Settings::<R>::load(options.config.as_deref()) {
        Ok(settings) => settings,
        Err(error) => {
            report.wrong("configuration", error.message(), "see docs/configuration.md");
            return report;
        }
    };
    report.ok("configuration", format!("is right, for {}", R::ROLE));
    if settings.shared.mode == Mode::Dev {
        report.warn("mode", "is `dev`", "for users it has to be `production`");
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    files::examine(&settings, &mut report);
    let credentials = certificates::examine(&settings, &clock, &mut report);
    redis::examine(&settings, &mut report).await;
    let witness = witness(&settings, &mut report).await;
    let seen = match (&witness, settings.owner()) {
        (Some(witness), Ok(verifier)) => {
            let name = verifier.statement_name();
            witness.read(&name).await.ok().flatten().unwrap_or(0)
        }
        _ => 0,
    };
    files::statement(&settings, seen, clock.as_ref(), &mut report);
    database::examine(&settings, witness.as_deref(), clock.as_ref(), &mut report).await;
    match credentials {
        Some(credentials) => peers::examine(&settings, &credentials, &mut report).await,
        None => report.skipped("other services", "cannot be asked without a certificate"),
    }
    report
}

/// What the databases are witnessed by.
async fn witness<R>(settings: &Settings<R>, report: &mut Report) -> Option<Arc<dyn Witness>> {
    match serve::witness(&settings.shared.witness).await {
        Ok(witness) => Some(witness),
        Err(error) => {
            report.refused("witness", &error);
            None
        }
    }
}
