//! Exporting a share, sealed to the one-time key inside the operation.

use kernel::{AttemptId, Result};
use operation::{Body, CheckedOperation};

use crate::export::{self, SealedShare};
use crate::signer::{Call, Signer, wrong_kind};

impl Signer {
    /// Checks and spends the receipt, and seals this node's share to the caller. The same operation again gives a
    /// fresh box for the same key, which reveals nothing more and saves a caller whose connection broke.
    pub(crate) async fn export_share(
        &self,
        call: Call<'_>,
        receipt: &str,
        operation: &CheckedOperation,
    ) -> Result<SealedShare> {
        call.concerns(operation).await;
        let Body::ExportWallet { wallet, recipient_public_key } = &operation.operation().body else {
            return Err(wrong_kind("export_wallet"));
        };
        let authorization = self.authorize(receipt, operation)?;
        let active = self.active_share(operation, *wallet).await?;
        let share = self.open_share(&active).await?;
        let attempt = AttemptId::random(self.entropy.as_ref());
        self.spend(call, operation, authorization, attempt).await?;
        export::seal(
            &self.local,
            &active.statement,
            &share,
            operation.digest().as_bytes(),
            recipient_public_key,
            self.entropy.as_ref(),
        )
    }
}
