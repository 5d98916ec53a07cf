//! Proves a TOTP factor and makes an elevated access token.
//!
//! The code is consumed last: everything that can be refused without it is refused before. From then on every step
//! follows from the proof, so that the same request again makes the same token, wherever the first one ended: up to
//! the one step that happens once for ever, remembering that this token is issued. Whoever comes later finds the token
//! on file; if the store lost it, it is not made anew, because it may have been spent.

use std::sync::Arc;
use std::time::Duration;

use kernel::{
    Action, DeviceId, Error, FactorKind, Reason, RequestId, Result, SecretText, Timestamp, TokenId,
};
use operation::{CheckedOperation, MessageForm};
use runtime::UserCall;

use crate::domain::decision::{Question, Verdict};
use crate::domain::factors::{FactorFacts, FactorProof};
use crate::domain::purpose::Purpose;
use crate::domain::record::expired;
use crate::domain::refusal::{action_denied, step_up_required};
use crate::domain::requirement::{Binding, Requirement};
use crate::domain::terms::{self, Terms};
use crate::domain::token::Token;
use crate::mint::Mint;
use crate::ports::{CodeTest, Factors, IssuedTokens, Policy, TokenStore};
use crate::turns::Turns;

/// For how long after a token was issued it may still be on its way to the token store, by another process.
const IN_HAND: Duration = Duration::from_secs(10);

/// Makes elevated tokens from TOTP codes.
#[derive(Clone)]
pub(crate) struct AuthenticateTotp {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) factors: Arc<dyn Factors>,
    pub(crate) tokens: Arc<dyn TokenStore>,
    pub(crate) issued: Arc<dyn IssuedTokens>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) mint: Arc<Mint>,
}

/// What the caller sent.
pub(crate) struct Request {
    /// The code as it was typed.
    pub(crate) code: SecretText,
    /// The device; none for whichever the code fits.
    pub(crate) device: Option<DeviceId>,
    /// The scopes as they were written.
    pub(crate) scopes: Vec<String>,
    /// The operation to bind to.
    pub(crate) operation: Option<CheckedOperation>,
    /// The client's name for this request.
    pub(crate) request: RequestId,
}

/// A token as it is handed out.
#[derive(Debug)]
pub(crate) struct Elevated {
    /// The JWT.
    pub(crate) jwt: SecretText,
    /// What it says.
    pub(crate) token: Token,
}

impl AuthenticateTotp {
    /// Consumes the code and makes the token.
    pub(crate) async fn authenticate(&self, call: &UserCall, request: Request) -> Result<Elevated> {
        if let Some(operation) = &request.operation {
            call.trail.operation(operation.operation().id, *operation.digest().as_bytes()).await;
        }
        self.mint.check_time(call.at)?;
        let purpose = Purpose::new(&request.scopes, request.operation.as_ref())?;
        let terms = self.terms(call, &purpose, request.operation.as_ref()).await?;
        self.tokens.check_room(call.environment, call.user, call.at).await?;

        let test = CodeTest {
            environment: call.environment,
            user: call.user,
            session: &call.session,
            device: request.device,
            code: &request.code,
            request: request.request,
            purpose: purpose.digest(call.environment, call.user, &call.session),
        };
        let proof = self.factors.verify_totp(test).await?;
        let token = token(call, &purpose, terms, &proof);
        // A repetition whose first call was before a restore.
        self.mint.check_remembered(&token)?;
        let token = self.on_file(call, token).await?;
        Ok(Elevated { jwt: self.mint.elevated(&token)?, token })
    }

    /// What policy demands of a token for this purpose. Refuses what no TOTP code can satisfy.
    async fn terms(
        &self,
        call: &UserCall,
        purpose: &Purpose,
        operation: Option<&CheckedOperation>,
    ) -> Result<Terms> {
        let facts = self.factors.facts(call.environment, call.user).await?;
        let mut judged = Vec::with_capacity(purpose.scopes().len());
        for scope in purpose.scopes() {
            judged.push(self.judge(call, scope.action(), &facts, operation).await?);
        }
        terms::combine(judged.iter().map(|(requirement, version)| (requirement, *version)))
            .ok_or_else(|| Error::internal("a purpose without a scope"))
    }

    async fn judge(
        &self,
        call: &UserCall,
        action: Action,
        facts: &FactorFacts,
        operation: Option<&CheckedOperation>,
    ) -> Result<(Requirement, u64)> {
        let question = Question {
            environment: call.environment,
            user: call.user,
            action,
            facts,
            proof: None,
            opaque_payload: operation.is_some_and(is_opaque),
        };
        let decision = self.policy.decide(question).await?;
        let (requirement, demanded) = match decision.verdict {
            // Nothing is demanded now; a token may be wanted all the same, for when it is.
            Verdict::Allow(Some(requirement)) => (requirement, false),
            // A pending device is activated by its first right code, so having none yet is no refusal here.
            Verdict::StepUpRequired(requirement) | Verdict::EnrolmentRequired(requirement) => {
                (requirement, true)
            }
            Verdict::Allow(None) | Verdict::AllowWithProof(_) | Verdict::Deny => {
                return Err(action_denied(action));
            }
        };
        let reachable = FactorKind::Totp.acr() >= requirement.acr;
        let bound = requirement.binding == Binding::Scope || operation.is_some();
        if demanded && !(reachable && bound) {
            return Err(step_up_required(&requirement, operation.map(CheckedOperation::digest)));
        }
        Ok((requirement, decision.policy_version))
    }

    /// Puts the token on file. A repetition gets the token of the first time, also when policy has changed since; what
    /// the store has lost is refused.
    async fn on_file(&self, call: &UserCall, token: Token) -> Result<Token> {
        // Repetitions in this process wait for the first one, and then find its token.
        let _turn = self.turns.of(token.id).await;
        let earlier = match self.tokens.get(token.key(), call.at).await? {
            Some(record) if record.token.same_purpose(&token) => Some(record.token),
            Some(_) => return Err(Error::internal("one proof was given for two purposes")),
            None => None,
        };
        let first = earlier.is_none();
        let token = earlier.unwrap_or(token);
        // Only a late repetition gets here with a token that is over: a fresh one needs a fresh code.
        if call.at >= token.expires {
            return Err(expired());
        }
        if first {
            self.issue(call, &token).await?;
        }
        Ok(token)
    }

    /// Issues a token that is not on file, if it never was.
    async fn issue(&self, call: &UserCall, token: &Token) -> Result<()> {
        if let Some(issued) = self.issued.issued_at(token.id).await? {
            let in_hand = call.at < issued.plus(IN_HAND);
            return Err(if in_hand { being_issued() } else { lost() });
        }
        call.trail.intend().await?;
        if !self.issued.remember(token.id, call.at).await? {
            return Err(being_issued());
        }
        self.tokens.issue(token, call.at).await
    }
}

/// Whether the operation signs bytes that show nothing of what they mean.
pub(crate) fn is_opaque(operation: &CheckedOperation) -> bool {
    operation.facts().message.as_ref().is_some_and(|message| message.form == MessageForm::Binary)
}

/// The refusal of a repetition that overtakes the first call.
fn being_issued() -> Error {
    Error::new(
        Reason::StoreUnavailable,
        "another call is answering the same request; send it, with the same request id and code, again",
    )
    .retry_after(Duration::from_secs(1))
}

/// The refusal of a repetition for whose token the store has no record any more.
fn lost() -> Error {
    Error::new(
        Reason::TokenUnknown,
        "an elevated token was made for this request and the token store has no record of it any more; authenticate \
         anew, with a fresh code and a fresh request id",
    )
}

fn token(call: &UserCall, purpose: &Purpose, terms: Terms, proof: &FactorProof) -> Token {
    // The proof's time, so that a repetition makes the same token; by our own clock it is never in the future.
    let issued = Timestamp::from_seconds(proof.auth_time.min(call.at).seconds());
    Token {
        id: TokenId::derive(proof.id),
        environment: call.environment,
        user: call.user,
        session: call.session.clone(),
        scopes: purpose.scopes().to_vec(),
        behavior: terms.behavior,
        operation: purpose.operation(),
        acr: proof.kind.acr(),
        amr: proof.kind.amr().to_vec(),
        auth_time: issued,
        device: proof.device,
        policy_version: terms.policy_version,
        issued,
        expires: issued.plus(terms.life),
    }
}

#[cfg(test)]
mod tests;
