//! `countersign config`.

use kernel::Result;

use crate::cli::ConfigAction;
use crate::config::DevConfig;
use crate::output;

/// Does it.
pub(crate) fn run(action: &ConfigAction) -> Result<()> {
    let ConfigAction::Check { config } = action;
    let checked = DevConfig::load(config.as_deref())?;
    output::line(&format!("the configuration is right; it would listen on {}", checked.listen));
    Ok(())
}
