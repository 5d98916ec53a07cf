//! Putting a wallet into use, once every node of the group has attested the same key.

use kernel::{EnvironmentId, Error, Result, UserId, WalletId};

use crate::domain::{Attestation, KeyStatement, agreed};
use crate::ports::StoredShare;
use crate::signer::{Call, Signer};

impl Signer {
    /// Checks the attestations of all nodes and makes this node's share of that attempt the active one. Can be
    /// repeated, also after a crash in the middle.
    pub(crate) async fn activate_wallet(
        &self,
        call: Call<'_>,
        environment: EnvironmentId,
        user: UserId,
        wallet: WalletId,
        attestations: &[Attestation],
    ) -> Result<(KeyStatement, StoredShare)> {
        let statement = agreed(self.local.directory(), attestations)?;
        if (statement.environment, statement.user, statement.wallet) != (environment, user, wallet) {
            return Err(Error::invalid("attestations", "are about another wallet than the one named"));
        }
        let shares = self.shares.shares(environment, user, wallet).await?;
        let share = shares.into_iter().find(|share| share.attempt == statement.attempt);
        // All nodes signed the statement, this one among them, and a node signs only what it has stored. So what is
        // not here was erased since: another attempt is active, or many came later.
        let mut share = share.ok_or_else(Error::not_found)?;
        call.trail.operation(share.operation, statement.operation_digest).await;
        if self.statement(&share, environment, user, wallet)? != statement {
            return Err(Error::internal("this node attested one attempt in two ways"));
        }
        if !share.active {
            call.trail.intend().await?;
            self.shares.activate(wallet, share.attempt).await?;
            share.active = true;
        }
        // Also when it was active: the process may have died before this.
        self.spending.finish(environment, user, share.operation, &statement.operation_digest).await?;
        Ok((statement, share))
    }
}
