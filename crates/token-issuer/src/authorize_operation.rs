//! Authorizes one operation: a receipt for exactly that, or a refusal that says what would do.
//!
//! Authorization comes last. Token, factors and policy are judged first; only then is the operation id tied to its
//! digest and a single-use token spent. Where the token cannot be spent the id is let go of again. That a caller who goes
//! away cannot stop a call between the token and the receipt is the gate's doing: it gives each a task of its own.

use std::sync::Arc;

use kernel::{Reason, Result, SecretText, Timestamp};
use operation::{BatchLeaf, CheckedOperation, Digest};
use runtime::UserCall;

use crate::domain::decision::Verdict;
use crate::domain::factors::{FactorFacts, Proof, ProvedBy};
use crate::domain::receipt::Grant;
use crate::domain::record::{Redemption, TokenRecord, already_redeemed, expired, unknown};
use crate::domain::refusal::{refused, step_up_required};
use crate::domain::requirement::{Binding, TokenBehavior};
use crate::domain::revocation::Revocable;
use crate::domain::token::{Source, Token, TokenKind};
use crate::judge::question;
use crate::legacy::{self, LegacyUse};
use crate::mint::{Mint, Receipt};
use crate::ports::{Factors, OperationClaim, OperationIds, Policy, TokenStore};
use crate::presented;
use crate::sender;

/// Authorizes operations.
#[derive(Clone)]
pub(crate) struct AuthorizeOperation {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) factors: Arc<dyn Factors>,
    pub(crate) tokens: Arc<dyn TokenStore>,
    pub(crate) operations: Arc<dyn OperationIds>,
    pub(crate) mint: Arc<Mint>,
    pub(crate) legacy_use: LegacyUse,
}

/// What is shown to pay for an operation.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    /// The kind of token that it was sent as.
    pub(crate) kind: TokenKind,
    /// The token.
    pub(crate) jwt: SecretText,
    /// Of a token for a batch: by what the operation is shown to be one of it.
    pub(crate) leaf: Option<BatchLeaf>,
    /// Of a token that is tied to a key: the sender's proof of the key.
    pub(crate) sender_proof: Option<SecretText>,
}

/// An authorized operation.
#[derive(Debug)]
pub(crate) struct Authorized {
    /// The receipt.
    pub(crate) receipt: Receipt,
    /// The operation's digest.
    pub(crate) digest: Digest,
    /// Whether a single-use token was spent for it.
    pub(crate) token_redeemed: bool,
    /// The version of the environment that was judged by.
    pub(crate) policy_version: u64,
    /// The kind of token that paid, if one did.
    pub(crate) paid_by: Option<TokenKind>,
}

impl AuthorizeOperation {
    /// Authorizes `operation` for the caller, paid for by what is presented if a proof is needed.
    pub(crate) async fn authorize(
        &self,
        call: &UserCall,
        operation: CheckedOperation,
        presented: Option<Presented>,
    ) -> Result<Authorized> {
        call.trail.operation(operation.operation().id, *operation.digest().as_bytes()).await;
        let shown = presented
            .map(|presented| Ok((self.open(call, &operation, &presented)?, presented.leaf)))
            .transpose()?;
        let offered = async {
            match shown {
                Some((token, leaf)) => self.offered(call, &operation, token, leaf.as_ref()).await.map(Some),
                None => Ok(None),
            }
        };
        // They are in different places, so neither waits for the other.
        let (offered, facts) =
            tokio::join!(offered, self.factors.facts(call.environment, call.user, &call.session));
        let (offered, facts) = (offered?, facts?);
        let proof = offered.as_ref().and_then(|offered| offered.proof(&facts, call.at));
        let question = question(call, operation.action(), &facts, Some(&operation), proof.as_ref());
        let decision = self.policy.decide(question).await?;
        let digest = operation.digest();
        // Also of one that is not needed: who shows a token is refused for what is wrong with it.
        let shown = offered.as_ref().map(|offered| Revocable::of(&offered.token));
        let token = match decision.verdict {
            Verdict::Allow(_) => None,
            Verdict::AllowWithProof(requirement) => match (offered, proof) {
                (Some(offered), Some(_)) => Some(offered.token),
                // No proof was shown, so none can have satisfied anything.
                _ => return Err(step_up_required(&requirement, Some(digest))),
            },
            other => return Err(refused(&other, operation.action(), Some(digest), call.at)),
        };
        call.trail.intend().await?;
        let grant = Grant {
            operation: &operation,
            session: &call.session,
            token: token.as_ref(),
            policy_version: decision.policy_version,
        };
        let authorized = self.commit(call, grant, shown).await?;
        if authorized.paid_by == Some(TokenKind::LegacyMfa) {
            self.legacy_use.count(call.environment);
        }
        Ok(authorized)
    }

    /// The token that is shown, as far as it says itself what it is good for.
    fn open(&self, call: &UserCall, operation: &CheckedOperation, presented: &Presented) -> Result<Token> {
        let Presented { kind, jwt, leaf, sender_proof } = presented;
        if *kind == TokenKind::LegacyMfa {
            legacy::check_enabled(call)?;
        }
        let token = presented::open(&self.mint, call, *kind, jwt)?;
        sender::check(call, &token, jwt, operation.digest(), sender_proof.as_ref())?;
        presented::check_scope(&token, operation)?;
        presented::check_leaf(&token, leaf.as_ref())?;
        Ok(token)
    }

    /// Judges the token that was offered, short of what policy says.
    async fn offered(
        &self,
        call: &UserCall,
        operation: &CheckedOperation,
        token: Token,
        leaf: Option<&BatchLeaf>,
    ) -> Result<Offered> {
        // Before the binding: of a token that is spent and bound to something else, that it is spent says more.
        let record = self.tokens.get(token.key(), call.at).await?.ok_or_else(unknown)?;
        presented::check_record(&token, &record)?;
        let paid_at = check_use(&record, operation, call.at)?;
        let binding = token
            .bound
            .binding_to(operation, leaf)
            .ok_or_else(|| presented::bound_elsewhere(&token.bound))?;
        Ok(Offered { token, binding, paid_at })
    }

    /// The last step, with all that it needs in hand.
    async fn commit(
        &self,
        call: &UserCall,
        grant: Grant<'_>,
        shown: Option<Revocable>,
    ) -> Result<Authorized> {
        let (id, digest) = (grant.operation.operation().id, grant.operation.digest());
        let claim = OperationClaim {
            environment: call.environment,
            user: call.user,
            operation: id,
            digest,
            token: shown,
            at: call.at,
        };
        if let Err(refusal) = self.operations.claim(&claim).await {
            if claimed_nothing(refusal.reason()) {
                call.trail.untouched().await;
            }
            return Err(refusal);
        }
        let single_use = grant.token.filter(|token| token.behavior == TokenBehavior::SingleUse);
        if let Some(token) = single_use
            && let Err(refusal) = self.tokens.redeem(token.key(), id, digest, call.at).await
        {
            if self.release(&claim).await && was_not_spent(refusal.reason()) {
                call.trail.untouched().await;
            }
            return Err(refusal);
        }
        Ok(Authorized {
            receipt: self.mint.receipt(&grant, call.at)?,
            digest,
            token_redeemed: single_use.is_some(),
            policy_version: grant.policy_version,
            paid_by: grant.token.map(|token| token.kind),
        })
    }

    /// Lets go of an id under which this call authorized nothing. If it cannot be let go of, it stays used up, which is
    /// safe; what the caller is told is why nothing was authorized.
    async fn release(&self, claim: &OperationClaim) -> bool {
        let released = self.operations.release(claim).await;
        if let Err(error) = &released {
            tracing::warn!(?error, "an operation id under which nothing was authorized may stay tied");
        }
        released.is_ok()
    }
}

/// Whether it is certain of a refused claim that it tied nothing.
fn claimed_nothing(reason: Reason) -> bool {
    matches!(reason, Reason::OperationIdReused | Reason::TokenRevoked | Reason::TokenUnknown)
}

/// Whether it is certain of a refused redemption that it spent nothing.
fn was_not_spent(reason: Reason) -> bool {
    matches!(reason, Reason::TokenUnknown | Reason::TokenExpired | Reason::TokenAlreadyRedeemed)
}

/// Whether the token can pay for this operation now; when it paid for it, should it have done so already.
fn check_use(
    record: &TokenRecord,
    operation: &CheckedOperation,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let (id, digest) = (operation.operation().id, operation.digest());
    match record.redeem(id, digest, now) {
        Redemption::Redeemed(_) => Ok(None),
        Redemption::SameAgain => Ok(record.payment_for(id, digest).map(|payment| payment.at)),
        Redemption::AlreadyRedeemed => Err(already_redeemed()),
        Redemption::Expired => Err(expired()),
    }
}

/// A token that is good for the operation, as far as it can be told without policy.
struct Offered {
    token: Token,
    binding: Binding,
    /// When it paid for exactly this operation, if it did.
    paid_at: Option<Timestamp>,
}

impl Offered {
    /// The token as a proof; none when its factor is a factor no more. That it came with a proof of its key was found out
    /// before.
    fn proof(&self, facts: &FactorFacts, now: Timestamp) -> Option<Proof> {
        let by = match &self.token.source {
            Source::Factor(device) => ProvedBy::Factor { kind: facts.factor(*device)?.kind, device: *device },
            Source::Assertion(issuer) => ProvedBy::Assertion(issuer.clone()),
        };
        // Asking again does not make a proof older than it was when it was accepted.
        let age = self.paid_at.unwrap_or(now).since(self.token.auth_time);
        Some(Proof {
            token_kind: self.token.kind,
            by,
            acr: self.token.acr,
            auth_time: now.minus(age),
            scopes: self.token.scopes.clone(),
            binding: self.binding,
            token_behavior: self.token.behavior,
            sender_constrained: self.token.sender_key.is_some(),
        })
    }
}

#[cfg(test)]
mod tests;
