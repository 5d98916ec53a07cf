//! `countersign factors`: an administrator looks after users' second factors.

use kernel::{Clock as _, Result, UserId};
use runtime::SystemClock;

use super::describe;
use crate::cli::{FactorsAction, FactorsTarget};
use crate::client::{self, FactorAdministration};
use crate::dev::bootstrap::PROVIDER_ID;
use crate::dev::client_file::ClientFile;
use crate::output;

/// Does it.
pub(crate) async fn run(target: &FactorsTarget, action: &FactorsAction) -> Result<()> {
    let file = ClientFile::read(&target.dev_file.path)?;
    let environment = file.environment()?;
    let admin = file.admin("dev", &[format!("owner@{environment}")], SystemClock.now())?;
    let factors = FactorAdministration::new(client::connect(&file.endpoint).await?, admin, environment);
    let user = UserId::derive(environment, PROVIDER_ID, &target.name);
    match action {
        FactorsAction::Show => show(&factors, user).await?,
        FactorsAction::Reset { forget_ever_verified } => {
            let taken = factors.reset_user(user, *forget_ever_verified).await?;
            output::line(&format!(
                "took {} devices and {} unused recovery codes from {}",
                taken.removed_devices, taken.removed_recovery_codes, target.name
            ));
        }
        FactorsAction::ClearThrottle { kind } => {
            let throttle = factors.clear_throttle(user, (*kind).into()).await?;
            output::line(&describe::throttle(&throttle));
        }
        FactorsAction::Events { acknowledge } => {
            let events = factors.events().await?;
            for event in &events {
                output::line(&describe::event(event));
            }
            if *acknowledge {
                factors.acknowledge(&events).await?;
            }
        }
    }
    Ok(())
}

async fn show(factors: &FactorAdministration, user: UserId) -> Result<()> {
    let found = factors.user_factors(user).await?;
    for device in &found.devices {
        output::line(&describe::device(device));
    }
    if let Some(set) = &found.recovery_code_set {
        output::line(&describe::recovery_codes(set));
    }
    for throttle in &found.throttles {
        output::line(&describe::throttle(throttle));
    }
    if found.devices.is_empty() {
        output::line(if found.ever_verified { "no factor now, but had one" } else { "never had a factor" });
    }
    Ok(())
}
