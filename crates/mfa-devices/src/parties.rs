//! The relying parties that the settings of environments name, behind the port.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{EnvironmentId, Result};
use runtime::environments::EnvironmentSource;

use crate::domain::RelyingParty;
use crate::ports::RelyingParties;

/// From the settings, which are at most five seconds old.
pub(crate) struct SettingsParties(pub(crate) Arc<dyn EnvironmentSource>);

#[async_trait]
impl RelyingParties for SettingsParties {
    async fn relying_party(&self, environment: EnvironmentId) -> Result<Option<RelyingParty>> {
        let settings = self.0.environment(environment).await?;
        let party = settings.and_then(|settings| settings.relying_party.clone());
        Ok(party.map(|party| RelyingParty { id: party.rp_id, origins: party.origins }))
    }
}
