//! The receipt check of the runtime, behind the port.

use kernel::Result;
use operation::CheckedOperation;
use runtime::receipts::ReceiptVerifier;

use crate::ports::{Receipt, Receipts};

/// For receipts whose audience is [`runtime::receipts::FACTORS_AUDIENCE`].
pub(crate) struct VerifiedReceipts(pub(crate) ReceiptVerifier);

impl Receipts for VerifiedReceipts {
    fn verify(&self, receipt: &str, operation: &CheckedOperation) -> Result<Receipt> {
        let receipt = self.0.verify(receipt, operation)?;
        Ok(Receipt { session: receipt.session, acr: receipt.acr, paid_by: receipt.paid_by })
    }
}
