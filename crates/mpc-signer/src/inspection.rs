//! What a node says about itself and its shares, changing nothing.

use kernel::{EnvironmentId, Error, Result, UserId, WalletId};

use crate::domain::KeyStatement;
use crate::ports::StoredShare;
use crate::signer::Signer;

impl Signer {
    /// The shares of a wallet of this user: the active one alone, or all that are pending, oldest first.
    pub(crate) async fn wallet_shares(
        &self,
        environment: EnvironmentId,
        user: UserId,
        wallet: WalletId,
    ) -> Result<Vec<(KeyStatement, StoredShare)>> {
        let shares = self.shares.shares(environment, user, wallet).await?;
        if shares.is_empty() {
            return Err(Error::not_found());
        }
        shares
            .into_iter()
            .map(|share| Ok((self.statement(&share, environment, user, wallet)?, share)))
            .collect()
    }
}
