//! Reading a wallet.

use kernel::{Result, WalletId};

use crate::caller::Caller;
use crate::domain::wallet::{Wallet, WalletPath};
use crate::gateway::Gateway;

impl Gateway {
    /// A wallet of the caller.
    ///
    /// # Errors
    ///
    /// `RESOURCE_NOT_FOUND`, also when it is somebody else's.
    pub(crate) async fn get_wallet(&self, caller: &Caller, wallet: WalletId) -> Result<Wallet> {
        self.wallet(WalletPath { environment: caller.environment, user: caller.user, wallet }).await
    }
}
