//! Receipts are checked by the routine that every enforcement point shares.

use kernel::{Result, TokenId};
use operation::CheckedOperation;
use runtime::receipts::ReceiptVerifier;

use crate::ports::Receipts;

impl Receipts for ReceiptVerifier {
    fn verify(&self, receipt: &str, operation: &CheckedOperation) -> Result<Option<TokenId>> {
        Self::verify(self, receipt, operation).map(|receipt| receipt.paid_by)
    }
}
