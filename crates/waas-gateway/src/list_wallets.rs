//! Listing wallets.

use kernel::Result;

use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::ports::WalletPage;

impl Gateway {
    /// At most `limit` wallets of the caller, in the order in which their creation began.
    pub(crate) async fn list_wallets(
        &self,
        caller: &Caller,
        from: Option<i64>,
        limit: u64,
    ) -> Result<WalletPage> {
        self.wallets.list(caller.environment, caller.user, from, limit).await
    }
}
