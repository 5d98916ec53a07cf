//! What a receipt says.

use std::time::Duration;

use jose::ReceiptClaims;
use kernel::{Action, SessionId, Timestamp, TokenId};
use operation::CheckedOperation;

use super::token::Token;

/// How long a receipt lives: long enough to be carried to the nodes, too short to be kept. Verifiers refuse a longer
/// life.
const LIFE: Duration = Duration::from_secs(60);

/// Who acts on receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audiences {
    /// The group of signing nodes.
    pub(crate) nodes: String,
    /// The service that keeps the factors.
    pub(crate) factors: String,
}

impl Audiences {
    fn of(&self, action: Action) -> &str {
        match action {
            Action::CredentialLink | Action::CredentialUnlink => &self.factors,
            Action::WalletExport
            | Action::WalletSign
            | Action::WalletRefresh
            | Action::WalletReshare
            | Action::WalletCreate => &self.nodes,
        }
    }
}

/// What a receipt is given for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant<'a> {
    /// The operation, and no other.
    pub(crate) operation: &'a CheckedOperation,
    /// The session it was asked for in.
    pub(crate) session: &'a SessionId,
    /// The token that satisfied policy; `None` where policy asked for no proof.
    pub(crate) token: Option<&'a Token>,
    /// The version of the policy that allowed it.
    pub(crate) policy_version: u64,
}

impl Grant<'_> {
    /// The claims of a receipt made now.
    pub(crate) fn claims(
        &self,
        id: TokenId,
        issuer: &str,
        audiences: &Audiences,
        now: Timestamp,
    ) -> ReceiptClaims {
        let operation = self.operation.operation();
        let wallet = self.operation.wallet();
        let issued = Timestamp::from_seconds(now.seconds());
        ReceiptClaims {
            iss: issuer.to_owned(),
            aud: audiences.of(self.operation.action()).to_owned(),
            sub: operation.user,
            environment_id: operation.environment,
            sid: self.session.clone(),
            jti: id,
            iat: issued.seconds(),
            exp: issued.plus(LIFE).seconds(),
            operation_id: operation.id,
            digest: *self.operation.digest().as_bytes(),
            action: self.operation.action(),
            wallet: wallet.map(|wallet| wallet.id),
            share_generation: wallet.map(|wallet| wallet.share_generation),
            paid_by: self.token.and_then(|token| token.paid_by(&self.operation.digest())),
            acr: self.token.map(|token| token.acr),
            amr: self.token.map(|token| token.amr.iter().map(|method| method.as_str().to_owned()).collect()),
            auth_time: self.token.map(|token| token.auth_time.seconds()),
            policy_version: self.policy_version,
        }
    }
}
