//! Creates an environment.

use kernel::{EnvironmentId, Error, Result};
use runtime::{AdminCall, AdminRole};

use super::Environments;
use crate::domain::change::Change;
use crate::domain::environment::{Environment, Settings};
use crate::domain::preset::Preset;
use crate::ports::Written;

/// The environment an administrator wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its id; chosen here when there is none.
    pub(crate) id: Option<EnvironmentId>,
    /// What to start from.
    pub(crate) preset: Preset,
    /// What to change about that.
    pub(crate) changes: Vec<Change>,
    /// Whether only to say what would come of it.
    pub(crate) validate_only: bool,
}

impl Environments {
    /// Creates an environment, in its first version. Needs the role `editor` everywhere.
    ///
    /// # Errors
    /// `INVALID_REQUEST`, also where the id or a pair of issuer and audience is in use; `ADMIN_ROLE_MISSING`.
    pub(crate) async fn create(&self, call: &AdminCall, wanted: Wanted) -> Result<Environment> {
        call.require(AdminRole::Editor, None)?;
        let settings = Settings::of(wanted.preset).with(wanted.changes, self.mode)?;
        let id = wanted.id.unwrap_or_else(|| EnvironmentId::random(&*self.entropy));
        let environment = Environment::first(id, settings, call.at);
        let written = if wanted.validate_only {
            self.foresee(&environment).await?
        } else {
            call.trail.environment(id).await;
            call.trail.resource(format!("environments/{id}")).await;
            call.trail.intend().await?;
            self.store.create(&environment, &call.subject).await?
        };
        match written {
            Written::Done => Ok(environment),
            Written::Stale => {
                Err(Error::invalid("environment.name", "is in use; leave it out to have one chosen"))
            }
            Written::PairInUse(whose) => Err(whose.in_use()),
        }
    }

    /// What would come of writing it.
    async fn foresee(&self, environment: &Environment) -> Result<Written> {
        if self.store.read(environment.id, None).await?.is_some() {
            return Ok(Written::Stale);
        }
        let in_use = self.store.pair_in_use(environment.id, &environment.settings).await?;
        Ok(in_use.map_or(Written::Done, Written::PairInUse))
    }
}
