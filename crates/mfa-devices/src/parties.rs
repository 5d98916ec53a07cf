//! Relying parties as the environments' settings name them.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{EnvironmentId, Result};
use runtime::environments::EnvironmentSource;

use crate::domain::RelyingParty;
use crate::ports::RelyingParties;

/// By the settings of the environment, which are at most five seconds old.
pub(crate) struct EnvironmentParties(pub(crate) Arc<dyn EnvironmentSource>);

#[async_trait]
impl RelyingParties for EnvironmentParties {
    async fn relying_party(&self, environment: EnvironmentId) -> Result<Option<RelyingParty>> {
        let settings = self.0.environment(environment).await?;
        let party = settings.as_deref().and_then(|settings| settings.relying_party.as_ref());
        Ok(party.map(|party| RelyingParty { id: party.rp_id.clone(), origins: party.origins.clone() }))
    }
}
