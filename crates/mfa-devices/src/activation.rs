//! Use case: a user proves a pending device by its first right code, which makes it a factor.

use kernel::{DeviceId, Error, RequestId, Result, SecretText};

use crate::devices::Shown;
use crate::domain::proof::activation_purpose;
use crate::domain::{Attempt, Target};
use crate::proving::Presented;
use crate::service::{Caller, Service};

impl Service {
    /// Activates the device by the code. Refused like [`Service::prove`]: a device that is not this session's, is
    /// not pending, or not any more, looks like a wrong code.
    pub(crate) async fn activate(
        &self,
        caller: &Caller,
        device: DeviceId,
        code: &SecretText,
        request: RequestId,
    ) -> Result<Shown> {
        let attempt =
            Attempt { request, session: caller.session.clone(), purpose: activation_purpose(device) };
        let presented = Presented {
            owner: caller.owner,
            target: Target::Activation(device),
            code,
            attempt: &attempt,
            grant: true,
            at: caller.at,
            trail: &caller.trail,
        };
        let proof = self.prove(presented).await?;
        // A retry may come after the device was removed.
        self.find(caller, proof.device).await?.ok_or_else(Error::not_found)
    }
}
