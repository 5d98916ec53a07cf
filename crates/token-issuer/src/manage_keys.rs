//! Administrators look after the signing keys. They serve every environment, so a role for one does not do.

use jose::{Algorithm, KeyId};
use kernel::Result;
use runtime::call::{AdminCall, AdminRole};

use crate::rotation::{IssuerKey, IssuerKeys, KeyPurpose, Stated};

/// The signing keys, for administrators.
#[derive(Clone)]
pub(crate) struct ManageKeys {
    pub(crate) keys: IssuerKeys,
    /// The `iss` that statements are about.
    pub(crate) issuer: String,
    /// How a key signs where nothing is said.
    pub(crate) algorithm: Algorithm,
}

impl ManageKeys {
    /// All keys there ever were.
    pub(crate) async fn list(&self, call: &AdminCall) -> Result<Vec<IssuerKey>> {
        call.require(AdminRole::Viewer, None)?;
        self.keys.list().await
    }

    /// Makes a key and publishes it.
    pub(crate) async fn prepare(
        &self,
        call: &AdminCall,
        purpose: KeyPurpose,
        algorithm: Option<Algorithm>,
    ) -> Result<IssuerKey> {
        change(call, format!("purposes/{purpose}")).await?;
        let key = self.keys.prepare(purpose, algorithm.unwrap_or(self.algorithm), call.at).await?;
        self.keys.get(&key).await
    }

    /// Lets a key sign.
    pub(crate) async fn activate(
        &self,
        call: &AdminCall,
        key: &KeyId,
        stated: Option<&Stated>,
    ) -> Result<IssuerKey> {
        change(call, format!("keys/{key}")).await?;
        self.keys.activate(key, &self.issuer, stated, call.at).await?;
        self.keys.get(key).await
    }

    /// Takes a key out of use, when nothing that it signed is good any more.
    pub(crate) async fn retire(&self, call: &AdminCall, key: &KeyId) -> Result<IssuerKey> {
        change(call, format!("keys/{key}")).await?;
        self.keys.retire(key, call.at).await?;
        self.keys.get(key).await
    }

    /// Takes a key out of use at once.
    pub(crate) async fn revoke(&self, call: &AdminCall, key: &KeyId) -> Result<IssuerKey> {
        change(call, format!("keys/{key}")).await?;
        self.keys.revoke(key, call.at).await?;
        self.keys.get(key).await
    }
}

/// Refuses who may not change keys.
pub(crate) fn check_owner(call: &AdminCall) -> Result<()> {
    call.require(AdminRole::Owner, None)
}

/// Writes down what is about to be changed.
async fn change(call: &AdminCall, resource: String) -> Result<()> {
    call.trail.resource(resource).await;
    check_owner(call)?;
    call.trail.intend().await
}
