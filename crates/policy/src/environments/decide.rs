//! Judges an action.

use kernel::{EnvironmentId, Error, Result, Timestamp};

use super::Environments;
use crate::domain::decide::{Decision, Question, decide};

impl Environments {
    /// What policy says by the newest version of the environment. Changes and remembers nothing.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND` for an unknown environment.
    pub(crate) async fn decide(
        &self,
        id: EnvironmentId,
        question: &Question,
        now: Timestamp,
    ) -> Result<Decision> {
        let environment = self.store.read(id, None).await?.ok_or_else(Error::not_found)?;
        Ok(decide(&environment, question, now))
    }
}
