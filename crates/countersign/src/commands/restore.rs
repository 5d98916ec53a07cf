//! `countersign restore`.

use kernel::{Clock as _, Result};
use runtime::SystemClock;
use storage::restore;

use super::written::written;
use crate::cli::{RestoreAction, RoleOptions};
use crate::output;
use crate::serve;
use crate::settings::{RoleSettings, Settings, for_role};

/// Does it.
pub(crate) async fn run(action: &RestoreAction) -> Result<()> {
    let RestoreAction::Acknowledge(options) = action;
    for_role!(options.role, R => acknowledge::<R>(options).await)
}

async fn acknowledge<R: RoleSettings>(options: &RoleOptions) -> Result<()> {
    let settings = Settings::<R>::load(options.config.as_deref())?;
    let witness = serve::witness(&settings.shared.witness).await?;
    let now = SystemClock.now();
    // Claimed also where what was put back is empty.
    let (database, _) = serve::database(&settings, now).await?;
    let resource = settings.own.owner();
    let work = restore::acknowledge(&database, witness.as_ref(), now);
    let report = written(&database, "restore.acknowledge", resource, now, work).await?;
    output::line(&report.to_string());
    for sentence in R::AFTER_RESTORE {
        output::line(sentence);
    }
    Ok(())
}
