//! Reads one environment.

use kernel::{EnvironmentId, Error, Result};
use runtime::{AdminCall, AdminRole};

use super::{Environments, admit};
use crate::domain::environment::Environment;

impl Environments {
    /// An environment as it is now, for a service of the suite.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND`.
    pub(crate) async fn read(&self, id: EnvironmentId) -> Result<Environment> {
        self.store.read(id, None).await?.ok_or_else(Error::not_found)
    }

    /// An environment in one of its versions or as it is now, for an administrator with the role `viewer` there.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND`, `ADMIN_ROLE_MISSING`.
    pub(crate) async fn get(
        &self,
        call: &AdminCall,
        id: EnvironmentId,
        version: Option<u64>,
    ) -> Result<Environment> {
        admit(call, AdminRole::Viewer, id)?;
        self.store.read(id, version).await?.ok_or_else(Error::not_found)
    }
}
