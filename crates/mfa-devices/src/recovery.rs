//! Use cases of recovery codes: a user makes them, sees them again, says that they are kept; one is used in place of a
//! factor that was lost.

mod making;
mod paying;
mod proving;
mod showing;

use kernel::{Error, Result, SecretText};

use crate::domain::RecoverySet;
use crate::service::{Caller, Service};

pub(crate) use paying::FreshProof;
pub(crate) use proving::{PresentedCode, Proved};

/// Codes and the state of their set: the one shape in which codes leave.
#[derive(Debug)]
pub(crate) struct Codes {
    /// The set.
    pub(crate) set: RecoverySet,
    /// The codes.
    pub(crate) texts: Vec<SecretText>,
}

impl Service {
    /// The state of a user's codes. Refused with `RESOURCE_NOT_FOUND`.
    pub(crate) async fn recovery_set(&self, caller: &Caller) -> Result<RecoverySet> {
        self.recovery.recovery_set(caller.owner, caller.at).await?.ok_or_else(Error::not_found)
    }

    /// Says that the codes are kept: they are not shown any more. Refused with `RESOURCE_NOT_FOUND`.
    pub(crate) async fn acknowledge_codes(&self, caller: &Caller) -> Result<RecoverySet> {
        let set = self.recovery_set(caller).await?;
        if set.acknowledged {
            return Ok(set);
        }
        caller.trail.intend().await?;
        self.recovery.acknowledge_codes(caller.owner).await?.ok_or_else(Error::not_found)
    }
}
