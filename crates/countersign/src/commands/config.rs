//! `countersign config`.

use kernel::Result;

use crate::cli::ConfigAction;
use crate::config::DevConfig;
use crate::settings::{Settings, for_role};
use crate::{output, reference};

/// Does it.
pub(crate) fn run(action: &ConfigAction) -> Result<()> {
    match action {
        ConfigAction::Check { role: None, config } => {
            let checked = DevConfig::load(config.as_deref())?;
            output::line(&format!("the configuration is right; it would listen on {}", checked.listen));
        }
        ConfigAction::Check { role: Some(role), config } => {
            for_role!(*role, R => Settings::<R>::load(config.as_deref()).map(drop))?;
            output::line(&format!("the configuration is right, for {role}"));
        }
        ConfigAction::Reference => output::text(&reference::markdown()),
    }
    Ok(())
}
