//! The node: what all its use cases have in common.

use std::sync::Arc;

use kernel::{AttemptId, Entropy, EnvironmentId, Error, Reason, Result, Timestamp, UserId, WalletId};
use operation::{CheckedOperation, WalletRef};
use storage::Trail;
use storage::spending::{Spend, Spending, Spent};

use crate::domain::envelope::{Context, Protocol};
use crate::domain::{KeyShare, KeyStatement, LocalNode};
use crate::ports::{Receipts, Shares, StoredShare};
use crate::rounds::Rounds;

/// One call of a peer: when it came in, and its place in the audit trail.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The time all decisions of the call are made at.
    pub(crate) at: Timestamp,
    /// Where it is written down.
    pub(crate) trail: &'a Trail,
}

impl Call<'_> {
    /// Names the operation and its wallet in the trail.
    pub(crate) async fn concerns(&self, operation: &CheckedOperation) {
        let own = operation.operation();
        self.trail.environment(own.environment).await;
        self.trail.operation(own.id, *operation.digest().as_bytes()).await;
        let wallet = operation.wallet().map(|wallet| wallet.id).or_else(|| operation.created_wallet());
        if let Some(wallet) = wallet {
            let name = format!("environments/{}/users/{}/wallets/{wallet}", own.environment, own.user);
            self.trail.resource(name).await;
        }
    }
}

/// A node of a group.
pub(crate) struct Signer {
    pub(crate) local: LocalNode,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) rounds: Rounds,
    pub(crate) spending: Spending,
    pub(crate) shares: Arc<dyn Shares>,
    receipts: Arc<dyn Receipts>,
}

/// A share that may be used, without its secret.
pub(crate) struct ActiveShare {
    pub(crate) statement: KeyStatement,
    attempt: AttemptId,
}

impl Signer {
    /// A node that has just started: it knows no attempts.
    pub(crate) fn new(
        local: LocalNode,
        entropy: Arc<dyn Entropy>,
        receipts: Arc<dyn Receipts>,
        spending: Spending,
        shares: Arc<dyn Shares>,
    ) -> Self {
        Self { local, entropy, rounds: Rounds::default(), spending, shares, receipts }
    }

    /// The node in its group.
    pub(crate) const fn local(&self) -> &LocalNode {
        &self.local
    }

    /// Spends the authorization of an operation for a new attempt. The last step before something is released: all
    /// that can fail without it has been checked, and the intent is on record.
    pub(crate) async fn spend(
        &self,
        call: Call<'_>,
        operation: &CheckedOperation,
        authorization: Authorization,
        attempt: AttemptId,
    ) -> Result<()> {
        call.trail.intend().await?;
        let own = operation.operation();
        let spend = Spend {
            environment: own.environment,
            user: own.user,
            operation: own.id,
            digest: *operation.digest().as_bytes(),
            paid_by: authorization.paid_by,
            attempt,
        };
        match self.spending.spend(&spend, call.at).await? {
            Spent::Again(earlier) if earlier == attempt => {
                Err(Error::invalid("attempt_id", "was used before; make a fresh one for each attempt"))
            }
            Spent::First | Spent::Again(_) => Ok(()),
        }
    }

    /// Checks the receipt. Spends nothing.
    pub(crate) fn authorize(&self, receipt: &str, operation: &CheckedOperation) -> Result<Authorization> {
        Ok(Authorization { paid_by: self.receipts.verify(receipt, operation)? })
    }

    /// The share of an existing wallet that the operation names, if the operation may use it: it belongs to the
    /// operation's user and environment, is active, and is of the generation the operation names.
    pub(crate) async fn active_share(
        &self,
        operation: &CheckedOperation,
        wallet: WalletRef,
    ) -> Result<ActiveShare> {
        let own = operation.operation();
        let shares = self.shares.shares(own.environment, own.user, wallet.id).await?;
        if shares.is_empty() {
            return Err(Error::not_found());
        }
        let Some(share) = shares.iter().find(|share| share.active) else {
            return Err(Error::new(
                Reason::WalletNotActive,
                "the wallet is still being made; finish its creation, then try again",
            ));
        };
        let statement = self.statement(share, own.environment, own.user, wallet.id)?;
        if statement.generation != wallet.share_generation {
            return Err(Error::new(
                Reason::GenerationMismatch,
                "the wallet has key shares of another generation; read the wallet again",
            )
            .with("share_generation", statement.generation.to_string()));
        }
        Ok(ActiveShare { statement, attempt: share.attempt })
    }

    /// The secret of an active share.
    pub(crate) async fn open_share(&self, share: &ActiveShare) -> Result<KeyShare> {
        let secret = self.shares.secret(share.statement.wallet, share.attempt).await?;
        KeyShare::restore(&share.statement.key, self.local.id(), &secret)
    }

    /// What a stored attestation says. It must be this node's own about this wallet, so that who can write to the
    /// database cannot make the node work for another user or with another key than those it attested.
    pub(crate) fn statement(
        &self,
        share: &StoredShare,
        environment: EnvironmentId,
        user: UserId,
        wallet: WalletId,
    ) -> Result<KeyStatement> {
        let statement = share.attestation.verify(self.local.directory()).map_err(Error::internal)?;
        let found = (statement.environment, statement.user, statement.wallet, statement.attempt);
        if share.attestation.node == *self.local.id() && found == (environment, user, wallet, share.attempt) {
            Ok(statement)
        } else {
            Err(Error::internal("a stored attestation is not this node's own about this wallet"))
        }
    }

    /// What all envelopes of an attempt have in common.
    pub(crate) fn context(
        &self,
        operation: &CheckedOperation,
        attempt: AttemptId,
        wallet: WalletRef,
        protocol: Protocol,
    ) -> Context {
        Context {
            group: self.local.directory().group().clone(),
            operation_digest: *operation.digest().as_bytes(),
            attempt,
            wallet: wallet.id,
            generation: wallet.share_generation,
            protocol,
        }
    }
}

/// A checked receipt that is not spent yet.
pub(crate) struct Authorization {
    paid_by: Option<kernel::TokenId>,
}

/// The refusal of an operation of a kind that this call does not carry out.
pub(crate) fn wrong_kind(expected: &str) -> Error {
    Error::invalid("operation.kind", format!("must be {expected}"))
}
