//! The use cases around environments, one file each below, on what they share here.

use std::sync::Arc;

use kernel::{Entropy, EnvironmentId, Error, Result};
use runtime::{AdminCall, AdminRole};

use crate::domain::Mode;
use crate::ports::EnvironmentStore;

mod create;
mod decide;
mod list;
mod read;
mod update;

pub(crate) use create::Wanted;
pub(crate) use update::Update;

/// Environments, as administrators change them and services ask for them.
pub(crate) struct Environments {
    /// Where they are kept.
    pub(crate) store: Arc<dyn EnvironmentStore>,
    /// For the ids of new ones.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// What addresses they may have.
    pub(crate) mode: Mode,
}

/// Refuses unless the administrator has `role` in the environment. To one who has no role there at all it looks as
/// if it did not exist.
fn admit(call: &AdminCall, role: AdminRole, environment: EnvironmentId) -> Result<()> {
    let place = Some(environment);
    if call.covers(AdminRole::Viewer, place) || call.covers(AdminRole::Auditor, place) {
        call.require(role, place)
    } else {
        Err(Error::not_found())
    }
}
