//! The receipt that adding and removing factors takes: checked against what is about to be done, spent before it.

use kernel::secret::ExposeSecret;
use kernel::{Acr, AttemptId, DeviceId, Error, OperationId, Reason, Result, SecretText};
use operation::{Body, Operation};
use storage::spending::Spend;

use crate::domain::Owner;
use crate::service::{Caller, Service};

/// A receipt as it came, with the id of the operation that it is said to be for.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// The operation's id.
    pub(crate) operation: OperationId,
    /// The receipt.
    pub(crate) receipt: SecretText,
}

impl Service {
    /// Checks that the ticket pays for doing `body` in this session, with a proof at least as strong as the strongest
    /// factor held, and spends it durably, with the intent to do it to `device` on record. What it paid for may be done
    /// now, in the step that uses the payment up.
    ///
    /// Refused with one of the `RECEIPT_…` reasons, or with `AUDIT_UNAVAILABLE` before anything is spent.
    pub(crate) async fn pay(
        &self,
        caller: &Caller,
        ticket: &Ticket,
        body: Body,
        strongest: Acr,
        device: DeviceId,
    ) -> Result<Spend> {
        let Owner { environment, user } = caller.owner;
        let checked = Operation { environment, user, id: ticket.operation, body }.check()?;
        let digest = checked.digest();
        caller.trail.operation(ticket.operation, *digest.as_bytes()).await;
        let receipt = self.receipts.verify(ticket.receipt.expose_secret(), &checked)?;
        if receipt.session != caller.session {
            return Err(Error::new(
                Reason::ReceiptMismatch,
                "this receipt was given for another session; authorize the operation in this one",
            ));
        }
        if receipt.acr.is_none_or(|acr| acr < strongest) {
            return Err(Error::new(
                Reason::ReceiptInvalid,
                "this receipt was not paid for by a proof as strong as your strongest factor; prove that one",
            ));
        }
        caller.trail.resource(caller.owner.device_name(device)).await;
        caller.trail.intend().await?;
        let spend = Spend {
            environment,
            user,
            operation: ticket.operation,
            digest: *digest.as_bytes(),
            paid_by: receipt.paid_by,
            attempt: AttemptId::random(self.entropy.as_ref()),
        };
        self.store.spend(&spend, caller.at).await?;
        Ok(spend)
    }
}
