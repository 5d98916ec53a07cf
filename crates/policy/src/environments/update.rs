//! Changes an environment.

use kernel::{EnvironmentId, Error, Reason, Result};
use runtime::{AdminCall, AdminRole};

use super::{Environments, admit};
use crate::domain::change::Change;
use crate::domain::environment::Environment;
use crate::ports::Written;

/// A change an administrator wants.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// Of which environment.
    pub(crate) id: EnvironmentId,
    /// The etag of the version that the administrator has seen.
    pub(crate) etag: String,
    /// What to change.
    pub(crate) changes: Vec<Change>,
    /// Whether only to say what would come of it.
    pub(crate) validate_only: bool,
}

impl Environments {
    /// Makes a new version of an environment. Needs the role `editor` there.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND`; `ADMIN_ROLE_MISSING`; `ETAG_MISMATCH` when it was changed since; `INVALID_REQUEST`, also
    /// where a pair of issuer and audience is in use.
    pub(crate) async fn update(&self, call: &AdminCall, update: Update) -> Result<Environment> {
        admit(call, AdminRole::Editor, update.id)?;
        let current = self.store.read(update.id, None).await?.ok_or_else(Error::not_found)?;
        if current.etag() != update.etag {
            return Err(changed_since());
        }
        let settings = current.settings.clone().with(update.changes, self.mode)?;
        let next = current.next(settings, call.at);
        let written = if update.validate_only {
            let in_use = self.store.pair_in_use(next.id, &next.settings).await?;
            in_use.map_or(Written::Done, Written::PairInUse)
        } else {
            call.trail.intend().await?;
            self.store.update(&next, &call.subject).await?
        };
        match written {
            Written::Done => Ok(next),
            Written::Stale => Err(changed_since()),
            Written::PairInUse(whose) => Err(whose.in_use()),
        }
    }
}

fn changed_since() -> Error {
    Error::new(
        Reason::EtagMismatch,
        "the environment was changed since its etag was read; get it again and decide anew what to change",
    )
}
