//! Use case: a user removes a device.

use kernel::{DeviceId, Error, Result, Scope};
use operation::Body;

use crate::payment::Ticket;
use crate::ports::{Leaving, Removal};
use crate::refusal;
use crate::service::{Caller, Service};

impl Service {
    /// Removes a device: a factor with a receipt for exactly that, a pending device in the session that registered it.
    ///
    /// Refused with `RESOURCE_NOT_FOUND`; with `LAST_FACTOR_REQUIRED` before the receipt is looked at; with one of the
    /// `RECEIPT_…` reasons; with `ATTEMPT_UNKNOWN` when another call with the receipt, or a change
    /// of the user's factors, came in between.
    pub(crate) async fn remove(
        &self,
        caller: &Caller,
        device: DeviceId,
        ticket: Option<&Ticket>,
    ) -> Result<()> {
        let holdings = self.store.holdings(caller.owner).await?;
        let found = holdings.seen(device, &caller.session, caller.at).ok_or_else(Error::not_found)?;
        let Some(strongest) = found.verified_since().and(holdings.strongest()) else {
            return self.discard(caller, device).await;
        };
        let keep_last = caller.enrolment_required;
        if keep_last && holdings.factors().len() == 1 {
            return Err(refusal::last_factor());
        }
        let ticket = ticket.ok_or_else(|| refusal::receipt_missing(Scope::CredentialUnlink))?;
        let payment = self.pay(caller, ticket, Body::UnlinkCredential { device }, strongest, device).await?;
        let generation = holdings.generation;
        let leaving = Leaving { device, keep_last, payment, generation, at: caller.at };
        match self.store.remove(caller.owner, &leaving).await? {
            Removal::Removed => Ok(()),
            Removal::Unknown => Err(Error::not_found()),
            Removal::LastOne => Err(refusal::last_factor()),
            Removal::Over => Err(refusal::factors_changed()),
        }
    }

    async fn discard(&self, caller: &Caller, device: DeviceId) -> Result<()> {
        caller.trail.intend().await?;
        if self.store.discard(caller.owner, device, &caller.session).await? {
            Ok(())
        } else {
            Err(Error::not_found())
        }
    }
}
